package processpayout

import (
	"context"
	"errors"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// fault is what happens to one effect of a process.
type fault int

const (
	healthy    fault = iota
	failBefore       // it did not happen, and the process is told so by an error
	failAfter        // it happened, and the process gets an error all the same
	dieBefore        // it did not happen, and the process is dead
	dieAfter         // it happened, and the process is dead
	aborts           // of the database: it is rolled back and runs again
	lags             // reads of the chain: an answer from some blocks ago
	forgets          // reads of the chain: the node has lost what it knew
	faults           // how many there are
)

// forgotten is the lag of a node that has lost what it knew.
const forgotten = -1

var errLost = errors.New("simulation: connection lost")

// killed is the panic with which a process dies: nothing of it runs on but
// its deferred calls, whose effects do not happen.
type killed struct{}

// process is one delivery of one message. Its effects happen one at a time,
// when the scheduler lets it go on, so that processes interleave in any way
// the scheduler likes.
type process struct {
	world  *world
	turn   chan struct{}
	parked chan bool // true: at its next effect; false: at its end
	dead   bool
	acked  bool

	// released: the database has said, since it last gave anything to a rail,
	// that payouts are not paused.
	released bool
}

// readOnly are the effects that leave the world as it is.
var readOnly = map[string]bool{
	"Authorization": true, "Obstacle": true, "AccountNonces": true, "TxStatus": true, "AccountTransactions": true, "SuggestFees": true,
	"EstimateGas": true, "Call": true, "PayoutResults": true, "PayoutsPaused": true, "ReceiptsDue": true, "OpenReceiptBatches": true, "SendablePayouts": true,
}

// effect lets the scheduler choose when something happens, and what comes of it.
func (p *process) effect(name string, do func(lag int) error) error {
	if p.dead {
		return errLost
	}
	p.parked <- true
	<-p.turn
	f := p.world.fault(name)
	lag := 0
	switch f {
	case lags:
		lag = 1 + p.world.rng.IntN(p.world.chain.safeDepth+2)
	case forgets:
		lag = forgotten
	case aborts:
		if p.world.store.owns(name) {
			committed := *p.world.store
			*p.world.store = committed.clone()
			_ = do(lag)
			*p.world.store = committed
		}
	}
	if f == failBefore {
		return errLost
	}
	if f == dieBefore {
		p.dead = true
		panic(killed{})
	}
	err := do(lag)
	p.world.touched = p.world.touched || !readOnly[name]
	switch f {
	case failAfter:
		return errLost
	case dieAfter:
		p.dead = true
		panic(killed{})
	}
	return err
}

// What follows is each of the function's interfaces, as effects of a process
// on the world.

func (p *process) LeasePayout(_ context.Context, id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (out ledger.Payout, err error) {
	err = p.effect("LeasePayout", func(int) (err error) { out, err = p.world.store.lease(id, owner, now, ttl); return err })
	return out, err
}

func (p *process) ReleasePayout(_ context.Context, id ledger.PayoutID, owner string, _ time.Time) error {
	return p.effect("ReleasePayout", func(int) error {
		_, err := p.world.store.change(id, func(pay *ledger.Payout) error { pay.Release(owner); return nil })
		return err
	})
}

func (p *process) PayoutResults(_ context.Context, id ledger.PayoutID) (ids []string, sum ledger.Micros, err error) {
	err = p.effect("PayoutResults", func(int) error {
		ids, sum = nil, 0
		for _, r := range p.world.store.results[id] {
			ids, sum = append(ids, r.id), sum+r.reward
		}
		return nil
	})
	return ids, sum, err
}

func (p *process) AuthorisePayout(_ context.Context, id ledger.PayoutID, a ledger.AuthorizationRecord, caps ledger.PayoutCaps, now time.Time) (out ledger.Payout, err error) {
	err = p.effect("AuthorisePayout", func(int) (err error) {
		out, err = p.world.store.authorise(id, a, caps, now)
		p.released = err == nil
		return err
	})
	return out, err
}

func (p *process) PayoutsPaused(context.Context) (paused bool, err error) {
	err = p.effect("PayoutsPaused", func(int) error {
		paused = p.world.store.paused
		p.released = !paused
		return nil
	})
	return paused, err
}

// released lets nothing through to a rail that was not released for sending.
type released struct {
	Rail
	p *process
}

func (r released) Settle(ctx context.Context, pay x402.Payment) x402.Outcome {
	if !r.p.released && !r.p.dead {
		r.p.world.unasked = true
	}
	r.p.released = false
	return r.Rail.Settle(ctx, pay)
}

func (p *process) RecordOutcome(_ context.Context, id ledger.PayoutID, state ledger.PayoutState, reason string, tx common.Hash, workAt, _ time.Time) error {
	return p.effect("RecordOutcome", func(int) error {
		_, err := p.world.store.change(id, func(pay *ledger.Payout) error { return pay.Record(state, reason, tx, workAt) })
		return err
	})
}

func (p *process) ConfirmPayout(_ context.Context, id ledger.PayoutID, tx common.Hash, block uint64, now time.Time) error {
	return p.effect("ConfirmPayout", func(int) error { return p.world.store.confirm(id, tx, block, now) })
}

// anyValidBefore is no fence at all: what a mutation passes.
const anyValidBefore = -1

func (p *process) FailPayout(_ context.Context, id ledger.PayoutID, validBefore int64, reason string, _ time.Time) error {
	return p.effect("FailPayout", func(int) error {
		_, err := p.world.store.change(id, func(pay *ledger.Payout) error {
			if validBefore == anyValidBefore {
				validBefore = pay.ValidBefore
			}
			_, err := pay.Fail(validBefore, reason)
			return err
		})
		return err
	})
}

func (p *process) Authorization(_ context.Context, pay ledger.Payout, _ common.Hash) (a Authorization, err error) {
	err = p.effect("Authorization", func(lag int) error {
		if lag == forgotten { // used, but the log that says by whom is not to be had
			return chain.ErrNoLog
		}
		a = p.world.chain.authorization(pay, lag)
		return nil
	})
	return a, err
}

func (p *process) Obstacle(_ context.Context, pay ledger.Payout) (o Obstacle, err error) {
	err = p.effect("Obstacle", func(int) error { o = p.world.chain.obstacle(pay); return nil })
	return o, err
}

func (p *process) Name() string { return "facilitator" }

// Settle has no error to give: a call that failed either way is unknown.
func (p *process) Settle(_ context.Context, pay x402.Payment) (o x402.Outcome) {
	err := p.effect("Settle", func(int) error {
		p.world.give(pay)
		o = p.world.facilitator.settle(p.world, pay)
		return nil
	})
	if err != nil {
		return x402.Outcome{Kind: x402.Unknown, Reason: x402.ReasonTransport}
	}
	return o
}

func (p *process) ReceiptsDue(_ context.Context, now time.Time) (count int64, oldest time.Time, err error) {
	err = p.effect("ReceiptsDue", func(int) error { count, oldest = p.world.store.receiptsDue(now); return nil })
	return count, oldest, err
}

func (p *process) OpenReceiptBatches(_ context.Context, sender common.Address) (open []ledger.ReceiptBatch, err error) {
	err = p.effect("OpenReceiptBatches", func(int) error { open = p.world.store.openBatches(sender); return nil })
	return open, err
}

func (p *process) ReserveReceipts(_ context.Context, sender, logAddress common.Address, chainNonce uint64, limit int, now time.Time, encode func([]ledger.Payout) ([]byte, error)) (b *ledger.ReceiptBatch, err error) {
	err = p.effect("ReserveReceipts", func(int) (err error) {
		b, err = p.world.store.reserve(sender, logAddress, chainNonce, limit, now, encode)
		return err
	})
	return b, err
}

func (p *process) RecordBroadcast(_ context.Context, k ledger.BatchKey, tx common.Hash, feeCap, tipCap *big.Int, now time.Time) error {
	return p.effect("RecordBroadcast", func(int) error { return p.world.store.broadcast(k, tx, feeCap, tipCap, now) })
}

func (p *process) ConfirmReceipts(_ context.Context, k ledger.BatchKey, tx common.Hash, block uint64, _ time.Time) error {
	return p.effect("ConfirmReceipts", func(int) error { return p.world.store.confirmBatch(k, tx, block) })
}

func (p *process) AdoptNonce(_ context.Context, u ledger.NonceUse, now time.Time) error {
	return p.effect("AdoptNonce", func(int) error { return p.world.store.adopt(u, now) })
}

func (p *process) TakeLease(_ context.Context, name, owner string, now time.Time, ttl time.Duration) error {
	return p.effect("TakeLease", func(int) error { return p.world.store.takeLease(name, owner, now, ttl) })
}

func (p *process) ReleaseLease(_ context.Context, name, owner string) error {
	return p.effect("ReleaseLease", func(int) error { p.world.store.releaseLease(name, owner); return nil })
}

func (p *process) AccountNonces(_ context.Context, of common.Address) (safe, latest uint64, err error) {
	err = p.effect("AccountNonces", func(lag int) error {
		safe, latest = p.world.chain.accountNonces(of, max(lag, 0))
		return nil
	})
	return safe, latest, err
}

func (p *process) TxStatus(_ context.Context, hashes []common.Hash) (m *chain.Mined, err error) {
	err = p.effect("TxStatus", func(lag int) error {
		if lag != forgotten {
			m = p.world.chain.txStatus(hashes, lag)
		}
		return nil
	})
	return m, err
}

func (p *process) AccountTransactions(_ context.Context, of common.Address, first, next uint64, yield func(chain.AccountTx) error) error {
	var txs []chain.AccountTx
	err := p.effect("AccountTransactions", func(lag int) (err error) {
		if lag == forgotten { // a node without the state of old blocks
			return errLost
		}
		txs, err = p.world.chain.accountTransactions(of, first, next, lag)
		return err
	})
	for _, tx := range txs {
		if err == nil {
			err = yield(tx)
		}
	}
	return err
}

func (p *process) SuggestFees(context.Context) (f chain.Fees, err error) {
	err = p.effect("SuggestFees", func(int) error {
		f = chain.Fees{FeeCap: big.NewInt(1_000_000), TipCap: big.NewInt(1_000)}
		return nil
	})
	return f, err
}

func (p *process) EstimateGas(_ context.Context, _, _ common.Address, data []byte) (gas uint64, err error) {
	err = p.effect("EstimateGas", func(int) error { gas = chain.GasFloor(data); return nil })
	return gas, err
}

func (p *process) Broadcast(_ context.Context, raw []byte) (s chain.Sent, err error) {
	err = p.effect("Broadcast", func(int) (err error) {
		s, err = p.world.chain.broadcast(raw)
		if n := len(p.world.chain.mempool); s == chain.Accepted {
			for _, pay := range p.world.chain.mempool[n-1].wants {
				p.world.give(pay)
			}
		}
		return err
	})
	return s, err
}

func (p *process) CallWithin(_ context.Context, _ uint64, _, to common.Address, data []byte) (out []byte, err error) {
	err = p.effect("Call", func(int) (err error) { out, err = p.world.chain.rehearse(to, data); return err })
	return out, err
}

func (p *process) SendablePayouts(_ context.Context, q ledger.Sendable, now time.Time) (out []ledger.Payout, err error) {
	err = p.effect("SendablePayouts", func(int) error { out = p.world.store.sendable(q, now); return nil })
	return out, err
}

// Sleep lets time go by, for everybody, and perhaps a block.
func (p *process) Sleep(_ context.Context, d time.Duration) error {
	return p.effect("Sleep", func(int) error {
		p.world.now = p.world.now.Add(d)
		if p.world.rng.IntN(2) == 0 {
			p.world.chain.tick(p.world.now)
		}
		return nil
	})
}
