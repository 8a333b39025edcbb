package processpayout

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// storm makes everything misbehave at random: effects fail and processes die,
// transactions of the database abort, nodes lag, err and forget, the
// facilitator does what it likes, blocks are reorganised, messages are doubled,
// dropped and reordered, leases are violated, obstacles come and go, and
// somebody else broadcasts what was signed.
func (w *world) storm(rounds int) {
	w.fault = func(string) fault {
		if w.rng.IntN(12) > 0 {
			return healthy
		}
		return fault(w.rng.IntN(int(faults)))
	}
	w.facilitator.behave = func() behaviour {
		if w.rng.IntN(3) == 0 {
			return settles
		}
		return behaviour(w.rng.IntN(int(behaviours)))
	}
	w.oneRail = w.seed%4 == 0
	for i := range rounds {
		if i%4 == 0 {
			w.open(simWorker(w.rng.Int64N(3)))
		}
		w.store.noLeases = w.rng.IntN(4) == 0
		w.mischief()
		w.round()
	}
	w.calm()
}

// calm ends a storm. Payouts that have failed are tried again by an operator.
func (w *world) calm() {
	w.fault = func(string) fault { return healthy }
	w.facilitator.behave, w.facilitator.downTo = nil, time.Time{}
	w.store.noLeases = false
	w.chain.paused, w.chain.blocked, w.chain.empty = false, nil, false
	for _, id := range w.store.sorted(func(p ledger.Payout) bool { return p.State == ledger.Failed }) {
		if _, err := w.store.change(id, func(p *ledger.Payout) error { _, err := p.Requeue(w.now); return err }); err != nil {
			w.fatal("%v", err)
		}
	}
}

// mischief is what happens between two rounds.
func (w *world) mischief() {
	switch w.rng.IntN(11) {
	case 0:
		w.chain.reorg(1+w.rng.IntN(w.chain.safeDepth), w.rng.IntN(2) == 0)
	case 1:
		w.queue = append(w.queue, w.queue...)
	case 2:
		w.queue = nil
	case 3:
		w.rng.Shuffle(len(w.queue), func(i, j int) { w.queue[i], w.queue[j] = w.queue[j], w.queue[i] })
	case 4:
		w.chain.paused = !w.chain.paused
	case 5:
		who := simWorker(w.rng.Int64N(3))
		w.chain.blocked[who] = !w.chain.blocked[who]
	case 6:
		for _, id := range w.store.sorted(func(p ledger.Payout) bool { return len(p.Signature) > 0 }) {
			if w.rng.IntN(3) == 0 {
				w.broadcastAnyway(id)
			}
		}
	case 7:
		w.now = w.now.Add(time.Duration(w.rng.IntN(90)) * time.Minute)
		for _, id := range w.store.sorted(func(p ledger.Payout) bool { return !p.State.Final() }) {
			w.queue = append(w.queue, hint.Payout(id))
		}
	case 8:
		w.chain.empty = !w.chain.empty
	case 9:
		w.facilitator.downTo = w.now.Add(time.Duration(w.rng.IntN(10)) * time.Minute)
	case 10:
		w.chain.mempool = nil
	}
}

// TestStorm runs the randomised simulation; -sim.first and -sim.seeds say which
// seeds, and a failure names its own.
func TestStorm(t *testing.T) {
	total := 0
	for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
		w := newWorld(t, seed)
		w.policy.Validity = 20 * time.Minute
		w.logPolicy.ReassignAfter = 2 * time.Hour
		w.storm(40)
		w.quiet(400)
		for id, p := range w.store.payouts {
			if p.State != ledger.Confirmed {
				w.fatal("payout %s is %s in the end: %s", id, p.State, p.Reason)
			}
		}
		total += w.effects
	}
	t.Logf("seeds %d to %d, %d effects", *simFirst, *simFirst+*simSeeds-1, total)
}

// A seed gives the same run again.
func TestSeedsRepeat(t *testing.T) {
	run := func() []string {
		w := newWorld(t, 7)
		w.storm(20)
		w.quiet(400)
		return strings.Split(w.dump()+w.log.String(), "\n")
	}
	if a, b := run(), run(); !slices.Equal(a, b) {
		t.Errorf("two runs of one seed differ:\n%s\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}
