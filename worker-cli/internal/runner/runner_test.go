package runner

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// All time in these tests is synctest's: it passes when everybody waits.

func TestPollsEvery30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(1000)}
		start := time.Now()
		w := newWorker(n)
		totals := w.runFor(t, time.Hour)
		if !n.polledAt[0].Equal(start) {
			t.Errorf("first poll after %v", n.polledAt[0].Sub(start))
		}
		varied := map[time.Duration]bool{}
		for _, gap := range gaps(n.polledAt) {
			varied[gap] = true
			if gap < 27*time.Second || gap > 33*time.Second {
				t.Errorf("%v between two polls", gap)
			}
		}
		polls := len(n.polledAt)
		if polls < 115 || polls > 125 || len(varied) < polls/2 {
			t.Errorf("%d polls in an hour, %d different gaps", polls, len(varied))
		}
		done := len(n.accepted) // the last poll may have been cut short
		if done < polls-1 || totals != (Totals{Checks: done, Accepted: done, Earned: client.Micros(done * reward)}) {
			t.Errorf("%d polls, %d accepted, %+v", polls, done, totals)
		}
	})
}

// Checks that take longer than the interval delay the next poll.
func TestPollsNeverOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(50_000, 10)}
		w := newWorker(n)
		var now, most atomic.Int64
		inner := w.Check
		w.Check = func(ctx context.Context, task api.Task) (check.Observation, error) {
			if task.ID == "t0" {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
			}
			return inner(ctx, task)
		}
		w.runFor(t, 590*time.Second)
		for _, gap := range gaps(n.polledAt) {
			if gap != 50*time.Second {
				t.Errorf("%v between two polls", gap)
			}
		}
		if most.Load() != 1 || len(n.polledAt) != 12 {
			t.Errorf("%d checks of one task at once, %d polls", most.Load(), len(n.polledAt))
		}
	})
}

func TestTenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tasks []int64
		for range 45 {
			tasks = append(tasks, 1000)
		}
		n := &network{tasks: first(give(tasks...))}
		w := newWorker(n)
		var now, most atomic.Int64
		inner := w.Check
		w.Check = func(ctx context.Context, task api.Task) (check.Observation, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return inner(ctx, task)
		}
		if totals := w.runFor(t, 20*time.Second); totals.Accepted != 45 {
			t.Errorf("%+v", totals)
		}
		if most.Load() != 10 {
			t.Errorf("%d at once", most.Load())
		}
	})
}

// A quick result does not wait for a slow one.
func TestQuickResultsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(give(100, 200, 10_000))}
		w := newWorker(n)
		start := time.Now()
		w.runFor(t, 25*time.Second)
		if !reflect.DeepEqual(n.batches, []int{2, 1}) || n.triedAt[0].Sub(start) != 100*time.Millisecond+gatherTime || n.triedAt[1].Sub(start) != 10*time.Second {
			t.Errorf("batches %v at %v and %v", n.batches, n.triedAt[0].Sub(start), n.triedAt[1].Sub(start))
		}
	})
}

func TestWhatIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(func(int) ([]api.Task, error) {
			tasks := []api.Task{{ID: "twice"}, {ID: "twice"}, {ID: "bad"}}
			for i := range 500 {
				tasks = append(tasks, api.Task{ID: fmt.Sprint(i)})
			}
			return tasks, nil
		})}
		w := newWorker(n)
		inner := w.Check
		w.Check = func(ctx context.Context, task api.Task) (check.Observation, error) {
			if task.ID == "bad" {
				return check.Observation{}, fmt.Errorf("%w: not this one", check.ErrRefused)
			}
			return inner(ctx, task)
		}
		w.Sign = func(r *api.Result) error {
			if r.TaskID == "7" {
				return errors.New("no ink")
			}
			return nil
		}
		totals := w.runFor(t, time.Second)
		if totals.Checks != maxTasks-1 || len(n.accepted) != maxTasks-2 {
			t.Errorf("%+v, %d accepted", totals, len(n.accepted))
		}
		if got := events[Refused](w); len(got) != 2 || got[0].TaskID != "" || !strings.HasPrefix(got[0].Reason, "more than 50 tasks") || got[1].TaskID != "bad" || got[1].Reason != "refused: not this one" {
			t.Errorf("refused: %+v", got)
		}
		if got := events[Dropped](w); len(got) != 1 || got[0] != (Dropped{1, "no ink"}) {
			t.Errorf("dropped: %+v", got)
		}
		if got := events[Poll](w); got[0].Tasks != maxTasks {
			t.Errorf("%+v", got)
		}
	})
}

// What is submitted is what was seen.
func TestResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []api.Result
		n := &network{tasks: first(give(1, 2, 3)), before: func(_ int, r []api.Result) error { got = append(got, r...); return nil }}
		w := newWorker(n)
		at := time.UnixMilli(1764000000000)
		w.Check = func(ctx context.Context, task api.Task) (check.Observation, error) {
			sleepUntil(ctx, time.Now().Add(time.Duration(task.TimeoutMs)*time.Millisecond))
			return map[string]check.Observation{
				"t0": {At: time.Now(), Success: true, ResponseTime: 1234 * time.Microsecond, StatusCode: 200},
				"t1": {At: time.Now(), ResponseTime: 5 * time.Millisecond, StatusCode: 503, Class: check.Status},
				"t2": {At: time.Now(), ResponseTime: 10 * time.Second, Class: check.Timeout, Error: "Timeout after 10000ms",
					Timings: check.Timings{DNS: 1, Total: 10 * time.Second}},
			}[task.ID], nil
		}
		w.Sign = func(r *api.Result) error {
			r.Signature = "signed " + r.TaskID
			r.Timestamp += at.UnixMilli() - r.Timestamp
			return nil
		}
		n.mu.Lock()
		n.accepted = map[string]int{}
		n.mu.Unlock()
		w.runFor(t, time.Second)
		ok, down := 200, 503
		want := []api.Result{
			{TaskID: "t0", Timestamp: at.UnixMilli(), Success: true, ResponseTimeMs: 1, StatusCode: &ok, Signature: "signed t0"},
			{TaskID: "t1", Timestamp: at.UnixMilli(), ResponseTimeMs: 5, StatusCode: &down, ErrorClass: api.ClassStatus, Signature: "signed t1"},
			{TaskID: "t2", Timestamp: at.UnixMilli(), ResponseTimeMs: 10_000, Error: "Timeout after 10000ms", ErrorClass: api.ClassTimeout, Signature: "signed t2",
				Timings: &api.Timings{DNS: new(int64), Total: new(int64(10_000))}},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if got := events[Check](w); len(got) != 3 || !got[0].Success || got[1].StatusCode != 503 || got[1].ExpectedStatus != 200 || got[2].Class != check.Timeout {
			t.Errorf("%+v", got)
		}
	})
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(1000, 2000)}
		w := newWorker(n)
		if err := w.Once(t.Context()); err != nil || len(n.accepted) != 2 || len(n.polledAt) != 1 {
			t.Errorf("%v, %d accepted in %d polls", err, len(n.accepted), len(n.polledAt))
		}
		if got := events[Stopped](w); len(got) != 1 || got[0] != (Stopped{Totals: Totals{Checks: 2, Accepted: 2, Earned: 200}}) {
			t.Errorf("%+v", got)
		}
		away := &client.Error{Text: "away"}
		n = &network{tasks: give(1), before: func(int, []api.Result) error { return away }}
		if err := newWorker(n).Once(t.Context()); err == nil || err.Error() != "results that could not be submitted: 1" {
			t.Error(err)
		}
		n = &network{tasks: func(int) ([]api.Task, error) { return nil, away }}
		w = newWorker(n)
		if err := w.Once(t.Context()); !errors.Is(err, away) || len(events[Problem](w)) != 0 {
			t.Error(err, events[Problem](w))
		}
	})
}
