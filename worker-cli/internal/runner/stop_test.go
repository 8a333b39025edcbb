package runner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// A stopped worker submits what it has, and says nothing of checks it broke off.
func TestStopSubmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(500, 10_000)}
		w := newWorker(n)
		start := time.Now()
		totals := w.runFor(t, 800*time.Millisecond) // before the first submission
		if took := time.Since(start); took != 800*time.Millisecond {
			t.Errorf("stopped after %v", took)
		}
		if totals != (Totals{Checks: 1, Accepted: 1, Earned: reward}) || len(n.accepted) != 1 || len(events[Refused](w)) != 0 {
			t.Errorf("%+v, %d accepted, refused %v", totals, len(n.accepted), events[Refused](w))
		}
		if got := events[Stopped](w); len(got) != 1 || got[0] != (Stopped{Totals: totals}) || w.heard[len(w.heard)-1] != Event(got[0]) {
			t.Errorf("%+v", got)
		}
	})
}

// A stop during a delay of the worker's own is the moment for a last attempt,
// and for more as long as there is time.
func TestStopTriesOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(give(0)), before: func(attempt int, _ []api.Result) error {
			if attempt <= 7 {
				return away
			}
			return nil
		}}
		w := newWorker(n)
		start := time.Now()
		w.runFor(t, 70*time.Second) // in the long delay after the sixth attempt
		if len(n.accepted) != 1 || time.Since(start) > 80*time.Second {
			t.Errorf("%d accepted after %d attempts and %v", len(n.accepted), len(n.triedAt), time.Since(start))
		}
	})
}

// An API that asked for time gets it even then.
func TestStopDoesNotHurryTheAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(give(0, 0)), before: func(int, []api.Result) error {
			return &client.Error{Status: 429, RetryAfter: time.Minute, Text: "slow down"}
		}}
		w := newWorker(n)
		start := time.Now()
		w.runFor(t, 5*time.Second)
		if len(n.triedAt) != 1 || time.Since(start) != 5*time.Second {
			t.Errorf("%d attempts, stopped after %v", len(n.triedAt), time.Since(start))
		}
		if got := events[Stopped](w); got[0].Unsent != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// hung never answers a submission before its caller gives up.
type hung struct{ network }

func (h *hung) Submit(ctx context.Context, _ []api.Result) (client.Receipt, error) {
	<-ctx.Done()
	return client.Receipt{}, ctx.Err()
}

func TestStopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(&hung{network{tasks: give(600, 10_000)}})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		w.outbox.add(api.Result{TaskID: "kept", Timestamp: time.Now().UnixMilli()})
		w.outbox.retry.failed(time.Now(), 0) // so that it is not tried before the end
		w.Run(ctx)
		if took := time.Since(start); took > 500*time.Millisecond+stopTime+time.Second {
			t.Errorf("stopped after %v", took)
		}
		if got := events[Stopped](w); got[0].Unsent != 1 {
			t.Errorf("%+v", got)
		}
	})
}
