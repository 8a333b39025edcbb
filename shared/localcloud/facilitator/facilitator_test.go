package facilitator

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// world is a chain, a facilitator served over HTTP, and its client.
type world struct {
	*testing.T
	chain  *devchain.Chain
	fac    *Facilitator
	url    string
	client *x402.Client
	eth    *ethclient.Client

	mu    sync.Mutex
	fault Fault // of the next calls
	calls []Call
}

func newWorld(t *testing.T, change ...func(*devchain.Options, *Options)) *world {
	t.Helper()
	w := &world{T: t}
	co, fo := devchain.Options{Instant: true}, Options{Fault: w.nextFault, ReceiptTimeout: 20 * time.Second}
	for _, c := range change {
		c(&co, &fo)
	}
	chain, err := devchain.Start(t.Context(), co)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chain.Stop() })
	fo.RPCURL, fo.Network, fo.Relayer = chain.URL, chain.Network, chain.Relayer
	fac, err := New(t.Context(), fo)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(fac)
	t.Cleanup(func() { fac.Close(); server.Close() })
	client, err := x402.NewClient(x402.Options{URL: server.URL, SettleTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	eth, err := ethclient.DialContext(t.Context(), chain.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(eth.Close)
	w.chain, w.fac, w.url, w.client, w.eth = chain, fac, server.URL, client, eth
	return w
}

func (w *world) nextFault(c Call) Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
	return w.fault
}

func (w *world) setFault(f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

func (w *world) treasury() common.Address { return crypto.PubkeyToAddress(w.chain.Treasury.PublicKey) }

// authorization number seq, to a recipient of its own.
func (w *world) authorization(seq int64) x402.Authorization {
	to := common.BigToAddress(big.NewInt(0x1000 + seq))
	return x402.Authorization{
		From: w.treasury(), To: to, Value: ledger.Micros(10_000 + seq), ValidBefore: time.Now().Add(time.Hour).Unix(),
		Nonce: ledger.PayoutNonce(w.chain.Network.ChainID, w.treasury(), ledger.PayoutID{Worker: to, Seq: 1}),
	}
}

func (w *world) sign(a x402.Authorization) x402.Payment {
	w.Helper()
	p, err := x402.Sign(w.Context(), signer.FromKey(w.chain.Treasury), w.chain.Network.Domain(), a)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) payment(seq int64) x402.Payment { return w.sign(w.authorization(seq)) }

// paid fails unless the recipient has been paid this often.
func (w *world) paid(p x402.Payment, times int64) {
	w.Helper()
	got, err := w.chain.USDCBalance(w.Context(), p.Authorization.To)
	if err != nil {
		w.Fatal(err)
	}
	if want := times * int64(p.Authorization.Value); got.Int64() != want {
		w.Errorf("%v: the recipient has %s, want %d", p, got, want)
	}
}

func (w *world) relayerNonce() uint64 {
	w.Helper()
	n, err := w.eth.PendingNonceAt(w.Context(), w.fac.Relayer())
	if err != nil {
		w.Fatal(err)
	}
	return n
}

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

func TestTroubleOnChain(t *testing.T) {
	w := newWorld(t)
	p := w.payment(1)
	chain, ctx := w.chain, t.Context()
	for _, tt := range []struct {
		name   string
		spoil  func() error
		mend   func() error
		kind   x402.Kind
		reason string
	}{
		{"paused", func() error { return chain.Pause(ctx) }, func() error { return chain.Unpause(ctx) },
			x402.Unknown, "invalid_exact_evm_transaction_simulation_failed"},
		{"blacklisted", func() error { return chain.Blacklist(ctx, p.Authorization.To) }, func() error { return chain.UnBlacklist(ctx, p.Authorization.To) },
			x402.Unknown, "invalid_exact_evm_transaction_simulation_failed"},
		{"empty treasury", func() error { return chain.Drain(ctx) }, func() error { return chain.GiveUSDC(ctx, w.treasury(), 1_000_000) },
			x402.Refused, "insufficient_funds"},
	} {
		if err := tt.spoil(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if o := w.client.Settle(ctx, p); o.Kind != tt.kind || o.Reason != tt.reason {
			t.Errorf("%s: %+v, want %s, %s", tt.name, o, tt.kind, tt.reason)
		}
		if err := tt.mend(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
	}
	w.paid(p, 0)
	if n := w.relayerNonce(); n != 0 {
		t.Errorf("%d transactions were broadcast", n)
	}
	if o := w.client.Settle(ctx, p); o.Kind != x402.Settled {
		t.Errorf("all mended: %+v", o)
	}
}

func TestTroubleWithTheNode(t *testing.T) {
	w := newWorld(t)
	intercept := func(method string, harm func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error)) {
		w.chain.Intercept(func(ctx context.Context, c devchain.Call, next devchain.Next) (json.RawMessage, error) {
			if c.Method == method {
				return harm(ctx, c, next)
			}
			return next(ctx, c)
		})
	}
	p := w.payment(1)
	denied := func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
		return nil, &devchain.RPCError{Code: -32000, Message: "txpool is full"}
	}
	for method, reason := range map[string]string{
		"eth_getBlockByNumber":    "unexpected_verify_error",
		"eth_getTransactionCount": "unexpected_settle_error",
		"eth_sendRawTransaction":  "unexpected_settle_error",
	} {
		intercept(method, denied)
		if o := w.client.Settle(t.Context(), p); o.Kind != x402.Unknown || o.Reason != reason || o.Tx != (common.Hash{}) {
			t.Errorf("%s denied: %+v", method, o)
		}
		w.paid(p, 0)
	}

	// Sent, but the node's answer is lost: the receipt shows it.
	intercept("eth_sendRawTransaction", func(ctx context.Context, c devchain.Call, next devchain.Next) (json.RawMessage, error) {
		if _, err := next(ctx, c); err != nil {
			t.Error(err)
		}
		return nil, devchain.ErrHangUp
	})
	if o := w.client.Settle(t.Context(), p); o.Kind != x402.Settled {
		t.Errorf("answer of the send lost: %+v", o)
	}
	w.paid(p, 1)
}

// post sends a body as it is and returns the answer.
func (w *world) post(path string, body []byte) (int, x402.SettleAnswer) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.url+path, bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		x402.SettleAnswer
		InvalidReason string `json:"invalidReason"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		w.Fatal(err)
	}
	answer.ErrorReason += answer.InvalidReason
	return resp.StatusCode, answer.SettleAnswer
}
