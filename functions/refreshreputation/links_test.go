package refreshreputation

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// linkedWorld is logs, links and refreshes of a few wallets, with what must
// come of them.
type linkedWorld struct {
	*fixture
	t        *testing.T
	rng      *rand.Rand
	db       *spannerdb.DB
	workers  []common.Address
	solanas  []string
	contents map[string]string
	links    map[string]reputation.Link
	clock    time.Time
}

// spending is a few calls by any of the wallets, spelled as logs spell them.
func (w *linkedWorld) spending() string {
	var b strings.Builder
	for range 1 + w.rng.IntN(5) {
		a := w.workers[w.rng.IntN(len(w.workers))]
		wallet := []string{a.Hex(), strings.ToLower(a.Hex()), w.solanas[w.rng.IntN(len(w.solanas))], w.solanas[w.rng.IntN(len(w.solanas))]}[w.rng.IntN(4)]
		b.WriteString(line(wallet, fmt.Sprintf("%d.%09d", w.rng.IntN(60)-5, w.rng.IntN(1e9))))
	}
	return b.String()
}

func (w *linkedWorld) log() {
	name := fmt.Sprintf("2026-08-0%d.jsonl", 1+w.rng.IntN(3))
	text := w.spending()
	if w.rng.IntN(3) > 0 {
		text = w.contents[name] + text // it grew; or it was replaced
	}
	w.contents[name] = text
	w.put(name, text)
}

// link links, or tries to; what comes of it is found independently.
func (w *linkedWorld) link() {
	w.clock = w.clock.Add(time.Duration(w.rng.IntN(2)) * time.Hour).Add(time.Second)
	l := reputation.Link{
		Solana: w.solanas[w.rng.IntN(len(w.solanas))], Worker: strings.ToLower(w.workers[w.rng.IntN(len(w.workers))].Hex()),
		At: w.clock.Add(-time.Duration(w.rng.IntN(4)) * time.Second), Relink: w.rng.IntN(3) > 0,
	}
	_, _, err := w.db.LinkWallet(w.t.Context(), spannerdb.SignedLink{Link: l}, w.clock)
	had, is := w.links[l.Solana]
	same := had.Worker == l.Worker
	if ok := !is || same || l.Relink && l.At.After(had.At) && w.clock.Sub(had.Since) >= time.Hour; ok != (err == nil) {
		w.t.Errorf("%+v over %+v: %v", l, had, err)
	}
	l.Since = had.Since
	if !same {
		l.Since = w.clock
	}
	if err == nil && (!same || l.At.After(had.At)) {
		w.links[l.Solana] = l
	}
}

// check adds everything up from scratch.
func (w *linkedWorld) check() {
	w.t.Helper()
	sums := fromScratch(w.t, w.contents)
	all, counted := new(big.Rat), new(big.Rat)
	for _, a := range w.workers {
		want := new(big.Rat)
		names := []string{strings.ToLower(a.Hex())}
		for solana, l := range w.links {
			if l.Worker == names[0] {
				names = append(names, solana)
			}
		}
		for _, n := range names {
			if sums[n] != nil {
				want.Add(want, sums[n])
			}
		}
		got, err := w.db.Lifetime(w.t.Context(), a)
		if err != nil {
			w.t.Fatal(err)
		}
		status, err := w.db.WorkerStatus(w.t.Context(), a, spannerdb.StatusPage{})
		if err != nil {
			w.t.Fatal(err)
		}
		total := big.NewRat(int64(got.Total()), int64(reputation.USD))
		if total.Cmp(want) != 0 || len(got.Linked) != len(names)-1 || fmt.Sprint(got) != fmt.Sprint(status.Lifetime) {
			w.t.Errorf("%s: %+v, status %+v, want %s under %q", a, got, status.Lifetime, want.FloatString(9), names)
		}
		counted.Add(counted, total)
	}
	for n, sum := range sums {
		if _, linked := w.links[n]; linked || strings.HasPrefix(n, "0x") {
			all.Add(all, sum)
		}
	}
	if all.Cmp(counted) != 0 {
		w.t.Errorf("%s counts for workers, want each dollar once: %s", counted.FloatString(9), all.FloatString(9))
	}
}

// Logs that grow and are replaced, refreshes, links and relinks in any order,
// some of them at the same moment: after each refresh every worker has what a
// computation from scratch gives it, and every dollar counts once.
func TestLinksAndRefreshesInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for run := range uint64(4) {
		database := spannertest.New(t)
		w := &linkedWorld{
			fixture: start(t, nil), t: t, rng: rand.New(rand.NewPCG(seed, run)), db: spannertest.Open(t, database),
			contents: map[string]string{}, links: map[string]reputation.Link{}, clock: now,
			solanas: []string{"HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk", "oeYf6KAJkLYhBuR8CiGc6L4D4Xtfepr85fuDgA9kq96", "EvFUfisEScFuZSqDXagC17m3bpP32B74dseMHtzQ5TNb"},
		}
		for i := range byte(3) {
			w.workers = append(w.workers, common.BytesToAddress([]byte{0xAB, 0xCD, 0xEF, i}))
		}
		instance := spannertest.Open(t, database) // refreshes do not share a client with links
		w.deps.Leases, w.deps.Staging, w.deps.Totals = instance, instance, instance
		w.handler = New(w.deps)
		for range 25 {
			switch w.rng.IntN(4) {
			case 0:
				w.log()
				callOf(t, w.handler)
			case 1:
				w.link()
			case 2: // at the same moment
				w.log()
				var both sync.WaitGroup
				both.Go(func() { callOf(t, w.handler) })
				w.link()
				w.link()
				both.Wait()
			case 3:
				callOf(t, w.handler) // nothing new
			}
			w.check()
			if t.Failed() {
				t.Fatalf("seed %d, run %d", seed, run)
			}
		}
	}
}
