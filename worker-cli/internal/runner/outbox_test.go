package runner

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

var away = &client.Error{Status: 503, Text: "away"}

// While the API fails, polls come less and less often, and at their usual
// pace again when it is back.
func TestPollsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: func(poll int) ([]api.Task, error) {
			switch {
			case poll <= 8:
				return nil, away
			case poll == 9:
				return nil, &client.Error{Status: 429, RetryAfter: 20 * time.Minute, Text: "slow down"}
			}
			return nil, nil
		}}
		w := newWorker(n)
		w.runFor(t, 2*time.Hour)
		got := gaps(n.polledAt)
		for i, want := range []time.Duration{30, 60, 120, 240, 300, 300, 300, 300} {
			want *= time.Second
			if got[i] < want*3/4 || got[i] > want*5/4 {
				t.Errorf("gap %d: %v, want about %v", i, got[i], want)
			}
		}
		if got[8] < 20*time.Minute || got[8] > 22*time.Minute {
			t.Errorf("came back after %v, and was asked to after 20m", got[8])
		}
		if got[9] > 33*time.Second || len(got) < 50 {
			t.Errorf("then %v; %d polls", got[9], len(got))
		}
		problems := events[Problem](w)
		if len(problems) != 9 || problems[0].Doing != "poll" || problems[0].Error != "away" || problems[0].RetryIn().Truncate(time.Second) != got[0].Truncate(time.Second) {
			t.Errorf("%+v", problems)
		}
	})
}

// Results wait for an API that is away, and are paid when it is back.
func TestResultsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := &network{tasks: first(give(0, 0, 0)), before: func(int, []api.Result) error {
			if time.Since(start) < 4*time.Minute {
				return away
			}
			return nil
		}}
		w := newWorker(n)
		totals := w.runFor(t, 10*time.Minute)
		if totals.Accepted != 3 || len(n.accepted) != 3 || n.twice != 0 || len(events[Dropped](w)) != 0 {
			t.Errorf("%+v, %d accepted, dropped %v", totals, len(n.accepted), events[Dropped](w))
		}
		for i, want := range []time.Duration{2, 4, 8, 16, 30, 30, 30} {
			want *= time.Second
			if got := gaps(n.triedAt)[i]; got < want*3/4 || got > want*5/4 {
				t.Errorf("attempt %d after %v, want about %v", i+1, got, want)
			}
		}
		if p := events[Problem](w); p[0].Doing != "submit" || p[0].Waiting != 3 {
			t.Errorf("%+v", p[0])
		}
	})
}

// Results that have become too old are given up, and said to be.
func TestStaleResultsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := &network{tasks: first(give(0, 0, 0)), before: func(_ int, r []api.Result) error {
			if age := time.Now().UnixMilli() - r[0].Timestamp; age >= api.MaxAge.Milliseconds() {
				t.Errorf("submitted at the age of %d ms", age)
			}
			return away
		}}
		w := newWorker(n)
		w.runFor(t, 10*time.Minute)
		if got := events[Dropped](w); len(got) != 1 || got[0].Results != 3 || w.outbox.len() != 0 {
			t.Errorf("%+v after %v", got, time.Since(start))
		}
		if got := events[Stopped](w); got[0].Unsent != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// An answer that got lost is not a second payment, and not a rejection.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(give(0, 0)), after: func(attempt int, _ []api.Result) error {
			if attempt < 3 {
				return &client.Error{Text: "hung up"}
			}
			return nil
		}}
		w := newWorker(n)
		w.runFor(t, time.Minute)
		if got := events[Submitted](w); len(got) != 1 || !reflect.DeepEqual(got[0], Submitted{Recounted: 2}) {
			t.Errorf("%+v", got)
		}
		if len(n.accepted) != 2 || n.twice != 4 {
			t.Errorf("%d accepted, %d twice", len(n.accepted), n.twice)
		}
	})
}

func TestFiftyAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: func(poll int) ([]api.Task, error) {
			return give(make([]int64, 40)...)(0)
		}, before: func(attempt int, _ []api.Result) error {
			if attempt == 1 {
				return &client.Error{Status: 429, RetryAfter: 100 * time.Second, Text: "slow down"}
			}
			return nil
		}}
		w := newWorker(n)
		w.runFor(t, 115*time.Second)
		if !reflect.DeepEqual(n.batches[:4], []int{40, 50, 50, 50}) || slices.Max(n.batches) != 50 || len(n.accepted) != 40*len(n.polledAt) {
			t.Errorf("batches %v, %d accepted of %d polls", n.batches, len(n.accepted), len(n.polledAt))
		}
		if gap := gaps(n.triedAt)[0]; gap < 100*time.Second || gap > 110*time.Second {
			t.Errorf("tried again after %v, and was asked to after 100s", gap)
		}
	})
}

// One result that the API chokes on takes none of its neighbours along.
func TestPoison(t *testing.T) {
	for _, status := range []int{400, 413} {
		synctest.Test(t, func(t *testing.T) {
			n := &network{tasks: first(give(make([]int64, 48)...)), before: func(_ int, results []api.Result) error {
				for _, r := range results {
					if r.TaskID == "t17" {
						return &client.Error{Status: status, Text: "what is this"}
					}
				}
				return nil
			}}
			w := newWorker(n)
			w.runFor(t, 4*time.Minute)
			if len(n.accepted) != 47 || n.accepted["t17"] != 0 {
				t.Errorf("%d accepted", len(n.accepted))
			}
			if got := events[Dropped](w); len(got) != 1 || got[0] != (Dropped{1, "what is this"}) {
				t.Errorf("dropped %+v", got)
			}
			if len(n.batches) > 30 {
				t.Errorf("batches %v", n.batches)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	outcomes := []api.Outcome{
		{TaskID: "t0", Status: api.Accepted, RewardMicros: 150},
		{TaskID: "t1", Status: api.Discarded, Code: api.CycleWon},
		{TaskID: "t2", Status: api.Rejected, Code: api.Stale},
		{TaskID: "t3", Status: api.Rejected, Code: api.AlreadySubmitted}, // though it was the first attempt
	}
	for name, c := range map[string]struct {
		receipt client.Receipt
		want    Submitted
	}{
		"outcomes": {client.Receipt{Accepted: 1, Earned: 150, Outcomes: outcomes}, Submitted{Accepted: 1, Discarded: 1, Rejected: 2, Earned: 150, Total: 150, NotPaid: []NotPaid{
			{"t1", api.Discarded, api.CycleWon, "another worker was first in this cycle"},
			{"t2", api.Rejected, api.Stale, "older than 5 minutes"},
			{"t3", api.Rejected, api.AlreadySubmitted, "already submitted"},
		}}},
		"errors only": {client.Receipt{Accepted: 1, Earned: 150, Errors: []string{"t2: older than 5 minutes"}}, Submitted{Accepted: 1, Discarded: 2, Rejected: 1, Earned: 150, Total: 150, NotPaid: []NotPaid{
			{Status: api.Rejected, Reason: "t2: older than 5 minutes"},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorker(answers(c.receipt))
				if err := w.Once(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := events[Submitted](w); len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
					t.Errorf("got  %+v\nwant %+v", got, c.want)
				}
			})
		})
	}
}

// What a signature does not cover could be changed on the way. The id shows it.
func TestAlteredResultsAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		keep func(r *api.Result)
		told int
	}{
		"as it was sent":  {func(*api.Result) {}, 0},
		"another time":    {func(r *api.Result) { r.ResponseTimeMs += 1000 }, 1},
		"another timings": {func(r *api.Result) { r.Timings = nil }, 1},
		"another error":   {func(r *api.Result) { r.ErrorClass = api.ClassBody }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorker(keeps(c.keep))
				if err := w.Once(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := events[Note](w); len(got) != c.told || c.told > 0 && got[0].About != "result id" {
					t.Errorf("told %+v", got)
				}
			})
		})
	}
}

// keeps gives one task and accepts a result of it, but keeps another.
type keeps func(r *api.Result)

func (k keeps) Tasks(context.Context) ([]api.Task, error) { return give(1)(1) }

func (k keeps) Submit(_ context.Context, results []api.Result) (client.Receipt, error) {
	kept := results[0]
	k(&kept)
	return client.Receipt{Accepted: 1, Outcomes: []api.Outcome{{TaskID: kept.TaskID, Status: api.Accepted, ResultID: api.ResultID(kept)}}}, nil
}

// answers gives four tasks and always the same receipt.
type answers client.Receipt

func (a answers) Tasks(context.Context) ([]api.Task, error) { return give(1, 2, 3, 4)(1) }

func (a answers) Submit(context.Context, []api.Result) (client.Receipt, error) {
	return client.Receipt(a), nil
}

func TestOutboxIsBounded(t *testing.T) {
	o := newOutbox(time.Second)
	for i := range maxWaiting {
		if lost := o.add(api.Result{TaskID: fmt.Sprint(i)}); lost != 0 {
			t.Fatalf("lost %d at %d", lost, i)
		}
	}
	if lost := o.add(api.Result{TaskID: "last"}); lost != 1 || o.len() != maxWaiting || o.waiting[0].TaskID != "1" || o.waiting[maxWaiting-1].TaskID != "last" {
		t.Errorf("lost %d, %d wait", lost, o.len())
	}
}
