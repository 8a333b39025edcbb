package loadtest

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

// Ten workers for a few seconds, on a whole network, through two instances of
// each function: they get work, and the books hold just what they were told.
func TestRun(t *testing.T) {
	spannertest.Host(t)
	log := slog.New(slog.DiscardHandler)
	r, err := Run(t.Context(), Options{
		Workers: 10, Duration: 8 * time.Second, Ramp: time.Second, PollEvery: time.Second, Tasks: 40, Reward: 5000, PerPoll: 5, Instances: 2,
		Out: t.Output(), Log: log, LogLevel: "ERROR",
	})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", text.String())
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if r.Accepted < 20 || r.Polls.Requests < 40 || r.Books.Results < int64(r.Accepted) || r.Books.Payouts < 5 || r.Ceiling < 1 || r.Spanner.All < int64(r.Polls.Requests) {
		t.Errorf("%+v: the load shows little", r)
	}
	if r.Polls.P50 <= 0 || r.Polls.P50 > r.Polls.P99 || r.Polls.P99 > r.Polls.Max {
		t.Errorf("latencies %+v", r.Polls)
	}
}

// Every way in which the books can differ from what a worker was told is
// noticed, by the worker it concerns.
func TestCompare(t *testing.T) {
	fresh := func() (*worker, account) {
		w := &worker{address: common.Address{1}, accepted: map[string]ledger.Micros{"a": 10, "b": 20}, unknown: map[string]bool{"u": true}}
		return w, account{credits: ledger.Credits{Pending: 5, InFlight: 15, TotalPaid: 10, TotalEarned: 30}, results: []string{"b", "a"}}
	}
	for name, c := range map[string]struct {
		change func(*worker, *account)
		want   string // "" means that nothing is wrong
	}{
		"as told": {func(*worker, *account) {}, ""},
		"credited without answer": {func(_ *worker, a *account) {
			a.results = append(a.results, "u")
			a.credits.Pending += 7
			a.credits.TotalEarned += 7
		}, ""},
		"without answer, no credit": {func(w *worker, _ *account) { w.unknown["v"] = true }, ""},
		"lost":                      {func(_ *worker, a *account) { a.results = []string{"a"} }, "is not in the database"},
		"doubled":                   {func(_ *worker, a *account) { a.results = append(a.results, "a") }, "stands in the database twice"},
		"invented":                  {func(_ *worker, a *account) { a.results = append(a.results, "x") }, "no answer said so"},
		"credit lost":               {func(_ *worker, a *account) { a.credits.Pending--; a.credits.TotalEarned-- }, "was told of"},
		"credit doubled":            {func(_ *worker, a *account) { a.credits.Pending += 10; a.credits.TotalEarned += 10 }, "was told of"},
		"does not add up":           {func(_ *worker, a *account) { a.credits.InFlight++ }, "which is not"},
		"sums alone, lost":          {func(_ *worker, a *account) { a.results = nil; a.credits.Pending--; a.credits.TotalEarned-- }, "was told of"},
		"sums alone, more": {func(w *worker, a *account) {
			a.results = nil
			clear(w.unknown)
			a.credits.Pending++
			a.credits.TotalEarned++
		}, "was told of"},
		"sums alone, maybe": {func(_ *worker, a *account) { a.results = nil; a.credits.Pending++; a.credits.TotalEarned++ }, ""},
	} {
		w, a := fresh()
		c.change(w, &a)
		test := &test{workers: []*worker{w}}
		violations, _, err := test.check(t.Context(), fixedBooks(a))
		said := strings.Join(violations, "\n")
		if err != nil || (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, %v", name, said, err)
		}
	}
}

func TestPercentile(t *testing.T) {
	sorted := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for p, want := range map[int]time.Duration{1: 1, 50: 5, 90: 9, 99: 10, 100: 10} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("p%d is %d, want %d", p, got, want)
		}
	}
	e := newEndpoint()
	e.add(http.StatusOK, 3*time.Millisecond)
	e.add(http.StatusServiceUnavailable, time.Hour)
	e.add(0, time.Hour)
	if l := e.latency(2 * time.Second); l.Max != 3*time.Millisecond || l.Requests != 3 || l.PerSecond != 1.5 || failures(l) != "GetTasks no answer 1 times, GetTasks 503 1 times" {
		t.Errorf("%+v", l)
	}
}

func TestOptions(t *testing.T) {
	good := Options{Workers: 1, Duration: 1, PollEvery: 1, Tasks: 1, Reward: 1, PerPoll: 1, Instances: 1}
	if err := good.validate(); err != nil || good.Seed == 0 {
		t.Error(err, good.Seed)
	}
	for name, change := range map[string]func(*Options){
		"workers": func(o *Options) { o.Workers = 0 }, "duration": func(o *Options) { o.Duration = 0 }, "ramp": func(o *Options) { o.Ramp = 2 },
		"poll-every": func(o *Options) { o.PollEvery = 0 }, "tasks": func(o *Options) { o.Tasks = 0 }, "instances": func(o *Options) { o.Instances = 0 },
	} {
		o := good
		change(&o)
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--"+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMarkdown(t *testing.T) {
	r := &Report{Options: Options{Workers: 3, Tasks: 4, Instances: 1}, Ran: time.Second, Accepted: 7, Rejected: map[api.Code]int{api.Stale: 2}, Violations: []string{"x"}}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"|---|---|\n", "| workers, tasks, instances | 3, 4, 1 |", "| rejected | stale 2 |", "| violations | 1 |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "1 violations:\nx") {
		t.Error(err)
	}
}
