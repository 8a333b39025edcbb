package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// What one was just told serves the other, also while it is being fetched; what
// is older is fetched anew, and told to the view; no answer is no answer.
func TestBooksAreFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fetched, told := 0, 0
		var away error
		b := newBooks(30*time.Second, func(context.Context) (api.WorkerStatus, error) {
			time.Sleep(5 * time.Second)
			fetched++
			return api.WorkerStatus{PendingResults: int64(fetched)}, away
		})
		b.told = func(api.WorkerStatus) { told++ }
		ask := func(want int64) {
			t.Helper()
			if s, err := b.ask(t.Context()); err != nil || s.PendingResults != want {
				t.Errorf("%d, %v; want %d", s.PendingResults, err, want)
			}
		}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { ask(1) })
		}
		both.Wait()
		time.Sleep(29 * time.Second)
		ask(1)
		time.Sleep(time.Second)
		ask(2)
		time.Sleep(time.Minute)
		away = errors.New("away")
		if s, err := b.ask(t.Context()); !errors.Is(err, away) || s.PendingResults != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		away = nil
		ask(4)
		if fetched != 4 || told != 3 {
			t.Errorf("fetched %d times, told %d", fetched, told)
		}
	})
}
