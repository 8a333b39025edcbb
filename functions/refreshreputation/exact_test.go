package refreshreputation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spendlog"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

// fromScratch adds all contents up, slowly: encoding/json and big fractions.
func fromScratch(t *testing.T, contents map[string]string) map[string]*big.Rat {
	t.Helper()
	sums := map[string]*big.Rat{}
	for _, text := range contents {
		for line := range strings.Lines(text) {
			var call struct {
				Wallet string
				Cost   json.Number
			}
			if err := json.Unmarshal([]byte(line), &call); err != nil {
				t.Fatal(err)
			}
			wallet := call.Wallet
			if strings.HasPrefix(wallet, "0x") {
				wallet = strings.ToLower(wallet)
			}
			cost, ok := new(big.Rat).SetString(call.Cost.String())
			if !ok {
				t.Fatalf("cost %q", call.Cost)
			}
			if sums[wallet] == nil {
				sums[wallet] = new(big.Rat)
			}
			sums[wallet].Add(sums[wallet], cost)
		}
	}
	return sums
}

func compare(t *testing.T, sums map[string]*big.Rat, standings map[string]reputation.Standing) {
	t.Helper()
	for wallet, want := range sums {
		got := standings[wallet]
		if big.NewRat(int64(got.Total), int64(reputation.USD)).Cmp(want) != 0 || got.Tier != reputation.TierFor(got.Total) {
			t.Errorf("%s: %+v, want %s", wallet, got, want.FloatString(9))
		}
	}
	for wallet, got := range standings {
		if sums[wallet] == nil && got.Total != 0 {
			t.Errorf("%s: %+v, want nothing", wallet, got)
		}
	}
}

func generated(seed uint64, size int64) string {
	var b bytes.Buffer
	_, _ = spendlog.New(spendlog.Options{Seed: seed, Wallets: 12}).Write(&b, size)
	return b.String()
}

// ticking is a clock that moves when it is read, by whichever worker of a run.
type ticking struct {
	mu sync.Mutex
	at time.Time
}

func (c *ticking) by(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

// Runs that are killed at random writes, before or after they happened, or
// overtaken, or out of time, between files that grow and are replaced: in the
// end the totals are those of a run from scratch.
func TestKilledAnywhereComesOutRight(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	for range 12 {
		f := start(t, nil)
		contents := map[string]string{}
		tick := ticking{at: f.clock}
		f.deps.Now = func() time.Time { return tick.by(time.Second) }
		for range 12 {
			name := fmt.Sprintf("2026-08-0%d", 1+rng.IntN(2)) + []string{".jsonl", "/a.jsonl", "/b.jsonl"}[rng.IntN(3)]
			text := generated(rng.Uint64(), rng.Int64N(6_000))
			if rng.IntN(2) == 0 {
				text = contents[name] + text
			}
			contents[name] = text
			if rng.IntN(3) == 0 {
				f.put(name, packed(text)) // under a plain name
			} else {
				f.put(name, text)
			}
			at, when := rng.IntN(90), []string{"before", "after"}[rng.IntN(2)]
			overtaken := rng.IntN(3) == 0
			f.store.writes = 0
			f.store.fail = func(w string) error {
				if f.store.writes < at || w != when {
					return nil
				}
				if overtaken {
					f.store.holder = "another"
					return nil
				}
				return errLost // from here on nothing gets through
			}
			f.deps.Budget = time.Duration(1+rng.IntN(100)) * time.Second
			f.handler = New(f.deps)
			f.call(t)
			tick.by(f.deps.LeaseTTL)
			f.store.holder = ""
		}
		f.store.fail = nil
		f.deps.Budget = 24 * time.Hour
		f.handler = New(f.deps)
		if code, s := f.call(t); code != 200 || s.Unfinished {
			t.Fatalf("seed %d: last run %d %+v\n%s", seed, code, s, f.log.String()[max(0, f.log.Len()-2000):])
		}
		compare(t, fromScratch(t, contents), f.store.standings)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// With little time each, runs still come to the end.
func TestContinuesWhereItStopped(t *testing.T) {
	f := start(t, nil)
	contents := map[string]string{"2026-08-01.jsonl": generated(1, 20_000), "2026-08-02.jsonl": generated(2, 20_000)}
	f.put("2026-08-01.jsonl", contents["2026-08-01.jsonl"])
	f.put("2026-08-02.jsonl.gz", packed(contents["2026-08-02.jsonl"]))
	tick := ticking{at: now}
	f.deps.Now = func() time.Time { return tick.by(time.Second) }
	f.deps.Budget = 12 * time.Second
	f.handler = New(f.deps)
	lines, runs := int64(0), 0
	for unfinished := true; unfinished; runs++ {
		code, s := f.call(t)
		if code != 200 || runs > 60 {
			t.Fatalf("run %d: %d %+v", runs, code, s)
		}
		lines, unfinished = lines+s.Lines, s.Unfinished
	}
	want := int64(strings.Count(contents["2026-08-01.jsonl"]+contents["2026-08-02.jsonl"], "\n"))
	if runs < 4 || lines != want {
		t.Errorf("%d runs read %d lines; want several, and each of %d lines once", runs, lines, want)
	}
	compare(t, fromScratch(t, contents), f.store.standings)
}

// The same on the real database, with runs at the same time.
func TestOnTheDatabase(t *testing.T) {
	database := spannertest.New(t)
	db, other := spannertest.Open(t, database), spannertest.Open(t, database)
	f := start(t, nil)
	contents := map[string]string{}
	ids := make(chan string, 64)
	for i := range 64 {
		ids <- fmt.Sprint("owner ", i)
	}
	f.deps.NewID = func() string { return <-ids }
	f.deps.Leases, f.deps.Staging, f.deps.Totals = db, db, db
	f.handler = New(f.deps)
	second := f.deps
	second.Leases, second.Staging, second.Totals = other, other, other
	concurrent := New(second)
	for i, name := range []string{"2026-08-01.jsonl", "2026-08-02/a.jsonl", "2026-08-02/b.jsonl", "2026-08-01.jsonl"} {
		contents[name] = generated(uint64(i), 4_000)
		f.put(name, contents[name])
		done := make(chan struct{})
		go func() { defer close(done); callOf(t, concurrent) }()
		callOf(t, f.handler)
		<-done
		callOf(t, f.handler) // whoever came second may have met "already running" only
		got := map[string]reputation.Standing{}
		err := readStandings(t, database, got)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, fromScratch(t, contents), got)
	}
	logs, err := db.SpendLogs(t.Context())
	if err != nil || len(logs) != 3 {
		t.Fatalf("%d logs, %v", len(logs), err)
	}
	for _, l := range logs {
		if l.Replaced != nil || l.Counted.Generation == 0 {
			t.Errorf("%+v is not settled", l)
		}
	}
}
