package loadtest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Report is what a run showed.
type Report struct {
	Options
	Ran            time.Duration // to the last answer
	Polls, Submits Latency

	Given, Accepted, Discarded int // tasks; results
	Rejected                   map[api.Code]int
	Resent                     int // results that were sent once more
	Unanswered                 int // results whose submission brought no answer at least once
	Earned                     ledger.Micros
	Spanner                    Calls
	Alone                      time.Duration // of a poll without load, with the tables as the load left them
	Ceiling                    float64       // bare transactions a second; 0: not measured
	Books                      *ledger.BooksReport

	Violations []string
}

func (t *test) report(ctx context.Context) (*Report, error) {
	ran := time.Since(t.began)
	calls, err := t.during(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Options: t.Options, Ran: ran, Ceiling: t.ceiling, Spanner: calls, Rejected: map[api.Code]int{},
		Polls: t.polls.latency(ran), Submits: t.submits.latency(ran),
		Given:     sum(t.workers, func(w *worker) int { return w.given }),
		Accepted:  sum(t.workers, func(w *worker) int { return len(w.accepted) }),
		Discarded: sum(t.workers, func(w *worker) int { return w.discarded }),
		Resent:    sum(t.workers, func(w *worker) int { return w.resent }),
		Earned: sum(t.workers, func(w *worker) (m ledger.Micros) {
			for _, reward := range w.accepted {
				m += reward
			}
			return m
		}),
		Unanswered: sum(t.workers, func(w *worker) int { return len(w.unknown) }),
	}
	for _, w := range t.workers {
		for code, n := range w.rejected {
			r.Rejected[code] += n
		}
	}
	return r, nil
}

// Err is nil when nothing was lost, doubled or invented.
func (r *Report) Err() error {
	if len(r.Violations) == 0 {
		return nil
	}
	return fmt.Errorf("loadtest: %d violations:\n%s", len(r.Violations), list(r.Violations))
}

// row is one line of the report.
type row struct{ name, value string }

func (r *Report) rows() []row {
	rows := []row{
		{"workers, tasks, instances", fmt.Sprintf("%d, %d, %d", r.Workers, r.Tasks, r.Instances)},
		{"load", fmt.Sprintf("%v, of which %v ramp; a poll every %v", r.Duration, r.Ramp, r.PollEvery)},
		{"GetTasks", r.Polls.text()},
		{"SubmitResults", r.Submits.text()},
		{"not answered with 200", failures(r.Polls, r.Submits)},
		{"tasks given", fmt.Sprintf("%d, %.1f/s", r.Given, float64(r.Given)/r.Ran.Seconds())},
		{"results accepted", fmt.Sprintf("%d, %.1f/s, worth %s USDC", r.Accepted, float64(r.Accepted)/r.Ran.Seconds(), r.Earned)},
		{"discarded: another was first", fmt.Sprint(r.Discarded)},
		{"rejected", r.rejections()},
		{"sent again; without an answer", fmt.Sprintf("%d; %d", r.Resent, r.Unanswered)},
	}
	if r.Books != nil {
		c := r.Books.Credits
		rows = append(rows, row{"books", fmt.Sprintf("%d results, %d payouts; %s pending, %s in flight, %s paid", r.Books.Results, r.Books.Payouts, c.Pending, c.InFlight, c.TotalPaid)})
	}
	if r.Spanner.All > 0 {
		rows = append(rows, row{"calls to Spanner, payouts included", fmt.Sprintf("%d, %.1f/s; %d of them aborted, and their transactions run again", r.Spanner.All, float64(r.Spanner.All)/r.Ran.Seconds(), r.Spanner.Aborted)})
	}
	if r.Ceiling > 0 {
		requests := r.Polls.PerSecond + r.Submits.PerSecond
		rows = append(rows, row{"the emulator's ceiling", fmt.Sprintf("%.0f bare read-write transactions/s by itself; the load asked for %.1f requests/s", r.Ceiling, requests)})
	}
	if r.Alone > 0 {
		rows = append(rows, row{"a poll alone, after the load", fmt.Sprintf("%s, so at most %.0f/s", ms(r.Alone), 1/r.Alone.Seconds())})
	}
	return append(rows, row{"violations", fmt.Sprint(len(r.Violations))})
}

func (l Latency) text() string {
	return fmt.Sprintf("%d requests, %.1f/s; p50 %s, p90 %s, p99 %s, max %s", l.Requests, l.PerSecond, ms(l.P50), ms(l.P90), ms(l.P99), ms(l.Max))
}

func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

func failures(of ...Latency) string {
	var parts []string
	for i, l := range of {
		for _, status := range slices.Sorted(maps.Keys(l.Failed)) {
			what := fmt.Sprint(status)
			if status == 0 {
				what = "no answer"
			}
			parts = append(parts, fmt.Sprintf("%s %s %d times", []string{"GetTasks", "SubmitResults"}[i], what, l.Failed[status]))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (r *Report) rejections() string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(r.Rejected)) {
		parts = append(parts, fmt.Sprintf("%s %d", code, r.Rejected[code]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Print writes the report for a terminal.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range r.rows() {
		fmt.Fprintf(w, "%s\t%s\n", row.name, row.value)
	}
	return w.Flush()
}

// Markdown writes the report as a table.
func (r *Report) Markdown(out io.Writer) error {
	var b strings.Builder
	b.WriteString("| | |\n|---|---|\n")
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "| %s | %s |\n", row.name, row.value)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
