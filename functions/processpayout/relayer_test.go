package processpayout

import (
	"context"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// relayed are the relayer's transactions on chain.
func (w *world) relayed() (all []simTx) {
	for _, b := range w.chain.blocks {
		for _, tx := range b.txs {
			if tx.account != nil && tx.from == w.keys.relayer.Address() {
				all = append(all, tx)
			}
		}
	}
	return all
}

// A facilitator that refuses is followed by the relayer in the same attempt;
// one that cannot be reached, after some; one that works, never.
func TestSecondRail(t *testing.T) {
	for _, tt := range []struct {
		name     string
		behave   behaviour
		attempts int64 // at which the relayer has paid; 0: never
	}{
		{"works", settles, 0},
		{"refuses", refuses, 1},
		{"cannot be reached", notReached, 2},
		{"gives no answer", timesOutBefore, 3},
		{"lies", lies, 3},
	} {
		w := newWorld(t, 1)
		w.facilitator.behave = func() behaviour { return tt.behave }
		id := w.open(simWorker(1))
		var at int64
		for range 60 {
			w.round()
			if at == 0 && len(w.relayed()) > 0 {
				at = w.store.payouts[id].Attempts
			}
		}
		if p := w.store.payouts[id]; p.State != ledger.Confirmed || at != tt.attempts {
			t.Errorf("%s: the relayer paid at attempt %d, want %d; payout is %s, %q", tt.name, at, tt.attempts, p.State, p.Reason)
		}
	}
}

// With an obstacle no rail is tried: the relayer would pay for nothing.
func TestNoRailAgainstAnObstacle(t *testing.T) {
	w := newWorld(t, 1)
	w.facilitator.behave = func() behaviour { return refuses }
	id := w.open(simWorker(1))
	w.fault = func(name string) fault {
		if name == "AuthorisePayout" {
			w.chain.paused = true // after the look for obstacles
		}
		return healthy
	}
	w.round()
	if p := w.store.payouts[id]; len(w.chain.mempool) > 0 || len(w.relayed()) > 0 || p.Reason != obstacleReasons[TokenPaused] {
		t.Errorf("%d transactions wait, %d are mined; payout is %s, %q", len(w.chain.mempool), len(w.relayed()), p.State, p.Reason)
	}
}

// Payouts whose turn it is share one transaction; one that cannot be paid does
// not harm the others.
func TestRelayerTakesOthersAlong(t *testing.T) {
	w := newWorld(t, 1)
	w.facilitator.behave = func() behaviour { return notReached }
	var ids []ledger.PayoutID
	for i := range int64(6) {
		ids = append(ids, w.open(simWorker(i)))
	}
	w.chain.stuck[w.keys.relayer.Address()] = true // nobody is paid before all have been tried
	for range 4 {
		w.round()
	}
	w.chain.stuck, w.chain.mempool = nil, nil
	w.chain.blocked[simWorker(5)] = true
	w.now = w.now.Add(10 * time.Minute)
	w.queue = nil
	w.post("POST", push(t, `{"payout":"`+ids[0].String()+`"}`))
	txs := w.relayed()
	if len(txs) != 1 || len(txs[0].made) != 5 || *txs[0].account.To() != simMulticall {
		t.Fatalf("%d transactions: %+v", len(txs), txs)
	}
	delete(w.chain.blocked, simWorker(5))
	w.quiet(200)
	for _, id := range ids {
		if p := w.store.payouts[id]; p.State != ledger.Confirmed {
			t.Errorf("payout %s is %s, %q", id, p.State, p.Reason)
		}
	}
}

// A transaction that is not mined is replaced under the same account nonce,
// with the same calldata, at fees that are at least a tenth higher and never
// above the limit.
func TestStuckRelayIsReplaced(t *testing.T) {
	w := newWorld(t, 1)
	w.facilitator.behave = func() behaviour { return refuses }
	w.relay.MaxFeeCap = big.NewInt(1_200_000) // one replacement: 1,000,000, then 1,125,000
	w.chain.stuck[w.keys.relayer.Address()] = true
	w.open(simWorker(1))
	var seen []*types.Transaction
	w.fault = func(string) fault {
		for _, tx := range w.chain.mempool {
			if tx.account != nil && !slices.ContainsFunc(seen, func(s *types.Transaction) bool { return s.Hash() == tx.hash }) {
				seen = append(seen, tx.account)
			}
		}
		return healthy
	}
	w.round()
	if len(seen) != 2 {
		t.Fatalf("%d transactions were sent, want 2", len(seen))
	}
	a, b := seen[0], seen[1]
	tenth := new(big.Int).Div(new(big.Int).Mul(a.GasFeeCap(), big.NewInt(11)), big.NewInt(10))
	if a.Nonce() != b.Nonce() || string(a.Data()) != string(b.Data()) || b.GasFeeCap().Cmp(tenth) < 0 || b.GasFeeCap().Cmp(w.relay.MaxFeeCap) > 0 {
		t.Errorf("nonces %d and %d, fees %v and %v, same calldata %t", a.Nonce(), b.Nonce(), a.GasFeeCap(), b.GasFeeCap(), string(a.Data()) == string(b.Data()))
	}
	w.chain.stuck = nil
	w.quiet(60)
}

// bench is a relayer between fakes, for one settlement.
type bench struct {
	*Relayer
	payment x402.Payment
	now     time.Time
	sent    int

	lease     error
	rehearsed error
	broadcast func(n int) (chain.Sent, error)
	mined     func(n int) (*chain.Mined, error)
	market    *chain.Fees        // nil: low
	raw       *types.Transaction // the last broadcast
	gas       uint64             // of the last rehearsal
}

func newBench(t *testing.T) *bench {
	w := newWorld(t, 1)
	a := authorization(with(ledger.Authorised, time.Hour))
	a.From = w.keys.treasury.Address()
	p, err := x402.Sign(t.Context(), w.keys.treasury, w.chain.domain, a)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{payment: p, now: t0}
	b.broadcast = func(int) (chain.Sent, error) { return chain.Accepted, nil }
	b.mined = func(int) (*chain.Mined, error) { return &chain.Mined{Tx: tx1}, nil }
	r := w.deps(&process{world: w}).Rails[1].(released).Rail.(*Relayer)
	r.Sendables, r.Leases, r.Account, r.Mempool, r.Rehearsal = b, b, b, b, b
	r.Now = func() time.Time { return b.now }
	r.Sleep = func(_ context.Context, d time.Duration) error { b.now = b.now.Add(d); return nil }
	b.Relayer = r
	return b
}

func (b *bench) SendablePayouts(context.Context, ledger.Sendable, time.Time) ([]ledger.Payout, error) {
	return nil, errors.New("database away")
}
func (b *bench) TakeLease(context.Context, string, string, time.Time, time.Duration) error {
	return b.lease
}
func (b *bench) ReleaseLease(context.Context, string, string) error { return nil }
func (b *bench) AccountNonces(context.Context, common.Address) (uint64, uint64, error) {
	return 4, 5, nil
}
func (b *bench) TxStatus(context.Context, []common.Hash) (*chain.Mined, error) {
	return b.mined(b.sent)
}
func (b *bench) SuggestFees(context.Context) (chain.Fees, error) {
	if b.market != nil {
		return *b.market, nil
	}
	return chain.Fees{FeeCap: big.NewInt(1_000_000), TipCap: big.NewInt(1_000)}, nil
}
func (b *bench) EstimateGas(context.Context, common.Address, common.Address, []byte) (uint64, error) {
	return 0, errors.New("not to be asked: transfers that may fail have no estimate")
}
func (b *bench) Broadcast(_ context.Context, raw []byte) (chain.Sent, error) {
	b.raw = new(types.Transaction)
	if err := b.raw.UnmarshalBinary(raw); err != nil {
		return "", err
	}
	b.sent++
	return b.broadcast(b.sent)
}
func (b *bench) CallWithin(_ context.Context, gas uint64, _, _ common.Address, _ []byte) ([]byte, error) {
	b.gas = gas
	return nil, b.rehearsed
}

// Refused only when surely nothing is under way; whatever a node says to a
// broadcast is looked up.
func TestRelayerOutcomes(t *testing.T) {
	nothing := func(int) (*chain.Mined, error) { return nil, nil }
	says := func(answers ...chain.Sent) func(int) (chain.Sent, error) {
		return func(n int) (chain.Sent, error) { return answers[min(n, len(answers))-1], nil }
	}
	tests := []struct {
		name   string
		change func(b *bench)
		kind   x402.Kind
		reason string
		sent   int
	}{
		{"mined", func(*bench) {}, x402.Settled, "", 1},
		{"known already, mined", func(b *bench) { b.broadcast = says(chain.Known) }, x402.Settled, "", 1},
		{"no answer, mined", func(b *bench) {
			b.broadcast = func(int) (chain.Sent, error) { return "", errors.New("connection lost") }
		}, x402.Settled, "", 1},
		{"too cheap at first", func(b *bench) { b.broadcast = says(chain.Underpriced, chain.Underpriced, chain.Accepted) }, x402.Settled, "", 3},
		{"nonce used, by the one before", func(b *bench) {
			b.mined = func(n int) (*chain.Mined, error) {
				if n < 2 {
					return nil, nil
				}
				return &chain.Mined{Tx: tx1}, nil
			}
			b.broadcast = says(chain.Accepted, chain.NonceTooLow)
		}, x402.Settled, "", 2},
		{"nonce used, by another", func(b *bench) { b.broadcast, b.mined = says(chain.NonceTooLow), nothing }, x402.Unknown, reasonNonceUsed, 1},
		{"reverted", func(b *bench) {
			b.mined = func(int) (*chain.Mined, error) { return &chain.Mined{Tx: tx1, Reverted: true}, nil }
		}, x402.Unknown, reasonReverted, 1},
		{"never mined", func(b *bench) { b.mined = nothing }, x402.Unknown, x402.ReasonTimeout, 3},
		{"the node cannot be asked", func(b *bench) {
			b.mined = func(int) (*chain.Mined, error) { return nil, errors.New("node away") }
		}, x402.Unknown, x402.ReasonTimeout, 3},
		{"no ETH", func(b *bench) {
			b.broadcast = func(int) (chain.Sent, error) { return "", chain.ErrInsufficientFunds }
		}, x402.Refused, reasonRelayerPoor, 1},
		{"no ETH for the replacement", func(b *bench) {
			b.mined = nothing
			b.broadcast = func(n int) (chain.Sent, error) {
				if n == 1 {
					return chain.Accepted, nil
				}
				return "", chain.ErrInsufficientFunds
			}
		}, x402.Unknown, reasonRelayerPoor, 2},
		{"dearer than allowed", func(b *bench) { b.broadcast, b.Policy.MaxFeeCap = says(chain.Underpriced), big.NewInt(1_300_000) }, x402.Refused, reasonFees, 3},
		{"another instance sends", func(b *bench) { b.lease = ledger.ErrLeased }, x402.Refused, reasonRelayerBusy, 0},
		{"no database", func(b *bench) { b.lease = errors.New("unavailable") }, x402.Refused, reasonRelayerDown, 0},
		{"it would revert", func(b *bench) { b.rehearsed = &chain.Revert{Reason: "authorization is used"} }, x402.Refused, reasonWouldRevert, 0},
		{"no rehearsal", func(b *bench) { b.rehearsed = errors.New("node away") }, x402.Refused, reasonRelayerDown, 0},
		{"a signature of somebody else", func(b *bench) { b.payment.Signature[5]++ }, x402.Refused, x402.ReasonInvalidPayment, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			tt.change(b)
			o := b.Settle(t.Context(), b.payment)
			if o.Kind != tt.kind || o.Reason != tt.reason || b.sent != tt.sent {
				t.Errorf("%+v after %d broadcasts, want %s %q after %d", o, b.sent, tt.kind, tt.reason, tt.sent)
			}
			if hinted := o.Tx != (common.Hash{}); o.Kind == x402.Settled && !hinted || o.Kind == x402.Refused && hinted {
				t.Errorf("%s names transaction %s", o.Kind, o.Tx)
			}
			if b.raw != nil && b.raw.Gas() != b.gas {
				t.Errorf("sent with %d gas, rehearsed with %d", b.raw.Gas(), b.gas)
			}
			if spent := b.now.Sub(t0); spent > b.Policy.Within+b.Policy.Poll {
				t.Errorf("it took %v, allowed are %v", spent, b.Policy.Within)
			}
		})
	}
}
