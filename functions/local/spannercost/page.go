package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

// prices are what the page assumes beside what was counted.
type prices struct {
	NodeHourUSD float64 // of 1000 processing units
	Utilisation float64
	Won         float64 // accepted results, of all assignments
}

// What Google publishes for 1000 processing units (cloud.md, Spanner).
const (
	readsPerSecond  = 22_500
	writesPerSecond = 3_500
)

// moved is how many index entries are written with a row of a table. An entry
// whose key changes is one taken out and one put in.
var moved = map[string]int{
	"Tasks":         2 * 2, // TasksByOffer, and of TasksByLane and TasksByBackup one
	"WorkerResults": 1,     // ResultsByPayout
}

func reads(c spannertest.WorkCounts) int { return c.Lookups + c.Entries }

func writes(c spannertest.WorkCounts) (rows, entries int) {
	for table, n := range c.Rows {
		rows += n
		entries += n * moved[table]
	}
	return rows, entries
}

// perMillion is what a million accepted checks take of 1000 processing units,
// in seconds, when polls bring l.Checks each. Assignments that bring nothing,
// or come too late, are paid for as well.
func (l load) perMillion(p prices) (readSeconds, writeSeconds float64) {
	times := 1e6 / p.Won / float64(l.Checks)
	rows, entries := writes(l.Poll)
	more, others := writes(l.Submit)
	return times * float64(reads(l.Poll)+reads(l.Submit)) / readsPerSecond, times * float64(rows+entries+more+others) / writesPerSecond
}

func (l load) usd(p prices) float64 {
	r, w := l.perMillion(p)
	return (r + w) / 3600 / p.Utilisation * p.NodeHourUSD
}

func page(out io.Writer, loads []load, p prices) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# What a million checks cost in Spanner

Made by `+"`make costs`"+`. What one poll and one submission let Spanner do is counted at the gRPC connection, on the
emulator: keys that are looked up, entries of the due queues that are read, rows that are written. Entries of indexes that
are written with them follow from the schema: a task's row moves two entries, a result's puts one in. The capacity is what
Google publishes for 1000 processing units: %d reads or %d writes a second. Assumptions: %.2f USD for an hour of 1000
processing units, used to %.0f %%; %.0f %% of the assignments win (docs/scheduling-simulation.md). Payouts, sweeps, storage
and traffic are not in it; one payout stands for a hundred checks.

| a poll brings | poll: calls, keys, entries, rows | submission: calls, keys, rows | 1000 PU, seconds for a million: reads + writes | USD for a million checks |
|---|---|---|---|---|
`, readsPerSecond, writesPerSecond, p.NodeHourUSD, 100*p.Utilisation, 100*p.Won)
	for _, l := range loads {
		polled, _ := writes(l.Poll)
		submitted, _ := writes(l.Submit)
		r, w := l.perMillion(p)
		fmt.Fprintf(&b, "| %d | %d, %d, %d, %d | %d, %d, %d | %.0f + %.0f | %.3f |\n", l.Checks,
			l.Poll.Calls, l.Poll.Lookups, l.Poll.Entries, polled, l.Submit.Calls, l.Submit.Lookups, submitted, r, w, l.usd(p))
	}
	last := loads[len(loads)-1]
	r, w := last.perMillion(p)
	perSecond := 1e6 / (r + w) * p.Utilisation
	fmt.Fprintf(&b, `
Rows written, by table, when a poll brings %d: with the poll %s; with the submission %s.

So the writes are the cost, and it grows with the checks, not with the tasks or workers there are. 1000 processing units
carry about %.0f checks a second; the smallest instance, 100 of them, about %.0f, which the pilot's three tasks every 30 s
use to a hundredth. The design target, 100,000 endpoints checked about once a minute, is %.0f processing units. What is
bought with a check is $0.0003 to $0.003 (docs/product.md): a million are 300 to 3,000 USD.
`, last.Checks, tables(last.Poll), tables(last.Submit), perSecond, perSecond/10, roundUp(1e5/60/perSecond*1000))
	_, err := io.WriteString(out, b.String())
	return err
}

// roundUp is to whole nodes of 1000 processing units.
func roundUp(pu float64) float64 {
	nodes := int(pu / 1000)
	if float64(nodes)*1000 < pu {
		nodes++
	}
	return float64(nodes) * 1000
}

func tables(c spannertest.WorkCounts) string {
	var parts []string
	for _, table := range slices.Sorted(maps.Keys(c.Rows)) {
		parts = append(parts, fmt.Sprintf("%s %d", table, c.Rows[table]))
	}
	return strings.Join(parts, ", ")
}
