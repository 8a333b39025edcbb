package gettasks

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// When the database falls behind, an instance sends polls away that it could
// only answer too late, before the database is asked for them.
func TestACrowdOfPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const more = 5
		took := time.Second
		var asked atomic.Int64
		store := fakeStore{t,
			func(time.Time, schedule.Poll, int) (schedule.Offers, error) {
				asked.Add(1)
				time.Sleep(took)
				return schedule.Offers{}, nil
			},
			func(time.Time, schedule.Poll, schedule.Offers, int) ([]schedule.Task, error) { return nil, nil },
		}
		h := New(Deps{Store: store, Now: time.Now, TasksPerPoll: 10, Log: slog.New(slog.DiscardHandler)})
		crowd := func(n int) map[int]int {
			var all sync.WaitGroup
			var mu sync.Mutex
			statuses := map[int]int{}
			for range n {
				all.Go(func() {
					w := httptest.NewRecorder()
					h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/worker/tasks?address="+address, nil))
					mu.Lock()
					defer mu.Unlock()
					if statuses[w.Code]++; w.Code == 503 && w.Header().Get("Retry-After") == "" {
						t.Error("sent away without a word of when to come back")
					}
				})
			}
			all.Wait()
			return statuses
		}
		if got := crowd(pollsAtOnce + more); got[200] != pollsAtOnce+more {
			t.Errorf("a database that takes %v: %v, want that all are answered", took, got)
		}
		took, asked = waitForTurn+time.Second, atomic.Int64{}
		if got := crowd(pollsAtOnce + more); got[200] != pollsAtOnce || got[503] != more || asked.Load() != pollsAtOnce {
			t.Errorf("a database that takes %v: %v, and it was asked %d times; want %d answered and %d sent away", took, got, asked.Load(), pollsAtOnce, more)
		}
		if got := crowd(1); got[200] != 1 {
			t.Errorf("afterwards: %v", got)
		}
	})
}
