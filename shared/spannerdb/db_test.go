package spannerdb_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

const lease = "counter"

// addOne adds to a number kept in the table Leases, where it does no harm.
func addOne(ctx context.Context, db *spannerdb.DB) error {
	_, err := spannerdb.ReadWrite(db, ctx, "test-add-one", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		row, err := tx.ReadRow(ctx, "Leases", spanner.Key{lease}, []string{"Until"})
		if err != nil {
			return err
		}
		var at time.Time
		if err := row.Column(0, &at); err != nil {
			return err
		}
		return tx.BufferWrite([]*spanner.Mutation{
			spanner.Update("Leases", []string{"Name", "Until"}, []any{lease, at.Add(time.Second)}),
		})
	})
	return err
}

func counterDB(t *testing.T) string {
	t.Helper()
	database := spannertest.New(t)
	_, err := spannertest.Client(t, database).Apply(t.Context(), []*spanner.Mutation{
		spanner.Insert("Leases", []string{"Name", "Owner", "Until"}, []any{lease, "o", time.Unix(0, 0)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return database
}

func counter(t *testing.T, database string) int64 {
	t.Helper()
	row, err := spannertest.Client(t, database).Single().ReadRow(t.Context(), "Leases", spanner.Key{lease}, []string{"Until"})
	if err != nil {
		t.Fatal(err)
	}
	var at time.Time
	if err := row.Column(0, &at); err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

// The emulator knows one transaction a session; the gate keeps ours apart.
func TestConcurrentTransactionsOfOneClient(t *testing.T) {
	database := counterDB(t)
	db := spannertest.Open(t, database)
	const n = 80
	var failed atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := addOne(t.Context(), db); err != nil {
				failed.Add(1)
				t.Log(err)
			}
		})
		wg.Go(func() {
			err := spannerdb.ReadOnly(db, t.Context(), func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
				for range 2 {
					if _, err := tx.ReadRow(ctx, "Leases", spanner.Key{lease}, []string{"Until"}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				failed.Add(1)
				t.Log(err)
			}
		})
	}
	wg.Wait()
	if failed.Load() != 0 || counter(t, database) != n {
		t.Errorf("%d of %d transactions failed; the counter is %d, want %d", failed.Load(), 2*n, counter(t, database), n)
	}
}

// Several clients are several instances: they abort each other and go on.
func TestConcurrentTransactionsOfSeveralClients(t *testing.T) {
	database := counterDB(t)
	const clients, each = 4, 10
	var wg sync.WaitGroup
	for range clients {
		db := spannertest.Open(t, database)
		for range each {
			wg.Go(func() {
				if err := addOne(t.Context(), db); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if got := counter(t, database); got != clients*each {
		t.Errorf("the counter is %d, want %d", got, clients*each)
	}
}

func TestInjectedAbortRunsAgain(t *testing.T) {
	database := counterDB(t)
	var commits atomic.Int64
	abortTwice := func(method string) error {
		if method == "Commit" && commits.Add(1) <= 2 {
			return spannertest.ErrAborted
		}
		return nil
	}
	db := spannertest.Open(t, database, spannertest.Intercept(abortTwice, nil)...)
	if err := addOne(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if commits.Load() != 3 || counter(t, database) != 1 {
		t.Errorf("%d commits, counter %d; want 3 and 1", commits.Load(), counter(t, database))
	}
}

func TestLostCommitAnswer(t *testing.T) {
	tests := []struct {
		name    string
		fault   error
		commits int64 // attempts seen
		errs    bool
	}{
		// The client sends the same commit again, and Spanner gives the same answer.
		{"the client asks again", spannertest.ErrUnavailable, 2, false},
		{"the client gives up", spannertest.ErrLost, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			database := counterDB(t)
			var commits atomic.Int64
			loseOnce := func(method string) error {
				if method == "Commit" && commits.Add(1) == 1 {
					return tt.fault
				}
				return nil
			}
			db := spannertest.Open(t, database, spannertest.Intercept(nil, loseOnce)...)
			if err := addOne(t.Context(), db); (err != nil) != tt.errs {
				t.Errorf("got %v, want an error: %v", err, tt.errs)
			}
			if commits.Load() != tt.commits || counter(t, database) != 1 {
				t.Errorf("%d commits, counter %d; want %d and 1", commits.Load(), counter(t, database), tt.commits)
			}
		})
	}
}

func TestGateHonoursContext(t *testing.T) {
	db := spannertest.Open(t, counterDB(t))
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- spannerdb.ReadOnly(db, t.Context(), func(context.Context, *spanner.ReadOnlyTransaction) error {
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := addOne(ctx, db); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a deadline", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
