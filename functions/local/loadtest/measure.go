package loadtest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// endpoint is how one path answered.
type endpoint struct {
	mu       sync.Mutex
	took     []time.Duration // of answers with status 200
	statuses map[int]int     // 0: no answer
}

func newEndpoint() *endpoint { return &endpoint{statuses: map[int]int{}} }

func (e *endpoint) add(status int, took time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.statuses[status]++
	if status == http.StatusOK {
		e.took = append(e.took, took)
	}
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.statuses {
		n += c
	}
	return n
}

func (e *endpoint) failed() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for status, c := range e.statuses {
		if status != http.StatusOK {
			n += c
		}
	}
	return n
}

// Latency is the distribution of the answers with status 200.
type Latency struct {
	Requests           int
	PerSecond          float64
	P50, P90, P99, Max time.Duration
	Failed             map[int]int // by status, 200 left out; 0: no answer
}

func (e *endpoint) latency(during time.Duration) Latency {
	l := Latency{Requests: e.count(), Failed: maps.Clone(e.statuses)}
	delete(l.Failed, http.StatusOK)
	l.PerSecond = float64(l.Requests) / during.Seconds()
	if took := slices.Sorted(slices.Values(e.took)); len(took) > 0 {
		l.P50, l.P90, l.P99, l.Max = percentile(took, 50), percentile(took, 90), percentile(took, 99), took[len(took)-1]
	}
	return l
}

// percentile is the smallest value that p percent of the sorted values do not
// exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// The measure of the emulator by itself.
const (
	ceilingTime  = 3 * time.Second
	ceilingUsers = 8
)

// ceiling is how many of the smallest read-write transactions a second the
// database takes through one client: one row is read and one written. More than
// this no load can bring about, whatever the functions do.
func ceiling(ctx context.Context, db *spannerdb.DB) (perSecond float64, err error) {
	began, done := time.Now(), atomic.Int64{}
	var users sync.WaitGroup
	failed := make(chan error, ceilingUsers)
	for i := range ceilingUsers {
		users.Go(func() {
			for time.Since(began) < ceilingTime && ctx.Err() == nil {
				name := fmt.Sprintf("load test %d", i)
				if err := db.TakeLease(ctx, name, name, time.Now(), time.Minute); err != nil {
					failed <- err
					return
				}
				done.Add(1)
			}
		})
	}
	users.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return 0, fmt.Errorf("loadtest: measure the database: %w", err)
	}
	return float64(done.Load()) / time.Since(began).Seconds(), ctx.Err()
}

// pollsAlone is how many polls are made without any load.
const pollsAlone = 5

// alone is how long a poll takes when the load is over, with all that is in
// the tables by then: the emulator reads whole tables where Spanner seeks.
func (t *test) alone(ctx context.Context, base string) (time.Duration, error) {
	quiet := &test{Options: t.Options, polls: newEndpoint()}
	w, err := quiet.newWorker(0, base, newHTTP(1))
	if err != nil {
		return 0, err
	}
	for range pollsAlone {
		w.poll(ctx)
	}
	return quiet.polls.latency(time.Second).P50, ctx.Err()
}

// sum adds up one figure of all workers.
func sum[N int | ledger.Micros](workers []*worker, of func(*worker) N) (total N) {
	for _, w := range workers {
		total += of(w)
	}
	return total
}
