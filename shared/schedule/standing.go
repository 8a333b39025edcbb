package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// What a worker may hold follows from what it did with what it held before.
const (
	// MaxOpen is how many assignments a worker may have open: what fits into one
	// submission.
	MaxOpen = 50
	// A newcomer may have provenOpen, which is what it checks at once; one whose
	// polls do not prove its address, unprovenOpen, which is more than the pilot
	// has tasks.
	provenOpen   = 10
	unprovenOpen = 5
	// Each delivery of the latest outcomesKept gives three more, each assignment
	// that brought nothing takes five: at three in four a worker grows, at one
	// in two it shrinks.
	outcomesKept = 16
	deliveredAdd = 3
	lostTake     = 5
	// Those lost together are one mishap, such as a lid that was closed: they
	// count as a third.
	lostTogether = 3
	// A worker whose losses outweigh its deliveries by restFrom rests, the longer
	// the more it lost, and is then given one task at a time. 1,000 addresses
	// that only take hold some 60 slots so, and none of those kept for others.
	restFrom = -2 * lostTake
	restEach = 6 * time.Second

	// Reliable is who delivered nine in ten of the latest, and at least
	// reliableFrom.
	reliableFrom = 10
	reliableOf   = 10

	// lateGrace is how long after its hold's end a result may still come before
	// it counts as lost: the clocks of instances differ, and the last slot's
	// owner may yet be first.
	lateGrace = 30 * time.Second

	// PollsPerMinute of a wallet are answered. A worker polls twice a minute and
	// may try again; a backup polls every few seconds.
	PollsPerMinute = 60

	// Forgotten is who did not poll for so long. Of an address that never
	// delivered there is little to remember.
	rememberDelivering = 30 * 24 * time.Hour
	rememberOthers     = 24 * time.Hour
)

// Standing is what a worker did with its recent assignments, and how it polls.
// The zero value is a newcomer's.
type Standing struct {
	Open     []Hold // no result was judged for them, and they do not count as lost yet; the latest last
	Outcomes int    // how many outcomes are in Recent, at most outcomesKept
	Recent   int64  // a bit for each of the latest outcomes, the lowest for the last: 1 is delivered
	LostAt   time.Time

	ProvenAt time.Time // of the latest poll that proved its address
	Minute   time.Time // in which Polls were made
	Polls    int
}

// Hold is an open assignment.
type Hold struct {
	TaskID    string
	ExpiresAt time.Time
}

// ErrTooManyPolls is a wallet's that polled PollsPerMinute times in a minute.
var ErrTooManyPolls = errors.New("too many polls")

// TooManyPollsError is an ErrTooManyPolls that says when the next one is
// welcome.
type TooManyPollsError struct{ Wait time.Duration }

func (e TooManyPollsError) Error() string {
	return fmt.Sprintf("%v: %d a minute are answered; poll again in %v, and then every 30 s", ErrTooManyPolls, PollsPerMinute, e.Wait)
}

func (TooManyPollsError) Unwrap() error { return ErrTooManyPolls }

// RetryAfter is how long to wait.
func (e TooManyPollsError) RetryAfter() time.Duration { return e.Wait }

// Admit counts a poll, or refuses it: with api.ReplayedProof when its proof is
// no newer than the last one, with api.MissingProof when it has none and one
// before had, with a TooManyPollsError when it is one too many. provenAt is as
// in Poll.
//
// Anybody can send polls without a proof in a worker's name, and lose what they
// take. So a worker's first proof begins its standing anew, and from then on
// nothing without a proof touches it.
func (s *Standing) Admit(now, provenAt time.Time) error {
	switch {
	case provenAt.IsZero() && !s.ProvenAt.IsZero():
		return api.MissingProof()
	case !provenAt.IsZero() && s.ProvenAt.IsZero():
		*s = Standing{}
	case !provenAt.IsZero() && !provenAt.After(s.ProvenAt):
		return api.ReplayedProof(s.ProvenAt)
	}
	if minute := now.Truncate(time.Minute); minute.After(s.Minute) { // an instance whose clock is behind begins none anew
		s.Minute, s.Polls = minute, 0
	}
	if s.Polls >= PollsPerMinute {
		return TooManyPollsError{s.Minute.Add(time.Minute).Sub(now)}
	}
	s.Polls++
	if !provenAt.IsZero() {
		s.ProvenAt = provenAt
	}
	return nil
}

// Settle counts the assignments that brought nothing in time.
func (s *Standing) Settle(now time.Time) {
	lost := 0
	s.Open = slices.DeleteFunc(slices.Clone(s.Open), func(h Hold) bool {
		if now.Before(h.ExpiresAt.Add(lateGrace)) {
			return false
		}
		lost++
		s.LostAt = later(s.LostAt, h.ExpiresAt)
		return true
	})
	for range (lost + lostTogether - 1) / lostTogether {
		s.outcome(0)
	}
}

// Deliver counts a result that was judged for an assignment of this task and
// was not rejected. That others were quicker does not matter. What is not open
// does not count: more results for one assignment, which are discarded, would
// make anybody reliable, and what counts as lost stays lost.
func (s *Standing) Deliver(taskID string) {
	open := len(s.Open)
	s.Open = slices.DeleteFunc(slices.Clone(s.Open), func(h Hold) bool { return h.TaskID == taskID })
	if len(s.Open) < open {
		s.outcome(1)
	}
}

// Holds says that it has an open assignment of the task.
func (s *Standing) Holds(taskID string) bool {
	return slices.ContainsFunc(s.Open, func(h Hold) bool { return h.TaskID == taskID })
}

func (s *Standing) outcome(bit int64) {
	s.Recent = (s.Recent<<1 | bit) & (1<<outcomesKept - 1)
	s.Outcomes = min(s.Outcomes+1, outcomesKept)
}

func (s *Standing) took(taskID string, expires time.Time) {
	s.Open = append(slices.Clone(s.Open), Hold{taskID, expires})
}

// Live are the tasks that it holds now, for which no result came yet.
func (s *Standing) Live(now time.Time) []string {
	var out []string
	for _, h := range s.Open {
		if now.Before(h.ExpiresAt) {
			out = append(out, h.TaskID)
		}
	}
	return out
}

func (s *Standing) delivered() int { return bits.OnesCount64(uint64(s.Recent)) }

func (s *Standing) lost() int { return s.Outcomes - s.delivered() }

func (s *Standing) balance() int { return deliveredAdd*s.delivered() - lostTake*s.lost() }

// allowance is how many assignments it may have open.
func (s *Standing) allowance(proven bool) int {
	first := unprovenOpen
	if proven {
		first = provenOpen
	}
	return min(MaxOpen, max(1, first+s.balance()))
}

// Reliable says that it delivers what it takes.
func (s *Standing) Reliable() bool {
	return s.Outcomes >= reliableFrom && s.lost()*reliableOf <= s.Outcomes
}

// RestUntil is until when it is given nothing; a past time when it may work.
func (s *Standing) RestUntil() time.Time {
	b := s.balance()
	if b > restFrom {
		return time.Time{}
	}
	return s.LostAt.Add(time.Duration(-b) * restEach)
}

// ForgetAt is when the record of it may go, if nothing happens from now on.
func (s *Standing) ForgetAt(now time.Time) time.Time {
	if s.Recent == 0 {
		return now.Add(rememberOthers)
	}
	return now.Add(rememberDelivering)
}
