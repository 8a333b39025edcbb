package processpayout

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// What follows are the mutations: each puts something wrong between the
// function and the world.

// believer takes a rail's word for it.
type believer struct {
	Chain
	Rail
	w     *world
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
		a := Authorization{Use: Paid, Tx: b.claim, Block: 1, Safe: true}
		if m := b.w.chain.txStatus([]common.Hash{b.claim}, 0); m != nil {
			a.Block = m.Block
		}
		return a, nil
	}
	return b.Chain.Authorization(ctx, p, hint)
}

func believeFacilitator(w *world, d Deps) Deps {
	b := &believer{Chain: d.Chain, Rail: d.Rails[0], w: w}
	d.Chain, d.Rails[0] = b, b
	return d
}

func believeRelayer(w *world, d Deps) Deps {
	if len(d.Rails) > 1 {
		b := &believer{Chain: d.Chain, Rail: d.Rails[1], w: w}
		d.Chain, d.Rails[1] = b, b
	}
	return d
}

// refusals fails what a rail refused.
type refusals struct {
	Rail
	Outcomes
	refused *x402.Payment
}

func failRefused(_ *world, d Deps) Deps {
	r := &refusals{Rail: d.Rails[0], Outcomes: d.Outcomes}
	d.Rails[0], d.Outcomes = r, r
	return d
}

func (r *refusals) Settle(ctx context.Context, p x402.Payment) x402.Outcome {
	o := r.Rail.Settle(ctx, p)
	if o.Kind == x402.Refused {
		r.refused = &p
	}
	return o
}

func (r *refusals) RecordOutcome(ctx context.Context, id ledger.PayoutID, state ledger.PayoutState, reason string, tx common.Hash, workAt, now time.Time) error {
	if r.refused != nil {
		return r.FailPayout(ctx, id, r.refused.Authorization.ValidBefore, reason, now)
	}
	return r.Outcomes.RecordOutcome(ctx, id, state, reason, tx, workAt, now)
}

type freshNonces struct {
	Payouts
	Cheques
	w *world
}

func randomNonces(w *world, d Deps) Deps {
	f := freshNonces{d.Payouts, d.Cheques, w}
	d.Payouts, d.Cheques = f, f
	return d
}

func (f freshNonces) LeasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (ledger.Payout, error) {
	p, err := f.Payouts.LeasePayout(ctx, id, owner, now, ttl)
	p.Nonce = freshNonce(f.w)
	return p, err
}

func (f freshNonces) AuthorisePayout(ctx context.Context, id ledger.PayoutID, a ledger.AuthorizationRecord, caps ledger.PayoutCaps, now time.Time) (ledger.Payout, error) {
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

// signsAnew gives a rail another authorization for the same payout.
type signsAnew struct {
	Rail
	w *world
}

func nonceByRail(w *world, d Deps) Deps {
	if len(d.Rails) > 1 {
		d.Rails[1] = signsAnew{d.Rails[1], w}
	}
	return d
}

func (s signsAnew) Settle(ctx context.Context, p x402.Payment) x402.Outcome {
	a := p.Authorization
	a.Nonce = crypto.Keccak256Hash([]byte("relayer"), a.Nonce[:])
	signed, err := x402.Sign(ctx, s.w.keys.treasury, p.Domain, a)
	if err != nil {
		return refusal(x402.ReasonInvalidPayment, err)
	}
	return s.Rail.Settle(ctx, signed)
}

type morePay struct{ Payouts }

func otherAmounts(_ *world, d Deps) Deps {
	d.Payouts = morePay{d.Payouts}
	return d
}

func (m morePay) LeasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (ledger.Payout, error) {
	p, err := m.Payouts.LeasePayout(ctx, id, owner, now, ttl)
	if len(p.Signature) > 0 {
		p.Amount++
	}
	return p, err
}

// debitLater leaves credit pending when a payout opens: until it is settled,
// the next payout is for the same results.
func debitLater(w *world, d Deps) Deps {
	w.store.debitLate = true
	return d
}

// late stores an authorization after it was sent.
type late struct {
	Cheques
	Rail
	w     *world
	store func(context.Context) error
}

func sendFirst(w *world, d Deps) Deps {
	l := &late{Cheques: d.Cheques, Rail: d.Rails[0], w: w}
	d.Cheques, d.Rails = l, []Rail{l}
	return d
}

func (l *late) AuthorisePayout(ctx context.Context, id ledger.PayoutID, a ledger.AuthorizationRecord, caps ledger.PayoutCaps, now time.Time) (ledger.Payout, error) {
	l.store = func(ctx context.Context) error {
		_, err := l.Cheques.AuthorisePayout(ctx, id, a, caps, now)
		return err
	}
	p := l.w.store.payouts[id]
	_, _, err := p.Authorise(a, caps, 0, now)
	return p, err
}

func (l *late) Settle(ctx context.Context, p x402.Payment) x402.Outcome {
	o := l.Rail.Settle(ctx, p)
	if l.store != nil {
		_ = l.store(ctx)
	}
	return o
}

// neverPaused does not look at the switch.
type neverPaused struct{}

func (neverPaused) PayoutsPaused(context.Context) (bool, error) { return false, nil }

func pausedWhenSigningOnly(_ *world, d Deps) Deps {
	d.Switch = neverPaused{}
	return d
}

type safeAtOnce struct{ Chain }

func alwaysSafe(_ *world, d Deps) Deps {
	d.Chain = safeAtOnce{d.Chain}
	return d
}

func (c safeAtOnce) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := c.Chain.Authorization(ctx, p, hint)
	a.Safe = a.Use != Unused
	return a, err
}

type blind struct {
	Chain
	w *world
}

func errorsAreUnused(w *world, d Deps) Deps {
	d.Chain = blind{d.Chain, w}
	return d
}

func (c blind) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := c.Chain.Authorization(ctx, p, hint)
	if err != nil {
		return Authorization{Use: Unused, SafeTime: c.w.now}, nil
	}
	return a, nil
}

// clock takes an authorization for dead when its own clock says so.
type clock struct {
	Chain
	w *world
}

func ownClock(w *world, d Deps) Deps {
	d.Chain = clock{d.Chain, w}
	return d
}

func (c clock) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := c.Chain.Authorization(ctx, p, hint)
	if a.Use == Unused {
		a.SafeTime = c.w.now
	}
	return a, err
}

// unfenced fails a payout whatever is stored for it by then.
type unfenced struct{ Outcomes }

func failAnything(_ *world, d Deps) Deps {
	d.Outcomes = unfenced{d.Outcomes}
	return d
}

func (u unfenced) FailPayout(ctx context.Context, id ledger.PayoutID, _ int64, reason string, now time.Time) error {
	return u.Outcomes.FailPayout(ctx, id, anyValidBefore, reason, now)
}

// impatient gives up what was sent and is not mined.
type impatient struct {
	Batches
	w *world
}

func givenUp(w *world, d Deps) Deps {
	d.Receipts.Batches = impatient{d.Receipts.Batches, w}
	return d
}

func (i impatient) OpenReceiptBatches(ctx context.Context, sender common.Address) ([]ledger.ReceiptBatch, error) {
	open, err := i.Batches.OpenReceiptBatches(ctx, sender)
	_, latest := i.w.chain.accountNonces(sender, 0)
	var out []ledger.ReceiptBatch
	for _, b := range open {
		if len(b.TxHashes) == 0 || b.AccountNonce < latest {
			out = append(out, b)
			continue
		}
		if err := i.w.store.adopt(ledger.NonceUse{BatchKey: b.BatchKey, Tx: common.HexToHash("0x90e")}, i.w.now); err != nil {
			return nil, err
		}
	}
	return out, err
}

// ignorant does not look at what a nonce was used for: not when a batch of its
// own was there, or not when there was none.
type ignorant struct {
	BatchOutcomes
	w   *world
	own bool
}

func neverCarried(w *world, d Deps) Deps {
	d.Receipts.Outcomes = ignorant{d.Receipts.Outcomes, w, true}
	return d
}

func passedOver(w *world, d Deps) Deps {
	d.Receipts.Outcomes = ignorant{d.Receipts.Outcomes, w, false}
	return d
}

func (i ignorant) AdoptNonce(ctx context.Context, u ledger.NonceUse, now time.Time) error {
	if _, own := i.w.store.batches[u.BatchKey]; own == i.own {
		u.Receipts, u.Calldata, u.To = nil, nil, common.Address{}
	}
	return i.BatchOutcomes.AdoptNonce(ctx, u, now)
}
