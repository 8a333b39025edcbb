package facilitator

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

func TestSettle(t *testing.T) {
	w := newWorld(t)
	p := w.payment(1)
	if v, err := w.client.Verify(t.Context(), p); err != nil || !v.Valid {
		t.Fatalf("verify: %+v, %v", v, err)
	}
	w.paid(p, 0) // verifying moves nothing
	o := w.client.Settle(t.Context(), p)
	if o.Kind != x402.Settled {
		t.Fatalf("%+v", o)
	}
	receipt, err := w.eth.TransactionReceipt(t.Context(), o.Tx)
	if err != nil || receipt.Status != types.ReceiptStatusSuccessful || !holdsTransfer(receipt, p) {
		t.Errorf("receipt %+v, %v", receipt, err)
	}
	w.paid(p, 1)

	// The nonce is used now, for settling and for verifying.
	if o := w.client.Settle(t.Context(), p); o.Kind != x402.Unknown || o.Reason != "nonce_already_used" {
		t.Errorf("settled again: %+v", o)
	}
	if v, err := w.client.Verify(t.Context(), p); err != nil || v.Valid || v.Reason != "nonce_already_used" {
		t.Errorf("verified again: %+v, %v", v, err)
	}
	w.paid(p, 1)
}

func TestSupported(t *testing.T) {
	w := newWorld(t)
	s, err := w.client.Supported(t.Context())
	if err != nil || !s.Settles(w.chain.Network.Name) || s.Settles("eip155:1") || len(s.Signers["eip155:*"]) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Whatever goes wrong in a call, the payment is made exactly once in the end,
// and the answer is never taken for more than it is.
func TestFaults(t *testing.T) {
	w := newWorld(t)
	hasty, err := x402.NewClient(x402.Options{URL: w.url, SettleTimeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	before := w.payment(1000) // OtherHash needs an earlier settlement
	if o := w.client.Settle(t.Context(), before); o.Kind != x402.Settled {
		t.Fatalf("%+v", o)
	}
	want := map[Fault]x402.Outcome{
		Down:          {Kind: x402.Unknown, Reason: x402.ReasonTransport},
		TimeoutBefore: {Kind: x402.Unknown, Reason: x402.ReasonTimeout},
		ErrorBefore:   {Kind: x402.Unknown, Reason: "http_500"},
		GarbageBefore: {Kind: x402.Unknown, Reason: x402.ReasonMalformed},
		LieSettled:    {Kind: x402.Settled}, // only the chain shows the lie
		RefuseForNow:  {Kind: x402.Refused, Reason: "insufficient_funds"},
		TimeoutAfter:  {Kind: x402.Unknown, Reason: x402.ReasonTimeout},
		CutAfter:      {Kind: x402.Unknown, Reason: x402.ReasonTransport},
		ErrorAfter:    {Kind: x402.Unknown, Reason: "http_500"},
		GarbageAfter:  {Kind: x402.Unknown, Reason: x402.ReasonMalformed},
		EmptyHash:     {Kind: x402.Unknown, Reason: x402.ReasonNoTransaction},
		UnknownHash:   {Kind: x402.Settled}, // likewise
		OtherHash:     {Kind: x402.Settled}, // likewise
		LieRefused:    {Kind: x402.Refused, Reason: "insufficient_funds"},
		PendingAtOnce: {Kind: x402.Unknown, Reason: "settlement_pending"},
		PendingNoHash: {Kind: x402.Unknown, Reason: "settlement_pending"},
	}
	for i, fault := range Faults() {
		t.Run(string(fault), func(t *testing.T) {
			p := w.payment(int64(i))
			w.setFault(fault)
			client := w.client
			if want[fault].Reason == x402.ReasonTimeout {
				client = hasty
			}
			o := client.Settle(t.Context(), p)
			if o.Kind != want[fault].Kind || o.Reason != want[fault].Reason {
				t.Errorf("%+v, want %+v", o, want[fault])
			}
			if o.Kind == x402.Settled {
				receipt, err := w.eth.TransactionReceipt(t.Context(), o.Tx)
				if err == nil && holdsTransfer(receipt, p) {
					t.Error("the hash is right: nothing is wrong with this fault")
				}
			}
			if fault == PendingAtOnce && o.Tx == (common.Hash{}) {
				t.Error("pending without a hash")
			}
			if fault.Broadcasts() {
				w.in(t).paid(p, 1)
			} else {
				w.in(t).paid(p, 0)
			}
			w.setFault(None)
			again := w.client.Settle(t.Context(), p)
			used := fault.Broadcasts() && again.Reason == "nonce_already_used"
			if again.Kind != x402.Settled && !used {
				t.Errorf("again: %+v", again)
			}
			w.in(t).paid(p, 1)
		})
	}
}

// in is the world with its failures reported to a subtest.
func (w *world) in(t *testing.T) *world { return &world{T: t, chain: w.chain} }

func TestFaultsOfReads(t *testing.T) {
	w := newWorld(t)
	p := w.payment(1)
	for _, fault := range []Fault{Down, ErrorBefore, GarbageBefore} {
		w.setFault(fault)
		if v, err := w.client.Verify(t.Context(), p); err == nil {
			t.Errorf("%s: verify %+v", fault, v)
		}
		if s, err := w.client.Supported(t.Context()); err == nil {
			t.Errorf("%s: supported %+v", fault, s)
		}
	}
	for _, fault := range []Fault{LieSettled, RefuseForNow, EmptyHash} { // only a settlement can say that
		w.setFault(fault)
		if v, err := w.client.Verify(t.Context(), p); err != nil || !v.Valid {
			t.Errorf("%s: verify %+v, %v", fault, v, err)
		}
		if s, err := w.client.Supported(t.Context()); err != nil || !s.Settles(w.chain.Network.Name) {
			t.Errorf("%s: supported %+v, %v", fault, s, err)
		}
	}
}

// The hook is told what the call is about and how often it has been made.
func TestFaultHook(t *testing.T) {
	w := newWorld(t)
	p := w.payment(1)
	w.setFault(ErrorBefore)
	w.client.Settle(t.Context(), p)
	w.client.Settle(t.Context(), p)
	w.client.Settle(t.Context(), w.payment(2))
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.calls) != 3 {
		t.Fatalf("%d calls", len(w.calls))
	}
	a := p.Authorization
	if got, want := w.calls[1], (Call{"/settle", a.From, a.To, a.Nonce, 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if w.calls[2].Attempt != 1 {
		t.Errorf("attempts are counted by nonce: %+v", w.calls[2])
	}
}

func TestSettlesManyAtOnce(t *testing.T) {
	w := newWorld(t, func(c *devchain.Options, _ *Options) { c.Instant, c.BlockPeriod = false, 0 })
	const payments, times = 12, 3
	var wg sync.WaitGroup
	var all []x402.Payment
	for i := range payments {
		p := w.payment(int64(i))
		all = append(all, p)
		for range times {
			wg.Go(func() {
				if o := w.client.Settle(t.Context(), p); o.Kind != x402.Settled && o.Reason != "nonce_already_used" {
					t.Errorf("%+v", o)
				}
			})
		}
	}
	wg.Wait()
	for _, p := range all {
		w.paid(p, 1)
	}
	if n := w.relayerNonce(); n != payments {
		t.Errorf("%d transactions for %d payments", n, payments)
	}
}

// While its block does not come a settlement is pending; sent again, it is
// found and not broadcast a second time.
func TestPendingUntilMined(t *testing.T) {
	w := newWorld(t, func(_ *devchain.Options, o *Options) { o.ReceiptTimeout = 200 * time.Millisecond })
	p := w.payment(1)
	w.chain.Hold()
	first := w.client.Settle(t.Context(), p)
	if first.Kind != x402.Unknown || first.Reason != "settlement_pending" || first.Tx == (common.Hash{}) {
		t.Fatalf("%+v", first)
	}
	if again := w.client.Settle(t.Context(), p); again.Reason != "settlement_pending" || again.Tx != first.Tx {
		t.Errorf("again: %+v, want pending as %s", again, first.Tx)
	}
	if err := w.chain.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := w.client.Settle(t.Context(), p); o.Kind != x402.Settled || o.Tx != first.Tx {
		t.Errorf("after the block: %+v", o)
	}
	w.paid(p, 1)
	if n := w.relayerNonce(); n != 1 {
		t.Errorf("%d transactions", n)
	}
}

// A client that hangs up before anything was broadcast does not stop it.
func TestClientHangsUp(t *testing.T) {
	w := newWorld(t)
	gone := make(chan struct{})
	w.chain.Intercept(func(ctx context.Context, c devchain.Call, next devchain.Next) (json.RawMessage, error) {
		if c.Method == "eth_getTransactionCount" {
			<-gone
			time.Sleep(50 * time.Millisecond) // for the server to notice
		}
		return next(ctx, c)
	})
	hasty, err := x402.NewClient(x402.Options{URL: w.url, SettleTimeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p := w.payment(1)
	if o := hasty.Settle(t.Context(), p); o.Kind != x402.Unknown || o.Reason != x402.ReasonTimeout {
		t.Errorf("%+v", o)
	}
	w.paid(p, 0)
	close(gone)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got, err := w.chain.USDCBalance(t.Context(), p.Authorization.To)
		if err != nil {
			t.Fatal(err)
		}
		if got.Sign() > 0 {
			break
		}
	}
	w.paid(p, 1)
}

// A transaction that the chain has forgotten is made anew.
func TestForgottenTransaction(t *testing.T) {
	w := newWorld(t)
	p := w.payment(1)
	w.setFault(PendingAtOnce)
	first := w.client.Settle(t.Context(), p)
	w.paid(p, 1)
	if err := w.chain.Reorg(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	w.paid(p, 0)
	w.setFault(None)
	if o := w.client.Settle(t.Context(), p); o.Kind != x402.Settled {
		t.Errorf("%+v, first %+v", o, first)
	}
	w.paid(p, 1)
}
