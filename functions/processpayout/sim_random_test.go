package processpayout

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// storm makes everything misbehave at random: effects fail and processes die,
// transactions of the database abort, nodes lag, err and forget, the
// facilitator does what it likes, blocks are reorganised, messages are doubled,
// dropped and reordered, leases are violated, obstacles come and go, and
// somebody else broadcasts what was signed.
func (w *world) storm(rounds int) {
	w.fault = func(string) fault {
		if w.rng.IntN(30) == 0 {
			w.obstacle() // in the middle of somebody's attempt
		}
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
	for i := range rounds {
		if i%4 == 0 {
			w.open(simWorker(w.rng.Int64N(3)))
		}
		w.store.noLeases = w.rng.IntN(4) == 0
		w.mischief()
		w.round()
	}
}

// play is a whole simulation: storms, in some of which the database is restored
// to an earlier hour, and then calm weather, until nothing is left to do and
// everybody is paid.
func (w *world) play() {
	w.oneRail = w.seed%4 == 0
	w.policy.Validity = 20 * time.Minute
	w.storm(20)
	if w.seed%3 == 0 {
		before, since := w.store.clone(), w.now
		w.storm(20)
		lost := w.store.clone()
		w.restore(before)
		if w.seed%2 == 0 {
			w.recover(lost, since)
		} else {
			for _, id := range slices.SortedFunc(maps.Keys(lost.payouts), comparePayoutID) {
				w.reopen(lost.payouts[id])
			}
		}
	}
	w.storm(20)
	w.calm()
	w.quiet(400)
	for id, p := range w.store.payouts {
		if p.State != ledger.Confirmed {
			w.fatal("payout %s is %s in the end: %s", id, p.State, p.Reason)
		}
	}
}

// calm ends a storm. Payouts that have failed are tried again by an operator.
func (w *world) calm() {
	w.fault = func(string) fault { return healthy }
	w.facilitator.behave, w.facilitator.downTo = nil, time.Time{}
	w.store.noLeases, w.store.paused = false, false
	w.chain.paused, w.chain.blocked, w.chain.empty = false, nil, false
	for _, id := range w.store.sorted(func(p ledger.Payout) bool { return p.State == ledger.Failed }) {
		if _, err := w.store.change(id, func(p *ledger.Payout) error { _, err := p.Requeue(w.now); return err }); err != nil {
			w.fatal("%v", err)
		}
	}
}

// mischief is what happens between two rounds.
func (w *world) mischief() {
	switch w.rng.IntN(10) {
	case 0:
		w.chain.reorg(1+w.rng.IntN(w.chain.safeDepth), w.rng.IntN(2) == 0)
	case 1:
		w.queue = append(w.queue, w.queue...)
	case 2:
		w.queue = nil
	case 3:
		w.rng.Shuffle(len(w.queue), func(i, j int) { w.queue[i], w.queue[j] = w.queue[j], w.queue[i] })
	case 4, 5:
		w.obstacle()
	case 6:
		for _, pay := range w.cheques {
			if w.rng.IntN(3) == 0 {
				w.chain.submit(simTx{wants: []x402.Payment{pay}})
			}
		}
	case 7:
		w.now = w.now.Add(time.Duration(w.rng.IntN(90)) * time.Minute)
		for _, id := range w.store.sorted(func(p ledger.Payout) bool { return !p.State.Final() }) {
			w.queue = append(w.queue, hint.Payout(id))
		}
	case 8:
		w.facilitator.downTo = w.now.Add(time.Duration(w.rng.IntN(10)) * time.Minute)
	case 9:
		w.chain.mempool = nil
	}
}

// obstacle comes or goes.
func (w *world) obstacle() {
	switch w.rng.IntN(6) {
	case 0:
		w.chain.paused = !w.chain.paused
	case 1:
		w.chain.empty = !w.chain.empty
	case 2:
		w.store.paused = !w.store.paused
	default:
		who := simWorker(w.rng.Int64N(3))
		w.chain.blocked[who] = !w.chain.blocked[who]
	}
}

// TestStorm runs the randomised simulation; -sim.first and -sim.seeds say which
// seeds, and a failure names its own.
func TestStorm(t *testing.T) {
	total := 0
	for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
		w := newWorld(t, seed)
		w.play()
		total += w.effects
	}
	t.Logf("seeds %d to %d, %d effects", *simFirst, *simFirst+*simSeeds-1, total)
}

// A seed gives the same run again.
func TestSeedsRepeat(t *testing.T) {
	run := func() []string {
		w := newWorld(t, 3)
		w.play()
		return strings.Split(w.dump()+w.log.String(), "\n")
	}
	if a, b := run(), run(); !slices.Equal(a, b) {
		t.Errorf("two runs of one seed differ:\n%s\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}
