package metrics

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

// Each line of the format: a comment, or a name, labels and a number.
var line = regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"\})? [0-9.e+]+)$`)

func TestCounts(t *testing.T) {
	start := time.UnixMilli(1764000000500)
	c := New(`v1 "x\`+"\n", start)
	for _, e := range []runner.Event{
		runner.Poll{Tasks: 3}, runner.Poll{},
		runner.Check{Success: true, ResponseTimeMs: 10},
		runner.Check{Success: true, ResponseTimeMs: 11},
		runner.Check{Class: check.Timeout, ResponseTimeMs: 60000},
		runner.Problem{Doing: "submit", Waiting: 3},
		runner.Refused{Reason: "x"},
		runner.Dropped{Results: 4},
		runner.Withheld{Checks: 7}, runner.Limited{Checks: 8}, runner.Paid{Amount: 10_000},
	} {
		c.Event(e, start.Add(time.Second))
	}
	has(t, c.String(), `worker_results_waiting 3`)
	c.Event(runner.Submitted{Accepted: 2, Discarded: 1, Rejected: 5, Earned: 250}, start)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, nil)
	if kind := w.Header().Get("Content-Type"); kind != "text/plain; version=0.0.4; charset=utf-8" {
		t.Error(kind)
	}
	got := w.Body.String()
	has(t, got, `worker_build_info{version="v1 \"x\\\n"} 1`, "worker_start_time_seconds 1764000000.500", "worker_polls_total 2",
		"worker_last_poll_time_seconds 1764000001.500", `worker_checks_total{outcome="up"} 2`, `worker_checks_total{outcome="timeout"} 1`,
		`worker_response_time_seconds_bucket{le="0.01"} 1`, `worker_response_time_seconds_bucket{le="0.025"} 2`, `worker_response_time_seconds_bucket{le="30"} 2`,
		`worker_response_time_seconds_bucket{le="+Inf"} 3`, "worker_response_time_seconds_sum 60.021", "worker_response_time_seconds_count 3",
		`worker_results_total{status="accepted"} 2`, `worker_results_total{status="discarded"} 1`, `worker_results_total{status="rejected"} 5`,
		"worker_earned_micros_total 250", `worker_problems_total{doing="submit"} 1`, "worker_refused_total 1", "worker_dropped_results_total 4",
		"worker_withheld_checks_total 7", "worker_limited_checks_total 8", "worker_paid_micros_total 10000", "worker_results_waiting 0")
	for l := range strings.Lines(got) {
		if l = strings.TrimSuffix(l, "\n"); !line.MatchString(l) {
			t.Errorf("%q is not of the format", l)
		}
	}
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains("\n"+text, "\n"+l+"\n") {
			t.Errorf("%q is not in\n%s", l, text)
		}
	}
}
