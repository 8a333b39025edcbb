package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// Result is what a simulation showed.
type Result struct {
	Options
	Tiers    map[schedule.BuyerTier]Coverage
	Fairness Fairness
	Kinds    []KindResult // of those that were given something

	OnlineAverage, OnlineLowest, OnlineHighest int64
	Polls, Refused                             int64
	Given, Accepted, Discarded, Lost           int64 // assignments
}

// Coverage is how many windows of all tasks of a buyer's tier ended how.
type Coverage struct{ Tasks, Delivered, Missed int64 }

// Share of the windows that were delivered.
func (c Coverage) Share() float64 {
	return float64(c.Delivered) / float64(max(c.Delivered+c.Missed, 1))
}

// Fairness compares what equal workers earned for the time that they were
// online: honest ones of the lowest tier in the largest region.
type Fairness struct {
	Workers       int
	Gini          float64
	MaxOverMedian float64
}

// KindResult is what became of the assignments of one kind of worker.
type KindResult struct {
	Kind                             string
	Given, Accepted, Discarded, Lost int64
}

// enough is how long a worker must have been online to be compared: less is
// chance.
const enough = 20 * time.Minute

func (s *sim) result() *Result {
	r := &Result{Options: s.Options, Tiers: map[schedule.BuyerTier]Coverage{}}
	for _, t := range s.tasks {
		delivered, missed := t.Windows(s.now)
		c := r.Tiers[t.BuyerTier]
		c.Tasks, c.Delivered, c.Missed = c.Tasks+1, c.Delivered+delivered-t.delivered, c.Missed+missed-t.missed
		r.Tiers[t.BuyerTier] = c
	}
	for k := range kind(kindsCount) {
		one := KindResult{k.String(), s.counts.given[k], s.counts.accepted[k], s.counts.discarded[k], 0}
		one.Lost = max(0, one.Given-one.Accepted-one.Discarded)
		r.Given, r.Accepted, r.Discarded, r.Lost = r.Given+one.Given, r.Accepted+one.Accepted, r.Discarded+one.Discarded, r.Lost+one.Lost
		if one.Given > 0 {
			r.Kinds = append(r.Kinds, one)
		}
	}
	r.Polls, r.Refused = s.counts.polls, s.counts.refused
	r.OnlineAverage, r.OnlineLowest, r.OnlineHighest = s.counts.onlineSum/max(s.counts.onlineSeen, 1), s.counts.lowest, s.counts.highest
	r.Fairness = s.fairness()
	return r
}

func (s *sim) fairness() Fairness {
	var rates []float64
	for _, w := range s.workers {
		if w.kind != honest || w.Tier != reputation.Bronze || w.Region != regions[0].name {
			continue
		}
		online := w.onlineFor
		if w.online {
			online += s.clock() - max(w.since, int64(s.Warmup))
		}
		if time.Duration(online) >= min(enough, s.Duration*9/10) {
			rates = append(rates, float64(w.accepted)/float64(online))
		}
	}
	slices.Sort(rates)
	f := Fairness{Workers: len(rates)}
	if f.Workers == 0 {
		return f
	}
	var total, weighted float64
	for i, rate := range rates {
		total += rate
		weighted += float64(i+1) * rate
	}
	n := float64(len(rates))
	if total > 0 {
		f.Gini = 2*weighted/(n*total) - (n+1)/n
	}
	if median := rates[len(rates)/2]; median > 0 {
		f.MaxOverMedian = rates[len(rates)-1] / median
	}
	return f
}

// Targets of the policy.
const (
	guaranteedTarget = 0.999
	bestEffortTarget = 0.90
)

// Missed says which targets were not reached: those of standard and premium
// always, that of best effort with the average number of workers online.
func (r *Result) Missed() []string {
	var out []string
	for tier, target := range map[schedule.BuyerTier]float64{
		schedule.PremiumBuyer: guaranteedTarget, schedule.StandardBuyer: guaranteedTarget, schedule.BestEffort: bestEffortTarget,
	} {
		if tier == schedule.BestEffort && r.DayNight {
			continue // its target is for the average
		}
		if c := r.Tiers[tier]; c.Delivered+c.Missed > 0 && c.Share() < target {
			out = append(out, fmt.Sprintf("%s: %.3f %% of the windows were delivered; the target is %g %%", tier, 100*c.Share(), 100*target))
		}
	}
	slices.Sort(out)
	return out
}

// rows are the lines of the report.
func (r *Result) rows() [][2]string {
	rows := [][2]string{
		{"endpoints; backups; hostile addresses", fmt.Sprintf("%d; %d; %d", r.Endpoints, r.Backups, r.Hostile)},
		{"workers online: average, lowest, highest", fmt.Sprintf("%d, %d, %d", r.OnlineAverage, r.OnlineLowest, r.OnlineHighest)},
	}
	for _, tier := range []schedule.BuyerTier{schedule.PremiumBuyer, schedule.StandardBuyer, schedule.BestEffort} {
		c := r.Tiers[tier]
		rows = append(rows, [2]string{"windows of " + string(tier), fmt.Sprintf("%.3f %% delivered; %d of %d missed", 100*c.Share(), c.Missed, c.Delivered+c.Missed)})
	}
	all := float64(max(r.Given, 1))
	rows = append(rows,
		[2]string{"fairness among equals", fmt.Sprintf("Gini %.3f, max/median %.2f (%d workers)", r.Fairness.Gini, r.Fairness.MaxOverMedian, r.Fairness.Workers)},
		[2]string{"assignments", fmt.Sprintf("%d; accepted %.1f %%, discarded %.1f %%, not delivered %.1f %%", r.Given, 100*float64(r.Accepted)/all, 100*float64(r.Discarded)/all, 100*float64(r.Lost)/all)},
		[2]string{"polls; refused", fmt.Sprintf("%d; %d", r.Polls, r.Refused)},
	)
	for _, k := range r.Kinds {
		rows = append(rows, [2]string{"given to " + k.Kind, fmt.Sprintf("%d; accepted %d, discarded %d, not delivered %d", k.Given, k.Accepted, k.Discarded, k.Lost)})
	}
	return rows
}

// Print writes one column for each result, side by side: a table of Markdown.
func Print(out io.Writer, names []string, results []*Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	var labels []string
	cells := map[string][]string{}
	for i, r := range results {
		for _, row := range r.rows() {
			if _, seen := cells[row[0]]; !seen {
				labels = append(labels, row[0])
				cells[row[0]] = make([]string, len(results))
			}
			cells[row[0]][i] = row[1]
		}
	}
	for _, label := range labels {
		fmt.Fprintf(&b, "| %s | %s |\n", label, strings.Join(cells[label], " | "))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
