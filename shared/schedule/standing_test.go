package schedule

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// outcomes plays deliveries (1) and losses (0), each loss alone.
func outcomes(text string) *Standing {
	s := &Standing{}
	for _, c := range text {
		s.took("t", t0.Add(-lateGrace))
		if c == '1' {
			s.Deliver("t")
			continue
		}
		s.Settle(t0)
	}
	return s
}

func TestStandingFollowsWhatWasDelivered(t *testing.T) {
	for _, c := range []struct {
		outcomes         string
		unproven, proven int // tasks it may hold
		reliable         bool
		rest             time.Duration // after its last loss
	}{
		{"", 5, 10, false, 0},
		{"1", 8, 13, false, 0},
		{"0", 1, 5, false, 0},
		{"00", 1, 1, false, time.Minute},
		{"001", 1, 3, false, 0},
		{"0000000000000000", 1, 1, false, 8 * time.Minute},
		{"00000000000000000000", 1, 1, false, 8 * time.Minute},
		{"111111111", 32, 37, false, 0},
		{"1111111111", 35, 40, true, 0},
		{"1111111110", 27, 32, true, 0},
		{"1111111100", 19, 24, false, 0},
		{"0011111111111111", 37, 42, false, 0},
		{"00111111111111111", 45, 50, true, 0}, // the first loss is forgotten
		{"1111111111111111", 50, 50, true, 0},
		{"0101010101010101", 1, 1, false, 96 * time.Second},
	} {
		s := outcomes(c.outcomes)
		w := &Worker{Standing: s}
		long := t0.Add(time.Hour)
		unproven := w.Room(long)
		w.Proven = true
		if unproven != c.unproven || w.Room(long) != c.proven || w.Trusted() != c.reliable {
			t.Errorf("%s: room for %d, proven %d, trusted %v; want %d, %d, %v", c.outcomes, unproven, w.Room(long), w.Trusted(), c.unproven, c.proven, c.reliable)
		}
		lost := t0.Add(-lateGrace)
		if until := s.RestUntil(); c.rest == 0 && !until.IsZero() || c.rest > 0 && !until.Equal(lost.Add(c.rest)) {
			t.Errorf("%s: rests until %v, want %v", c.outcomes, until, lost.Add(c.rest))
		}
		if c.rest > 0 && (w.Room(lost.Add(c.rest-1)) != 0 || w.Room(lost.Add(c.rest)) == 0) {
			t.Errorf("%s: the rest of %v is not kept", c.outcomes, c.rest)
		}
		w.Proven = false
		if w.Trusted() {
			t.Errorf("%s: trusted without a proof", c.outcomes)
		}
	}
}

func TestOpenAssignments(t *testing.T) {
	s := &Standing{}
	for _, id := range []string{"a", "b", "c", "d"} {
		s.took(id, t0)
	}
	shared := *s
	if got := s.Live(t0.Add(-1)); !slices.Equal(got, []string{"a", "b", "c", "d"}) || len(s.Live(t0)) != 0 {
		t.Errorf("live: %v, and then %v", got, s.Live(t0))
	}
	s.Settle(t0.Add(lateGrace - 1)) // they may come yet
	if len(s.Open) != 4 || s.Outcomes != 0 {
		t.Errorf("lost too early: %+v", s)
	}
	s.Deliver("b")
	if len(s.Open) != 3 || s.Outcomes != 1 || s.Recent != 1 {
		t.Errorf("delivered: %+v", s)
	}
	s.took("e", t0.Add(1))
	s.Settle(t0.Add(lateGrace)) // three lost together are one mishap
	if len(s.Open) != 1 || s.Outcomes != 2 || s.Recent != 0b10 || !s.LostAt.Equal(t0) {
		t.Errorf("lost: %+v", s)
	}
	s.Deliver("a") // it counts as lost
	s.Deliver("b") // once more
	if s.Outcomes != 2 || s.Recent != 0b10 {
		t.Errorf("what is not open was counted: %+v", s)
	}
	if len(shared.Open) != 4 || shared.Open[1].TaskID != "b" {
		t.Errorf("a copy changed with it: %+v", shared)
	}
}

func TestAdmit(t *testing.T) {
	s := &Standing{}
	minute := t0.Truncate(time.Minute)
	for range PollsPerMinute {
		if err := s.Admit(minute.Add(20*time.Second), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	var many TooManyPollsError
	if err := s.Admit(minute.Add(45*time.Second), time.Time{}); !errors.As(err, &many) || many.RetryAfter() != 15*time.Second {
		t.Errorf("one too many: %v", err)
	}
	if err := s.Admit(minute.Add(-time.Second), time.Time{}); !errors.As(err, &many) || many.RetryAfter() != 61*time.Second {
		t.Errorf("by an instance whose clock is behind: %v", err)
	}
	if err := s.Admit(minute.Add(time.Minute), time.Time{}); err != nil {
		t.Errorf("in the next minute: %v", err)
	}
	// The first proof begins anew: what was done without is nobody's.
	s.outcome(1)
	if err := s.Admit(minute.Add(time.Minute), t0); err != nil || s.Outcomes != 0 || s.Polls != 1 {
		t.Errorf("the first proof: %v, %+v", err, s)
	}
	s.outcome(1)
	refused := func(name string, at time.Time, want api.Code) {
		t.Helper()
		before := *s
		err := s.Admit(minute.Add(time.Minute), at)
		if e, ok := errors.AsType[*api.ProofError](err); !ok || e.Code != want || !reflect.DeepEqual(*s, before) {
			t.Errorf("%s: %v, and the standing is %+v, was %+v", name, err, s, before)
		}
	}
	refused("the same proof again", t0, api.ProofReplayed)
	refused("an older proof", t0.Add(-time.Millisecond), api.ProofReplayed)
	refused("no proof any more", time.Time{}, api.ProofMissing)
	if err := s.Admit(minute.Add(time.Minute), t0.Add(time.Millisecond)); err != nil || s.Polls != 2 || s.Outcomes != 1 {
		t.Errorf("a newer proof: %v, %+v", err, s)
	}
}

func TestForget(t *testing.T) {
	if got := outcomes("000").ForgetAt(t0); !got.Equal(t0.Add(rememberOthers)) {
		t.Errorf("who never delivered is remembered until %v", got)
	}
	if got := outcomes("10").ForgetAt(t0); !got.Equal(t0.Add(rememberDelivering)) {
		t.Errorf("who delivered is remembered until %v", got)
	}
}
