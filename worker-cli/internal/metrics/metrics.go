// Package metrics counts what a worker does, and serves the counts in
// Prometheus' text format (version 0.0.4). It is written by hand: the client
// library would be a tenth of the worker's size.
package metrics

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

// bounds are the buckets of response times, in ms; a last one takes the rest.
var bounds = []int64{10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000}

// Counts are of one worker. They are safe for concurrent use.
type Counts struct {
	build   string // the labels of worker_build_info
	started time.Time

	mu       sync.Mutex
	polls    int64
	polledAt time.Time
	checks   map[string]int64 // by outcome: up, or the class of the failure
	buckets  []int64          // of response times, one more than bounds
	sumMs    int64
	results  map[string]int64 // by api.Status
	earned   int64            // micros
	problems map[string]int64 // by what was being done
	refused  int64
	dropped  int64
	withheld int64
	limited  int64
	paid     int64 // micros
	waiting  int64
}

// New makes the counts of a worker that starts at now.
func New(version string, now time.Time) *Counts {
	return &Counts{
		build: fmt.Sprintf("{version=%s}", label(version)), started: now,
		checks: map[string]int64{}, buckets: make([]int64, len(bounds)+1), results: map[string]int64{}, problems: map[string]int64{},
	}
}

// Event counts what happened at that time.
func (c *Counts) Event(e runner.Event, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := e.(type) {
	case runner.Poll:
		c.polls++
		c.polledAt = at
	case runner.Check:
		c.check(e)
	case runner.Submitted:
		c.results[string(api.Accepted)] += int64(e.Accepted)
		c.results[string(api.Discarded)] += int64(e.Discarded)
		c.results[string(api.Rejected)] += int64(e.Rejected)
		c.earned += int64(e.Earned)
		c.waiting = 0
	case runner.Problem:
		c.problems[e.Doing]++
		c.waiting = int64(e.Waiting)
	case runner.Refused:
		c.refused++
	case runner.Dropped:
		c.dropped += int64(e.Results)
	case runner.Withheld:
		c.withheld += int64(e.Checks)
	case runner.Limited:
		c.limited += int64(e.Checks)
	case runner.Paid:
		c.paid += int64(e.Amount)
	}
}

func (c *Counts) check(e runner.Check) {
	outcome := "up"
	if !e.Success {
		outcome = string(e.Class)
	}
	c.checks[outcome]++
	i, _ := slices.BinarySearch(bounds, e.ResponseTimeMs)
	c.buckets[i]++
	c.sumMs += e.ResponseTimeMs
}

// ServeHTTP answers with the counts.
func (c *Counts) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	fmt.Fprint(w, c.String())
}

// String is the counts in Prometheus' text format.
func (c *Counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var t text
	t.family("worker_build_info", "gauge", "What this worker was made from.", c.build, 1)
	t.family("worker_start_time_seconds", "gauge", "When it was started.", "", seconds(c.started))
	t.family("worker_polls_total", "counter", "Polls that the API answered.", "", c.polls)
	if !c.polledAt.IsZero() {
		t.family("worker_last_poll_time_seconds", "gauge", "When the API last answered a poll.", "", seconds(c.polledAt))
	}
	t.labelled("worker_checks_total", "Checks that were carried out, by outcome: up, or the class of the failure.", "outcome", c.checks)
	c.responseTimes(&t)
	t.labelled("worker_results_total", "Results that the API judged.", "status", c.results)
	t.family("worker_earned_micros_total", "counter", "Credited since the start; 1 = 0.000001 USDC.", "", c.earned)
	t.labelled("worker_problems_total", "Times that the API could not be talked to, by what was being done.", "doing", c.problems)
	t.family("worker_refused_total", "counter", "Different tasks and reasons for which no check was made.", "", c.refused)
	t.family("worker_dropped_results_total", "counter", "Results that were given up.", "", c.dropped)
	t.family("worker_withheld_checks_total", "counter", "Failed checks that were not told, because the trouble was this machine's own.", "", c.withheld)
	t.family("worker_limited_checks_total", "counter", "Checks that the user's limits left out.", "", c.limited)
	t.family("worker_paid_micros_total", "counter", "In payouts that were paid since the start; 1 = 0.000001 USDC.", "", c.paid)
	t.family("worker_results_waiting", "gauge", "Results that waited to be submitted after the last attempt.", "", c.waiting)
	return t.String()
}

func (c *Counts) responseTimes(t *text) {
	const name = "worker_response_time_seconds"
	t.head(name, "histogram", "From the start of a check to the header of the answer, or to its failure.")
	sum := int64(0)
	for i, n := range c.buckets {
		sum += n
		le := "+Inf"
		if i < len(bounds) {
			le = strconv.FormatFloat(float64(bounds[i])/1000, 'f', -1, 64)
		}
		fmt.Fprintf(t, "%s_bucket{le=%s} %d\n", name, label(le), sum)
	}
	fmt.Fprintf(t, "%s_sum %v\n%s_count %d\n", name, float64(c.sumMs)/1000, name, sum)
}

// text is an answer in the making.
type text struct{ strings.Builder }

func (t *text) head(name, kind, help string) {
	fmt.Fprintf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (t *text) family(name, kind, help, labels string, value any) {
	t.head(name, kind, help)
	fmt.Fprintf(t, "%s%s %v\n", name, labels, value)
}

func (t *text) labelled(name, help, key string, values map[string]int64) {
	t.head(name, "counter", help)
	for _, of := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(t, "%s{%s=%s} %d\n", name, key, label(of), values[of])
	}
}

// label is a label's value; the format knows three escapes.
func label(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// seconds is a time as Prometheus has it.
func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
