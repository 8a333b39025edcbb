// Package schedule decides who checks what and when, and which result counts.
// It is pure: the clock is passed in, and nothing is stored here.
//
// A due task opens a cycle; at most SlotsPerCycle workers hold it at a time,
// and the first valid result wins the cycle and closes it. When a task is due,
// and what was promised of it, window.go says; which worker may have which slot
// and when, slots.go; what a worker is known by, worker.go and standing.go.
package schedule

import (
	"errors"
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

// Slot is one hold on the open cycle.
type Slot struct {
	Worker    common.Address
	ExpiresAt time.Time
	Kind      SlotKind
}

// Task is a task and its open cycle.
type Task struct {
	ID             string
	Group          string // what is checked from several regions has a task for each, in one group; "": this one alone
	URL            string
	ExpectedStatus int
	Timeout        time.Duration
	RewardMicros   ledger.Micros // before the tier's multiplier
	Region         string        // "" = any
	Interval       time.Duration
	BuyerTier      BuyerTier
	Class          Class
	Active         bool

	Cycle          int64     // number of the open cycle, or of the next one while nothing is due
	Holders        []Slot    // of the open cycle; some may have expired
	LastAcceptedAt time.Time // zero: never
	DueAt          time.Time // when the next cycle may open, or this one might have

	Offer
	Tally
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
	ErrPaused    = errors.New("schedule: task is paused")
	ErrRegion    = errors.New("schedule: task is for another region")
	ErrNotDue    = errors.New("schedule: task is not due")
	ErrNotAtRisk = errors.New("schedule: task is not in need of a backup")
	ErrKept      = errors.New("schedule: task is kept for a higher tier at first")
	ErrHeld      = errors.New("schedule: this worker has had the task in this cycle")
	ErrFull      = errors.New("schedule: no slot of the cycle is free for this worker")
	ErrNoRoom    = errors.New("schedule: this worker holds as many tasks as it may")
)

// Open begins the life of a new task: it is due at once.
func (t *Task) Open(now time.Time) {
	t.Cycle, t.Holders, t.LastAcceptedAt, t.DueAt = 1, nil, time.Time{}, now
	t.Tally = Tally{}
	t.settle(now)
	t.offer(now)
}

// Redefine gives the task the definition that want has, and leaves its cycle
// and its holders as they are. Unless the change matters to who may have it
// when, it is offered as it was.
func (t *Task) Redefine(want *Task, now time.Time) {
	begun := !t.From.IsZero() || !t.Active
	t.settle(now) // what ended before was promised by the old definition
	before := *t
	t.Group, t.URL, t.ExpectedStatus, t.Timeout, t.RewardMicros = want.Group, want.URL, want.ExpectedStatus, want.Timeout, want.RewardMicros
	t.Region, t.Interval, t.BuyerTier, t.Class, t.Active = want.Region, want.Interval, want.BuyerTier, want.Class, want.Active
	windows := before.Active == t.Active && before.Window() == t.Window() && before.phase() == t.phase()
	if !windows {
		t.From = time.Time{} // the window in which it changes counts as neither
		t.settle(now)
	}
	if begun && windows && before.Timeout == t.Timeout && before.Interval == t.Interval && before.BuyerTier == t.BuyerTier && before.Class == t.Class {
		return
	}
	if !t.LastAcceptedAt.IsZero() {
		t.DueAt = t.dueAfter(t.LastAcceptedAt)
	}
	t.offer(now)
}

// Claim assigns the task to w, or says why not. prior is the worker's latest
// assignment of this task, or nil. When every hold of a cycle expired without
// a result, the cycle has lapsed and the claim opens the next one: so a worker
// never holds a cycle twice, and yet nothing is ever orphaned.
func (t *Task) Claim(w *Worker, now time.Time, prior *Assignment) (Assignment, error) {
	kind := w.Kind()
	switch {
	case !t.Active:
		return Assignment{}, ErrPaused
	case t.Region != "" && t.Region != w.Region:
		return Assignment{}, ErrRegion
	case now.Before(t.DueAt):
		return Assignment{}, ErrNotDue
	case kind == BackupSlot && (!t.Guaranteed() || now.Before(t.riskAt())):
		return Assignment{}, ErrNotAtRisk
	case kind != BackupSlot && w.Tier.Rank() < t.Class.rank() && now.Before(t.keptUntil()):
		return Assignment{}, ErrKept
	case w.Room(now) <= 0:
		return Assignment{}, ErrNoRoom
	}
	cycle := t.Cycle
	live := t.live(now)
	if len(t.Holders) > 0 && len(live) == 0 {
		cycle++
	}
	if prior != nil && prior.Cycle == cycle {
		return Assignment{}, ErrHeld
	}
	if t.opening(kind, now).After(now) {
		return Assignment{}, ErrFull
	}
	a := Assignment{TaskID: t.ID, Worker: w.Address, Cycle: cycle, AssignedAt: now, ExpiresAt: now.Add(t.Timeout + SlotGrace)}
	if prior != nil {
		a.ResultAt = prior.ResultAt
	}
	t.Cycle = cycle
	t.Holders = append(live, Slot{w.Address, a.ExpiresAt, kind})
	t.offer(now)
	w.Standing.took(t.ID, a.ExpiresAt)
	return a, nil
}

// StillHeld says that worker has the task in hand: its hold is live, and no
// result came yet. A poll is given that same assignment once more, for the
// answer to an earlier poll may have been lost.
func (t *Task) StillHeld(worker common.Address, now time.Time) bool {
	for _, s := range t.live(now) {
		if s.Worker == worker {
			return t.Active
		}
	}
	return false
}

// win closes the open cycle at now.
func (t *Task) win(now time.Time) {
	t.settle(now)
	t.Cycle++
	t.Holders = nil
	if now.After(t.LastAcceptedAt) { // another instance's clock may be ahead
		t.LastAcceptedAt = now
	}
	t.DueAt = t.dueAfter(t.LastAcceptedAt)
	t.offer(now)
}
