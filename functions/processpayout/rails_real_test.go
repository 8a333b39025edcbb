package processpayout_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
	"github.com/BlockRunAI/worker-network/functions/processpayout"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/facilitator"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// rails are the two rails on a real chain, without a database: leases are
// granted to everybody, and others are taken along when the test says so.
type rails struct {
	*testing.T
	chain       *devchain.Chain
	node        *chain.Client
	facilitator processpayout.Rail
	relayer     *processpayout.Relayer
	along       []ledger.Payout
	paid        map[common.Hash]ledger.PayoutID // by nonce
}

func (r *rails) SendablePayouts(context.Context, ledger.Sendable, time.Time) ([]ledger.Payout, error) {
	return r.along, nil
}
func (r *rails) TakeLease(context.Context, string, string, time.Time, time.Duration) error {
	return nil
}
func (r *rails) ReleaseLease(context.Context, string, string) error { return nil }

func newRails(t *testing.T) *rails {
	t.Helper()
	r := &rails{T: t, paid: map[common.Hash]ledger.PayoutID{}}
	var err error
	r.chain, err = devchain.Start(t.Context(), devchain.Options{Instant: true})
	r.must(err)
	t.Cleanup(func() { _ = r.chain.Stop() })
	r.node, err = chain.Dial(t.Context(), r.chain.URL, r.chain.Network.ChainID)
	r.must(err)
	t.Cleanup(r.node.Close)
	f, err := facilitator.New(t.Context(), facilitator.Options{
		RPCURL: r.chain.URL, Network: r.chain.Network, Relayer: r.chain.Relayer, Log: slog.New(slog.DiscardHandler),
	})
	r.must(err)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(f.Close)
	client, err := x402.NewClient(x402.Options{URL: server.URL, SettleTimeout: 20 * time.Second})
	r.must(err)
	r.facilitator = processpayout.NewFacilitator(client)
	// The log sender has ETH, and nothing is logged here.
	r.relayer = newRelayer(r.node, r, r, signer.FromKey(r.chain.LogSender))
	return r
}

func newRelayer(node *chain.Client, s processpayout.Sendables, l lease.Store, key chain.Signer) *processpayout.Relayer {
	p := processpayout.DefaultRelayPolicy()
	p.Poll, p.StuckAfter, p.Within = 5*time.Millisecond, 10*time.Second, 20*time.Second
	return &processpayout.Relayer{
		Sendables: s, Leases: l, Account: node, Mempool: node, Rehearsal: node, Signer: key,
		Multicall: chain.Multicall3, Policy: p, Companion: 1, Now: time.Now,
		Sleep: func(_ context.Context, d time.Duration) error { time.Sleep(d); return nil },
		NewID: func() string { return "relay" }, Log: slog.New(slog.DiscardHandler), LeaseTTL: 30 * time.Second,
	}
}

func (r *rails) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// payout is signed, for a worker, and ready to be sent.
func (r *rails) payout(n int64) (ledger.Payout, x402.Payment) {
	r.Helper()
	worker := common.BytesToAddress([]byte{0xee, byte(n)})
	treasury := signer.FromKey(r.chain.Treasury)
	p := ledger.NewPayout(worker, ledger.Opened{Seq: n, Amount: reward, ResultCount: 1},
		ledger.PayoutPolicy{ChainID: r.chain.Network.ChainID, Token: r.chain.Network.Token, Treasury: treasury.Address()}, time.Now())
	p.ValidBefore = time.Now().Add(time.Hour).Unix()
	pay, err := x402.Sign(r.Context(), treasury, r.chain.Network.Domain(), x402.Authorization{
		From: p.Treasury, To: worker, Value: p.Amount, ValidBefore: p.ValidBefore, Nonce: p.Nonce,
	})
	r.must(err)
	p.Signature = pay.Signature
	r.paid[p.Nonce] = p.ID
	return p, pay
}

// verify finds each payout paid once, to its worker, and nothing else.
func (r *rails) verify() {
	r.Helper()
	head, err := r.chain.Head(r.Context())
	r.must(err)
	seen := map[common.Hash]int{}
	r.must(r.node.TransfersFrom(r.Context(), r.chain.Network.Token, signer.FromKey(r.chain.Treasury).Address(), 0, head.Number.Uint64(), func(t chain.Transfer) error {
		seen[t.Nonce]++
		if id, known := r.paid[t.Nonce]; !known || t.To != id.Worker || t.Value != reward {
			r.Errorf("transfer %+v of payout %s", t, id)
		}
		return nil
	}))
	for nonce, id := range r.paid {
		if seen[nonce] != 1 {
			r.Errorf("payout %s was paid %d times", id, seen[nonce])
		}
		balance, err := r.node.BalanceOf(r.Context(), r.chain.Network.Token, id.Worker)
		if err != nil || balance != reward {
			r.Errorf("worker %s has %d micros, %v", id.Worker, balance, err)
		}
	}
}

// One authorization through both rails, one after the other in both orders,
// and at once with both transactions in the mempool: one transfer.
func TestBothRailsPayOnce(t *testing.T) {
	r := newRails(t)
	_, first := r.payout(1)
	_, second := r.payout(2)
	for _, c := range []struct {
		pay   x402.Payment
		order []processpayout.Rail
	}{
		{first, []processpayout.Rail{r.facilitator, r.relayer}},
		{second, []processpayout.Rail{r.relayer, r.facilitator}},
	} {
		if o := c.order[0].Settle(t.Context(), c.pay); o.Kind != x402.Settled {
			t.Errorf("%s first: %+v", c.order[0].Name(), o)
		}
		if o := c.order[1].Settle(t.Context(), c.pay); o.Kind == x402.Settled {
			t.Errorf("%s afterwards: %+v", c.order[1].Name(), o)
		}
	}
	for n := range int64(4) {
		_, pay := r.payout(10 + n)
		both := []processpayout.Rail{r.facilitator, r.relayer}
		if n%2 == 1 {
			slices.Reverse(both)
		}
		r.chain.Hold()
		taken := r.count()
		outcomes := make([]x402.Outcome, 2)
		var all sync.WaitGroup
		for i, rail := range both {
			all.Go(func() { outcomes[i] = rail.Settle(t.Context(), pay) })
			r.waitFor(taken, int64(i+1)) // both pass their checks while nothing is mined
		}
		r.must(r.chain.Release(t.Context()))
		all.Wait()
		settled := 0
		for i, o := range outcomes {
			if o.Kind == x402.Settled {
				settled++
			} else if o.Kind != x402.Unknown || o.Tx == (common.Hash{}) && both[i] == r.relayer {
				t.Errorf("%s, which was second on chain: %+v", both[i].Name(), o)
			}
		}
		if settled != 1 {
			t.Errorf("at once, %s first: %+v", both[0].Name(), outcomes)
		}
	}
	r.verify()
}

// count counts the transactions that the node has taken from now on.
func (r *rails) count() *atomic.Int64 {
	var taken atomic.Int64
	r.chain.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		answer, err := next(ctx, call)
		if err == nil && call.Method == "eth_sendRawTransaction" {
			taken.Add(1)
		}
		return answer, err
	})
	return &taken
}

func (r *rails) waitFor(n *atomic.Int64, want int64) {
	r.Helper()
	for range 2000 {
		if n.Load() >= want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.Fatalf("%d transactions were sent, want %d", n.Load(), want)
}

// Through Multicall3: an authorization that is in the batch twice, one that was
// paid before, one of another treasury and one that is forged. Each good one is
// paid once, the others harm nobody.
func TestRelayedBatchPaysOnce(t *testing.T) {
	r := newRails(t)
	_, own := r.payout(1)
	two, _ := r.payout(2)
	three, _ := r.payout(3)
	before, pay := r.payout(4)
	if o := r.facilitator.Settle(t.Context(), pay); o.Kind != x402.Settled {
		t.Fatalf("%+v", o)
	}
	forged, _ := r.payout(5)
	delete(r.paid, forged.Nonce)
	forged.Amount *= 100
	foreign, _ := r.payout(6)
	delete(r.paid, foreign.Nonce)
	foreign.Treasury = common.Address{1}
	r.along = []ledger.Payout{two, three, before, two, forged, foreign, three}
	o := r.relayer.Settle(t.Context(), own)
	if o.Kind != x402.Settled {
		t.Fatalf("%+v", o)
	}
	r.verify()

	// A batch that nobody rehearsed: the duplicates are in the transaction.
	four, _ := r.payout(7)
	five, other := r.payout(8)
	r.relayer.Rehearsal = optimist{r.node}
	r.along = []ledger.Payout{four, five, four, two}
	if o := r.relayer.Settle(t.Context(), other); o.Kind != x402.Settled {
		t.Fatalf("%+v", o)
	}
	r.verify()
	// All of it again: nothing is left to pay, and nothing is paid.
	r.relayer.Rehearsal = r.node
	if o := r.relayer.Settle(t.Context(), other); o.Kind != x402.Refused {
		t.Errorf("again: %+v", o)
	}
	r.verify()
}

// optimist says of every call of a batch that it would succeed.
type optimist struct{ *chain.Client }

func (optimist) CallWithin(_ context.Context, _ uint64, _, _ common.Address, data []byte) ([]byte, error) {
	calls := int(binary.BigEndian.Uint16(data[66:])) // after the selector and the list's offset
	word := func(n int) []byte { return common.LeftPadBytes([]byte{byte(n >> 8), byte(n)}, 32) }
	out := append(word(32), word(calls)...)
	for i := range calls {
		out = append(out, word(calls*32+i*96)...)
	}
	for range calls {
		out = slices.Concat(out, word(1), word(64), word(0))
	}
	return out, nil
}
