package processpayout

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var simDoc = flag.Bool("sim.doc", false, "look for seeds that catch the mutations, and write them into docs/money-simulation.md")

// mutation is a mistake that somebody could make.
type mutation struct {
	name string
	wrap func(w *world, d Deps) Deps
}

var mutations = []mutation{
	{"a facilitator's success is read from HTTP alone", believeFacilitator},
	{"a mined relay transaction counts as the transfer", believeRelayer},
	{"a refusal counts as never paid, and the payout fails", failRefused},
	{"a random nonce for each attempt", randomNonces},
	{"each rail has a nonce of its own", nonceByRail},
	{"the amount is made anew when signing again", otherAmounts},
	{"credit is debited when the payout is settled", debitLater},
	{"the authorization is sent before it is stored", sendFirst},
	{"the operator's pause is asked for when signing only", pausedWhenSigningOnly},
	{"booked before the block is safe", alwaysSafe},
	{"a chain that cannot be read counts as unused", errorsAreUnused},
	{"expired by the own clock", ownClock},
	{"failed whatever is stored by then", failAnything},
	{"a log transaction that is not mined is given up, and its receipts go to another", givenUp},
	{"a batch whose nonce is used goes to another at once", neverCarried},
	{"log transactions that were forgotten are passed over", passedOver},
}

// The simulation is only worth something if it fails for wrong programs. The
// documentation names a seed for each; when the function or the simulation has
// changed so that it catches nothing any more, -sim.doc finds others.
func TestMutationsAreCaught(t *testing.T) {
	doc := readMutationTable(t)
	doc.table.WriteString("| mutation | seed | what the simulation says |\n|---|---|---|\n")
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			seed, listed := doc.seeds[m.name]
			if *simDoc {
				seed = findSeed(m, seed)
			} else if !listed {
				t.Fatalf("%s has no seed for it; run with -sim.doc", mutationDoc)
			}
			what := caught(seed, m.wrap)
			if what == "" {
				t.Fatalf("not caught by seed %d; run with -sim.doc", seed)
			}
			if right := caught(seed, func(_ *world, d Deps) Deps { return d }); right != "" {
				t.Fatalf("seed %d catches the function as it should be: %s", seed, right)
			}
			t.Logf("caught by seed %d: %s", seed, what)
			fmt.Fprintf(&doc.table, "| %s | %d | %s |\n", m.name, seed, what)
		})
	}
	if *simDoc && !t.Failed() {
		doc.write(t)
	}
}

// findSeed begins with the one that was good before. A seed that shows the harm
// is better than one that shows that it never ends.
func findSeed(m mutation, before uint64) uint64 {
	if what := caught(before, m.wrap); what != "" && !strings.Contains(what, neverEnds) {
		return before
	}
	endless := uint64(0)
	for seed := uint64(1); seed <= 1000; seed++ {
		switch what := caught(seed, m.wrap); {
		case strings.Contains(what, neverEnds) && endless == 0:
			endless = seed
		case what != "" && !strings.Contains(what, neverEnds):
			return seed
		}
	}
	return endless
}

const mutationDoc = "../../docs/money-simulation.md"

// mutationTable is the table in the documentation, and what stands around it.
type mutationTable struct {
	head, tail string
	seeds      map[string]uint64
	table      strings.Builder // the new one
}

func readMutationTable(t *testing.T) *mutationTable {
	t.Helper()
	const begin, end = "<!-- mutations -->\n", "<!-- end of mutations -->"
	text, err := os.ReadFile(mutationDoc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	table, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", mutationDoc)
	}
	d := &mutationTable{head: head + begin, tail: end + tail, seeds: map[string]uint64{}}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		if seed, err := strconv.ParseUint(cells[min(1, len(cells)-1)], 10, 64); err == nil {
			d.seeds[strings.TrimPrefix(cells[0], "| ")] = seed
		}
	}
	return d
}

func (d *mutationTable) write(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(mutationDoc, []byte(d.head+d.table.String()+d.tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// catch stops a simulation by a panic, with what it found.
type catch struct{}

type found string

func (catch) Helper() {}

func (catch) Fatalf(format string, args ...any) {
	panic(found(fmt.Sprintf(format, args...)))
}

func caught(seed uint64, wrap func(*world, Deps) Deps) (what string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case found:
			what, _, _ = strings.Cut(string(r), "\n")
			what = strings.TrimPrefix(strings.TrimPrefix(what, fmt.Sprintf("seed %d: ", seed)), fmt.Sprintf("seed %d, ", seed))
		default:
			panic(r)
		}
	}()
	w := newWorld(catch{}, seed)
	w.wrap = func(d Deps) Deps { return wrap(w, d) }
	w.play()
	return ""
}
