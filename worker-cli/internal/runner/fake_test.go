package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// network is an API whose answers a test decides. What it accepts it keeps,
// once for each task and timestamp.
type network struct {
	mu       sync.Mutex
	tasks    func(poll int) ([]api.Task, error)
	before   func(submission int, results []api.Result) error // it never came
	after    func(submission int, results []api.Result) error // it counted, but the answer was lost
	polledAt []time.Time
	triedAt  []time.Time
	batches  []int
	accepted map[string]int
	twice    int                               // results that came again
	ahead    time.Duration                     // of its clock
	instead  func([]api.Result) client.Receipt // of judging itself, and of remembering
}

const reward = 100

func (n *network) Tasks(ctx context.Context) ([]api.Task, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.instead != nil {
		return n.tasks(0)
	}
	n.polledAt = append(n.polledAt, time.Now())
	if n.tasks == nil {
		return nil, nil
	}
	return n.tasks(len(n.polledAt))
}

func (n *network) Submit(ctx context.Context, results []api.Result) (client.Receipt, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.instead != nil {
		return n.instead(results), nil
	}
	n.triedAt = append(n.triedAt, time.Now())
	n.batches = append(n.batches, len(results))
	attempt := len(n.triedAt)
	if n.before != nil {
		if err := n.before(attempt, results); err != nil {
			return client.Receipt{}, err
		}
	}
	receipt := n.judge(results)
	if n.after != nil {
		if err := n.after(attempt, results); err != nil {
			return client.Receipt{}, err
		}
	}
	return receipt, nil
}

func (n *network) judge(results []api.Result) (receipt client.Receipt) {
	if n.accepted == nil {
		n.accepted = map[string]int{}
	}
	for _, r := range results {
		id := fmt.Sprint(r.TaskID, "@", r.Timestamp)
		outcome := api.Outcome{TaskID: r.TaskID, Status: api.Accepted, RewardMicros: reward}
		switch {
		case n.accepted[id] > 0:
			n.twice++
			outcome = api.Outcome{TaskID: r.TaskID, Status: api.Rejected, Code: api.AlreadySubmitted}
		case time.Now().Add(n.ahead).UnixMilli()-r.Timestamp > api.MaxAge.Milliseconds():
			outcome = api.Outcome{TaskID: r.TaskID, Status: api.Rejected, Code: api.Stale}
		default:
			n.accepted[id]++
			receipt.Accepted++
			receipt.Earned += reward
		}
		receipt.Outcomes = append(receipt.Outcomes, outcome)
	}
	return receipt
}

// worker is a Runner whose checks take as long as their task's timeout, and
// all that it said.
type worker struct {
	*Runner
	mu    sync.Mutex
	heard []Event
}

func newWorker(n API) *worker {
	w := &worker{}
	w.Runner = New(Config{
		API: n, Interval: 30 * time.Second,
		Check: func(ctx context.Context, t api.Task) (check.Observation, error) {
			seen := check.Observation{At: time.Now(), Success: true, StatusCode: 200}
			if !sleepUntil(ctx, seen.At.Add(time.Duration(t.TimeoutMs)*time.Millisecond)) {
				return check.Observation{}, ctx.Err()
			}
			seen.ResponseTime = time.Since(seen.At)
			seen.Timings.Total = seen.ResponseTime
			return seen, nil
		},
		Sign: func(r *api.Result) error { r.Signature = "0x"; return nil },
		Emit: func(e Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.heard = append(w.heard, e)
		},
	})
	return w
}

// runFor runs the worker that long, and stops it.
func (w *worker) runFor(t *testing.T, d time.Duration) Totals {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return w.Run(ctx)
}

// events are those of one kind, in their order.
func events[E Event](w *worker) (list []E) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.heard {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// give hands out tasks that take ms each, the same at every poll.
func give(ms ...int64) func(int) ([]api.Task, error) {
	var tasks []api.Task
	for i, m := range ms {
		tasks = append(tasks, api.Task{ID: fmt.Sprint("t", i), Type: api.HTTPCheck, ExpectedStatus: 200, TimeoutMs: m})
	}
	return func(int) ([]api.Task, error) { return slices.Clone(tasks), nil }
}

// first gives f's tasks at the first poll and none after it.
func first(f func(int) ([]api.Task, error)) func(int) ([]api.Task, error) {
	return func(poll int) ([]api.Task, error) {
		if poll > 1 {
			return nil, nil
		}
		return f(poll)
	}
}

func gaps(at []time.Time) (list []time.Duration) {
	for i := 1; i < len(at); i++ {
		list = append(list, at[i].Sub(at[i-1]))
	}
	return list
}
