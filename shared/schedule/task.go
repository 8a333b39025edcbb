// Package schedule decides who checks what and when, and which result counts.
// It is pure: the clock is passed in, and nothing is stored here.
//
// A task is due when its interval has passed since the last accepted check. A
// due task opens a cycle; at most SlotsPerCycle workers hold it at a time, and
// the first valid result wins the cycle and closes it.
package schedule

import (
	"errors"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// The rules' numbers (product.md, Tasks and cycles).
const (
	SlotsPerCycle = 3
	SlotGrace     = 20 * time.Second // beyond the task's timeout, until an assignment frees its slot
)

// Class is how much a task is worth to whom; it orders what a poll is given.
type Class string

// The priority classes (product.md, Money).
const (
	Standard   Class = "standard"
	Priority   Class = "priority"
	HighValue  Class = "high_value"
	Enterprise Class = "enterprise"
)

// Slot is one live hold on the open cycle.
type Slot struct {
	Worker    common.Address
	ExpiresAt time.Time
}

// Task is a task and its open cycle.
type Task struct {
	ID             string
	URL            string
	ExpectedStatus int
	Timeout        time.Duration
	RewardMicros   ledger.Micros // before the tier's multiplier
	Region         string        // "" = any
	Interval       time.Duration
	BuyerTier      string
	Class          Class
	Active         bool

	Cycle          int64     // number of the open cycle, or of the next one while nothing is due
	Holders        []Slot    // of the open cycle; some may have expired
	LastAcceptedAt time.Time // zero: never
	OfferAt        time.Time // earliest time at which somebody could be given it; key of the due queue; zero while paused
}

// Assignment is a worker's latest hold on a task. A worker has at most one per task.
type Assignment struct {
	TaskID     string
	Worker     common.Address
	Cycle      int64
	AssignedAt time.Time
	ExpiresAt  time.Time
	// ResultAt is the timestamp of the latest result that was judged for it,
	// won or lost, so that a result cannot be offered again in a later cycle.
	ResultAt time.Time
}

// The reasons for which a task is not handed out. None is an error of the
// caller's: a poll just gets other tasks, or none.
var (
	ErrPaused = errors.New("schedule: task is paused")
	ErrNotDue = errors.New("schedule: task is not due")
	ErrFull   = errors.New("schedule: all slots of the cycle are held")
	ErrHeld   = errors.New("schedule: this worker has had the task in this cycle")
	ErrRegion = errors.New("schedule: task is for another region")
)

// DueAt is when the next cycle may open.
func (t *Task) DueAt() time.Time {
	if t.LastAcceptedAt.IsZero() {
		return time.Time{}
	}
	return t.LastAcceptedAt.Add(t.Interval)
}

// Claim assigns the task to worker, or says why not. prior is the worker's
// latest assignment of this task, or nil. When every hold of a cycle expired
// without a result, the cycle has lapsed and the claim opens the next one: so
// a worker never holds a cycle twice, and yet nothing is ever orphaned.
func (t *Task) Claim(worker common.Address, region string, now time.Time, prior *Assignment) (Assignment, error) {
	switch {
	case !t.Active:
		return Assignment{}, ErrPaused
	case now.Before(t.DueAt()):
		return Assignment{}, ErrNotDue
	case t.Region != "" && t.Region != region:
		return Assignment{}, ErrRegion
	}
	cycle := t.Cycle
	live := t.live(now)
	if len(t.Holders) > 0 && len(live) == 0 {
		cycle++
	}
	if prior != nil && prior.Cycle == cycle {
		return Assignment{}, ErrHeld
	}
	if len(live) >= SlotsPerCycle {
		return Assignment{}, ErrFull
	}
	a := Assignment{TaskID: t.ID, Worker: worker, Cycle: cycle, AssignedAt: now, ExpiresAt: now.Add(t.Timeout + SlotGrace)}
	if prior != nil {
		a.ResultAt = prior.ResultAt
	}
	t.Cycle = cycle
	t.Holders = append(live, Slot{worker, a.ExpiresAt})
	t.OfferAt = t.nextOffer(now)
	return a, nil
}

// Reoffer sets OfferAt anew after the task's definition changed: Active,
// Interval, or the task is new.
func (t *Task) Reoffer(now time.Time) { t.OfferAt = t.nextOffer(now) }

// nextOffer is never while the task is paused, then when it is due, then now
// while a slot is free, else when the first hold ends.
func (t *Task) nextOffer(now time.Time) time.Time {
	if !t.Active {
		return time.Time{}
	}
	if due := t.DueAt(); now.Before(due) {
		return due
	}
	live := t.live(now)
	if len(live) < SlotsPerCycle {
		return now
	}
	first := slices.MinFunc(live, func(a, b Slot) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	return first.ExpiresAt
}

// live are the holds that have not ended, in a slice of their own.
func (t *Task) live(now time.Time) []Slot {
	return slices.DeleteFunc(slices.Clone(t.Holders), func(s Slot) bool { return !now.Before(s.ExpiresAt) })
}

// win closes the open cycle at now.
func (t *Task) win(now time.Time) {
	t.Cycle++
	t.Holders = nil
	t.LastAcceptedAt = now
	t.OfferAt = t.nextOffer(now)
}
