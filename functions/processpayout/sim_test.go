package processpayout

import (
	"flag"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

var (
	simSeeds = flag.Uint64("sim.seeds", 300, "seeds of the randomised simulation")
	simFirst = flag.Uint64("sim.first", 1, "the first of them")
)

func simWorker(n int64) common.Address { return common.BigToAddress(big.NewInt(0xa0000 + n)) }

func TestAPayoutIsPaidAndReceipted(t *testing.T) {
	w := newWorld(t, 1)
	id := w.open(simWorker(1))
	w.quiet(12)
	if p := w.store.payouts[id]; p.State != ledger.Confirmed || p.Reason != "" {
		t.Errorf("payout is %s, %q", p.State, p.Reason)
	}
	if w.effects < 12 {
		t.Errorf("only %d effects were seen", w.effects)
	}
}

// Every effect fails before it happened and after it happened, and kills its
// process before and after it: still one transfer and one receipt each.
func TestKillAtEveryStep(t *testing.T) {
	t.Run("facilitator", func(t *testing.T) { killAtEveryStep(t, settles) })
	t.Run("relayer", func(t *testing.T) { killAtEveryStep(t, refuses) })
}

func killAtEveryStep(t *testing.T, facilitator behaviour) {
	for name, f := range map[string]fault{"fails before": failBefore, "fails after": failAfter, "dies before": dieBefore, "dies after": dieAfter} {
		t.Run(name, func(t *testing.T) {
			hit := true
			at := 1
			for ; hit; at++ {
				hit = false
				seen := 0
				w := newWorld(t, uint64(at))
				w.facilitator.behave = func() behaviour { return facilitator }
				w.fault = func(string) fault {
					if seen++; seen == at {
						hit = true
						return f
					}
					return healthy
				}
				one, two := w.open(simWorker(1)), w.open(simWorker(2))
				w.quiet(60)
				for _, id := range []ledger.PayoutID{one, two} {
					if p := w.store.payouts[id]; p.State != ledger.Confirmed {
						w.fatal("payout %s is %s: %s", id, p.State, p.Reason)
					}
				}
			}
			if at < 30 {
				t.Errorf("only %d steps", at)
			}
		})
	}
}

// The same with each way in which a facilitator can fail to tell the truth.
func TestWhateverTheFacilitatorSays(t *testing.T) {
	for b := range behaviours {
		w := newWorld(t, uint64(b))
		calls := 0
		w.facilitator.behave = func() behaviour {
			if calls++; calls > 3 {
				return settles
			}
			return b
		}
		id := w.open(simWorker(1))
		w.quiet(60)
		if p := w.store.payouts[id]; p.State != ledger.Confirmed {
			t.Errorf("behaviour %d: payout is %s, %q", b, p.State, p.Reason)
		}
	}
}

// A facilitator that is down for hours: the authorization runs out, another
// takes its place under the same nonce, and in the end one transfer is made,
// although both were broadcast.
func TestExpiredAuthorizationIsReplaced(t *testing.T) {
	w := newWorld(t, 1)
	w.oneRail = true
	up := false
	var seen []x402.Payment
	w.facilitator.behave = func() behaviour {
		if up {
			return settles
		}
		return timesOutBefore
	}
	id := w.open(simWorker(1))
	for w.now.Before(t0.Add(3 * time.Hour)) {
		w.round()
		p := w.store.payouts[id]
		if n := len(seen); len(p.Signature) > 0 && (n == 0 || string(seen[n-1].Signature) != string(p.Signature)) {
			seen = append(seen, x402.Payment{Domain: w.chain.domain, Authorization: authorization(p), Signature: p.Signature})
		}
	}
	if len(seen) < 2 || len(seen) > 4 {
		t.Fatalf("%d authorizations in three hours; each is good for one", len(seen))
	}
	for i, p := range seen {
		if a, b := p.Authorization, seen[0].Authorization; a.Nonce != b.Nonce || a.To != b.To || a.Value != b.Value || a.From != b.From {
			t.Errorf("authorization %d changes more than its time: %+v, %+v", i, a, b)
		}
		if err := p.Check(); err != nil {
			t.Errorf("authorization %d: %v", i, err)
		}
		w.chain.submit(simTx{wants: []x402.Payment{p}}) // somebody kept them all and broadcasts them now
	}
	up = true
	w.quiet(200)
	if p := w.store.payouts[id]; p.State != ledger.Confirmed {
		t.Errorf("payout is %s, %q", p.State, p.Reason)
	}
}

// What stands in the way is waited for, with a reason; only a blocked recipient
// ends as failed, with its credit in flight, and is paid when it is requeued
// after the block is lifted.
func TestObstacles(t *testing.T) {
	tests := []struct {
		name          string
		raise, remove func(w *world)
		fails         bool
	}{
		{"paused", func(w *world) { w.chain.paused = true }, func(w *world) { w.chain.paused = false }, false},
		{"treasury empty", func(w *world) { w.chain.balance -= 1_000_000_000 }, func(w *world) { w.chain.balance += 1_000_000_000 }, false},
		{"treasury blocked", func(w *world) { w.chain.blocked[w.chain.treasury] = true }, func(w *world) { w.chain.blocked = map[common.Address]bool{} }, false},
		{"recipient blocked", func(w *world) { w.chain.blocked[simWorker(1)] = true }, func(w *world) { w.chain.blocked = map[common.Address]bool{} }, true},
		{"day's cap", func(w *world) { w.caps.PerDay = 1 }, func(w *world) { w.caps.PerDay = 1_000_000 }, false},
		{"payout's cap", func(w *world) { w.caps.PerPayout = 1 }, func(w *world) { w.caps.PerPayout = 1_000_000 }, false},
	}
	for _, tt := range tests {
		for _, signed := range []bool{false, true} {
			name := tt.name
			if signed {
				name += ", after signing"
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, 1)
				w.facilitator.behave = func() behaviour { return timesOutBefore }
				id := w.open(simWorker(1))
				if signed {
					w.round()
				}
				w.facilitator.behave = nil
				tt.raise(w)
				for w.now.Before(t0.Add(90 * time.Minute)) {
					w.round()
				}
				p := w.store.payouts[id]
				capped := signed && len(w.chain.transfers()) == 1 // a cap holds back signing, not what is signed
				if (p.State == ledger.Failed) != tt.fails || p.Reason == "" && !capped {
					t.Fatalf("payout is %s, %q", p.State, p.Reason)
				}
				if n := len(w.chain.transfers()); n != 0 && !capped {
					t.Fatalf("%d transfers", n)
				}
				if c := w.store.credits[simWorker(1)]; c.InFlight+c.TotalPaid != 10_000 {
					t.Fatalf("credit is lost: %+v", c)
				}
				tt.remove(w)
				if tt.fails {
					if _, err := w.store.change(id, func(p *ledger.Payout) error { _, err := p.Requeue(w.now); return err }); err != nil {
						t.Fatal(err)
					}
				}
				w.quiet(500)
				if p := w.store.payouts[id]; p.State != ledger.Confirmed {
					t.Errorf("afterwards it is %s, %q", p.State, p.Reason)
				}
			})
		}
	}
}

// A database restored to an earlier hour opens the same payout again, finds its
// nonce used, and adopts what was paid; and finds its receipt on chain by the
// nonces of the log sender's account, and adopts that.
func TestRestoredDatabaseAdoptsWhatWasPaid(t *testing.T) {
	for name, restore := range map[string]int{"before it was opened": 0, "opened": 1, "signed": 2, "confirmed": 12} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			var before simStore
			var id ledger.PayoutID
			for i := range 60 {
				if i == restore {
					before = w.store.clone()
				}
				if i == 0 {
					id = w.open(simWorker(1))
				} else {
					w.round()
				}
			}
			w.checkEnd()
			paid := w.store.payouts[id]
			w.restore(before)
			if again := w.reopen(paid); again != id {
				t.Fatalf("the restored database opens %s, not %s", again, id)
			}
			w.quiet(60)
			p := w.store.payouts[id]
			if p.State != ledger.Confirmed || p.UsdcTx != paid.UsdcTx || p.LogTx != paid.LogTx {
				t.Errorf("payout is %s by %s, logged by %s; was confirmed by %s, logged by %s", p.State, p.UsdcTx, p.LogTx, paid.UsdcTx, paid.LogTx)
			}
		})
	}
}

// A nonce that paid something else, or was canceled, ends the payout as failed,
// with the transaction named and the credit kept.
func TestNonceUsedForSomethingElse(t *testing.T) {
	for _, canceled := range []bool{false, true} {
		w := newWorld(t, 1)
		w.store.earn(simWorker(1), 100, 100, w.opening, w.now)
		id := ledger.PayoutID{Worker: simWorker(1), Seq: 1}
		p := w.store.payouts[id]
		tx := simTx{cancel: &p.Nonce}
		if !canceled {
			a := authorization(p)
			a.Value, a.ValidBefore = a.Value-1, w.now.Add(time.Hour).Unix()
			pay, err := x402.Sign(t.Context(), w.keys.treasury, w.chain.domain, a)
			if err != nil {
				t.Fatal(err)
			}
			tx = simTx{wants: []x402.Payment{pay}}
		}
		hash := w.chain.submit(tx)
		for range 20 { // not through quiet: the invariants rightly complain of such a transfer
			w.now = w.now.Add(15 * time.Second)
			w.chain.tick(w.now)
			proc := w.start(hint.Payout(id))
			for <-proc.parked {
				proc.turn <- struct{}{}
			}
		}
		p = w.store.payouts[id]
		if p.State != ledger.Failed || !contains(p.Reason, hash.Hex()) || w.store.credits[id.Worker].InFlight != p.Amount {
			t.Errorf("canceled %t: payout is %s, %q, books %+v", canceled, p.State, p.Reason, w.store.credits[id.Worker])
		}
	}
}

// Safety does not depend on leases: all deliveries of the same hints at once,
// in every order that the seeds give, and each lease granted to everybody.
func TestWithoutLeases(t *testing.T) {
	for seed := *simFirst; seed < *simFirst+*simSeeds/2; seed++ {
		w := newWorld(t, seed)
		w.store.noLeases = true
		w.policy.Validity = 5 * time.Minute // some expire on the way
		w.facilitator.behave = func() behaviour { return behaviour(w.rng.IntN(int(behaviours))) }
		for i := range int64(2) {
			w.open(simWorker(i))
		}
		for range 30 {
			w.queue = append(w.queue, w.queue...)
			for _, id := range w.store.sorted(func(p ledger.Payout) bool { return !p.State.Final() }) {
				w.queue = append(w.queue, hint.Payout(id), hint.Receipts())
			}
			w.round()
		}
		w.facilitator.behave = nil
		w.store.noLeases = false
		w.quiet(300)
	}
}
