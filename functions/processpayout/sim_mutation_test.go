package processpayout

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

var simSearch = flag.Bool("sim.search", false, "search for seeds that catch the mutations")

// The simulation is only worth something if it fails for wrong programs. Each
// mutation is a mistake that somebody could make, with a seed whose storm
// catches it. When the simulation changes, -sim.search finds new ones.
func TestMutationsAreCaught(t *testing.T) {
	mutations := []struct {
		name string
		seed uint64
		wrap func(w *world, d Deps) Deps
	}{
		{"success is read from HTTP alone", 1, func(_ *world, d Deps) Deps {
			b := &believer{Chain: d.Chain, Rail: d.Rails[0]}
			d.Chain, d.Rails = b, []Rail{b}
			return d
		}},
		{"a fresh nonce for each attempt", 1, func(w *world, d Deps) Deps {
			d.Payouts, d.Cheques = freshNonces{d.Payouts, w}, freshCheques{d.Cheques, w}
			return d
		}},
		{"the amount is made anew when signing again", 1, func(w *world, d Deps) Deps {
			d.Payouts = otherAmounts{d.Payouts}
			return d
		}},
		{"booked before the block is safe", 1, func(_ *world, d Deps) Deps {
			d.Chain = alwaysSafe{d.Chain}
			return d
		}},
		{"a chain that cannot be read counts as unused", 118, func(w *world, d Deps) Deps {
			d.Chain = errorsAreUnused{d.Chain, w}
			return d
		}},
		{"expired by the own clock", 18, func(w *world, d Deps) Deps {
			d.Chain = ownClock{d.Chain, w}
			return d
		}},
		{"a stuck log transaction is sent again under the next nonce", 1, func(w *world, d Deps) Deps {
			d.Receipts.Batches = nextNonces{d.Receipts.Batches, w}
			return d
		}},
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			first, last := m.seed, m.seed
			if *simSearch {
				first, last = 1, 1000
			}
			for seed := first; seed <= last; seed++ {
				if what := caught(seed, m.wrap); what != "" {
					t.Logf("caught by seed %d: %s", seed, what)
					return
				}
			}
			t.Errorf("not caught by seeds %d to %d", first, last)
		})
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
			what = firstLine(string(r))
		default:
			panic(r)
		}
	}()
	w := newWorld(catch{}, seed)
	w.wrap = func(d Deps) Deps { return wrap(w, d) }
	w.play()
	return ""
}

func firstLine(s string) string {
	for i, c := range s {
		if c == '\n' {
			return s[:i]
		}
	}
	return s
}

// believer takes a facilitator's word for it.
type believer struct {
	Chain
	Rail
	claim common.Hash
}

func (b *believer) Settle(ctx context.Context, p x402.Payment) x402.Outcome {
	o := b.Rail.Settle(ctx, p)
	if o.Kind == x402.Settled {
		b.claim = o.Tx
	}
	return o
}

func (b *believer) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	if b.claim != (common.Hash{}) {
		return Authorization{Use: Paid, Tx: b.claim, Block: 1, Safe: true}, nil
	}
	return b.Chain.Authorization(ctx, p, hint)
}

type freshNonces struct {
	Payouts
	w *world
}

func (f freshNonces) LeasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (ledger.Payout, error) {
	p, err := f.Payouts.LeasePayout(ctx, id, owner, now, ttl)
	p.Nonce = freshNonce(f.w)
	return p, err
}

type freshCheques struct {
	Cheques
	w *world
}

func (f freshCheques) AuthorisePayout(ctx context.Context, id ledger.PayoutID, a ledger.AuthorizationRecord, caps ledger.PayoutCaps, now time.Time) (ledger.Payout, error) {
	p, err := f.Cheques.AuthorisePayout(ctx, id, a, caps, now)
	if err != nil {
		return p, err
	}
	p.Nonce = freshNonce(f.w)
	signed, err := x402.Sign(ctx, f.w.keys.treasury, f.w.chain.domain, authorization(p))
	p.Signature = signed.Signature
	return p, err
}

func freshNonce(w *world) common.Hash {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], w.rng.Uint64())
	return crypto.Keccak256Hash(n[:])
}

type otherAmounts struct{ Payouts }

func (o otherAmounts) LeasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (ledger.Payout, error) {
	p, err := o.Payouts.LeasePayout(ctx, id, owner, now, ttl)
	if len(p.Signature) > 0 {
		p.Amount++
	}
	return p, err
}

type alwaysSafe struct{ Chain }

func (c alwaysSafe) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := c.Chain.Authorization(ctx, p, hint)
	a.Safe = a.Use != Unused
	return a, err
}

type errorsAreUnused struct {
	Chain
	w *world
}

func (c errorsAreUnused) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := c.Chain.Authorization(ctx, p, hint)
	if err != nil {
		return Authorization{Use: Unused, SafeTime: c.w.now}, nil
	}
	return a, nil
}

// ownClock takes an authorization for dead when its own clock says so.
type ownClock struct {
	Chain
	w *world
}

func (c ownClock) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := c.Chain.Authorization(ctx, p, hint)
	if a.Use == Unused {
		a.SafeTime = c.w.now
	}
	return a, err
}

// nextNonces sends what is open under the account's next nonce.
type nextNonces struct {
	Batches
	w *world
}

func (n nextNonces) OpenReceiptBatches(ctx context.Context, sender common.Address) ([]ledger.ReceiptBatch, error) {
	open, err := n.Batches.OpenReceiptBatches(ctx, sender)
	_, latest := n.w.chain.accountNonces(sender, 0)
	for i := range open {
		open[i].AccountNonce = max(open[i].AccountNonce, latest+uint64(i))
		open[i].TxHashes = nil
	}
	return open, err
}
