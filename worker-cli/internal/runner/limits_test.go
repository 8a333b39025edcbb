package runner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
)

// In no minute are there more checks than allowed, and few less.
func TestChecksPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(1, 2, 3, 4, 5)}
		w := newWorker(n)
		w.Limits = NewLimits(7, 0)
		var at []time.Time
		inner := w.Check
		w.Check = func(ctx context.Context, task api.Task) (check.Observation, error) {
			n.mu.Lock()
			at = append(at, time.Now())
			n.mu.Unlock()
			return inner(ctx, task)
		}
		w.runFor(t, time.Hour)
		for i := 7; i < len(at); i++ {
			if gap := at[i].Sub(at[i-7]); gap < time.Minute {
				t.Fatalf("eight checks within %v", gap)
			}
		}
		if len(at) < 300 || len(events[Limited](w)) == 0 {
			t.Errorf("%d checks in an hour, limited %d times", len(at), len(events[Limited](w)))
		}
		for _, gap := range gaps(n.polledAt) { // no task is fetched that there is no room for
			if gap > 2*time.Minute {
				t.Errorf("%v between two polls", gap)
			}
		}
	})
}

func TestBytesPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(1)}
		w := newWorker(n)
		w.Interval = 10 * time.Second
		w.Limits = NewLimits(0, 100_000)
		moved := 0
		inner := w.Check
		w.Check = func(ctx context.Context, task api.Task) (check.Observation, error) {
			w.Limits.Moved(60_000)
			moved += 60_000
			return inner(ctx, task)
		}
		w.runFor(t, time.Hour)
		if moved > 61*160_000 || moved < 50*100_000 {
			t.Errorf("%d bytes in an hour", moved)
		}
		if polls := len(n.polledAt); polls > 150 {
			t.Errorf("%d polls, though there was room for %d checks", polls, moved/60_000)
		}
	})
}

func TestNoLimits(t *testing.T) {
	var none *Limits
	if !none.take() || none.wait() != 0 {
		t.Error("no limits limit")
	}
	l := NewLimits(0, 0)
	l.Moved(1 << 30)
	if !l.take() || l.wait() != 0 {
		t.Error("limits of 0 limit")
	}
	l = NewLimits(2, 0)
	clock := time.Unix(1764000000, 0)
	l.now = func() time.Time { return clock }
	if n := takes(l); n != 2 || l.wait() != 61*time.Second {
		t.Errorf("%d checks, then wait %v", n, l.wait())
	}
	clock = clock.Add(-time.Hour) // set back
	if !l.take() {
		t.Error("a clock that was set back stops the worker")
	}
	clock = clock.Add(48 * time.Hour)
	if n := takes(l); n != 2 {
		t.Errorf("%d checks two days later", n)
	}
}

// takes is how many checks there may be now.
func takes(l *Limits) (n int) {
	for l.take() {
		n++
	}
	return n
}
