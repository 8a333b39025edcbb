package spannerdb_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Who hangs up in the middle of a transaction leaves none open: the locks of
// one that nobody ends would stop all others.
func TestACallerHangsUp(t *testing.T) {
	for _, c := range []struct {
		name    string
		at      string // the RPC
		fault   error  // of that RPC, the first time
		commits int
		counter int64
		errs    bool
	}{
		{"at the commit", "Commit", nil, 1, 1, false},
		{"at the first read", "ExecuteStreamingSql", nil, 1, 1, false},
		{"when Spanner aborts it: it is not run again", "Commit", spannertest.ErrAborted, 1, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			database := counterDB(t)
			ctx, hangUp := context.WithCancel(t.Context())
			commits, hungUp := 0, false
			db := spannertest.Open(t, database, spannertest.Intercept(func(method string) error {
				if method == "Commit" {
					commits++
				}
				if hungUp || method != c.at && (c.at == "Commit" || method == "CreateSession") {
					return nil
				}
				hungUp = true
				hangUp()
				return c.fault
			}, nil)...)
			err := addOne(ctx, db)
			if (err != nil) != c.errs || c.errs && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want an error: %v", err, c.errs)
			}
			if got := counter(t, database); commits != c.commits || got != c.counter {
				t.Errorf("%d commits, and the counter is %d; want %d and %d", commits, got, c.commits, c.counter)
			}
			var rpcs spannertest.RPCs
			if err := addOne(t.Context(), spannertest.Open(t, database, rpcs.Options()...)); err != nil || rpcs.Trips() > 2 {
				t.Errorf("another client's transaction: %v; %s: one was left open", err, &rpcs)
			}
		})
	}
}

func TestNothingBeginsAfterTheContextEnded(t *testing.T) {
	var rpcs spannertest.RPCs
	database := counterDB(t)
	db := spannertest.Open(t, database, rpcs.Options()...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := addOne(ctx, db); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context was cancelled", err)
	}
	if rpcs.Trips() != 0 || counter(t, database) != 0 {
		t.Errorf("%s; the counter is %d", &rpcs, counter(t, database))
	}
}

func TestSeenThroughEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		lasting, cancel := spannerdb.SeenThrough(ctx)
		defer cancel()
		time.Sleep(time.Hour)
		end()
		time.Sleep(spannerdb.FinishWithin - time.Nanosecond)
		synctest.Wait()
		if lasting.Err() != nil {
			t.Fatal("a transaction was cut off before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if lasting.Err() == nil {
			t.Fatal("a transaction may go on for ever")
		}
	})
}
