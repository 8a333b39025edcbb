package refreshreputation

import (
	"math"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// Logs that add up to more than a total can hold, as when costs are in another
// unit, hold up nobody else, and leave no trace once they are mended.
func TestTotalsBeyondTheirRange(t *testing.T) {
	database := spannertest.New(t)
	db := spannertest.Open(t, database)
	f := start(t, nil)
	f.deps.Leases, f.deps.Staging, f.deps.Totals = db, db, db
	f.deps.Piece = reputation.Limit{Bytes: 1 << 20, Wallets: 1000}
	f.handler = New(f.deps)
	huge := strings.Repeat(line(alice, "1000000"), 6_000)
	f.put("2026-08-01.jsonl", line(alice, "1")+line(bob, "2"))
	callOf(t, f.handler)
	want := func(what string, totals map[string]reputation.NanoUSD) {
		t.Helper()
		got := map[string]reputation.Standing{}
		if err := readStandings(t, database, got); err != nil {
			t.Fatal(err)
		}
		for wallet, total := range totals {
			if got[wallet].Total != total || got[wallet].Tier != reputation.TierFor(total) {
				t.Errorf("%s: %s has %+v, want %d", what, wallet, got[wallet], total)
			}
		}
	}
	// Across the parts of a day, and across days.
	for _, names := range [][2]string{{"2026-08-02/a.jsonl", "2026-08-02/b.jsonl"}, {"2026-08-03.jsonl", "2026-08-04.jsonl"}} {
		f.put(names[0], huge+line(bob, "1"))
		f.put(names[1], huge+line(bob, "1"))
		callOf(t, f.handler)
		want("beyond", map[string]reputation.NanoUSD{alice: math.MaxInt64, bob: 4 * reputation.USD})
		f.put(names[0], line(alice, "1"))
		f.put(names[1], line(alice, "1"))
		callOf(t, f.handler)
		want("mended", map[string]reputation.NanoUSD{alice: 3 * reputation.USD, bob: 2 * reputation.USD})
		f.put(names[0], "")
		f.put(names[1], "")
		callOf(t, f.handler)
	}
	// One log alone cannot be read; the others count.
	f.put("2026-08-05.jsonl", huge+huge)
	f.put("2026-08-06.jsonl", line(bob, "1"))
	if code, _ := f.call(t); code != 500 {
		t.Errorf("answer %d", code)
	}
	want("one log", map[string]reputation.NanoUSD{alice: 1 * reputation.USD, bob: 3 * reputation.USD})
}
