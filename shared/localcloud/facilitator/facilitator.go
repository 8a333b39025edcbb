// Package facilitator is a small, real x402 facilitator for one chain: it
// checks payments and settles them from its own relayer account
// (payments.md, x402 version 2). It is for the local network and for tests,
// and can misbehave on purpose: see Fault.
package facilitator

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Options say on which chain to settle.
type Options struct {
	RPCURL  string            // of the chain's JSON-RPC
	Network usdc.Network      // the one network and token that is settled
	Relayer *ecdsa.PrivateKey // pays the gas; this process alone may send from it

	// ReceiptTimeout is how long a settlement waits for its block, from 0 = 30 s;
	// after it the answer is settlement_pending.
	ReceiptTimeout time.Duration
	// Fault is asked once per call what shall go wrong; nil: nothing.
	Fault func(Call) Fault
	// Log is for what goes wrong by itself; nil for slog.Default.
	Log *slog.Logger
}

const (
	defaultReceiptTimeout = 30 * time.Second
	receiptPoll           = 25 * time.Millisecond
	maxBody               = 64 << 10
	settlePath            = "/settle"
)

// Facilitator answers /verify, /settle and /supported.
type Facilitator struct {
	opts    Options
	eth     *ethclient.Client
	relayer common.Address
	signer  types.Signer
	mux     *http.ServeMux

	closed context.Context // ends with Close
	close  context.CancelFunc

	sending sync.Mutex                     // one at a time on the relayer's account nonce
	pending map[payment]*types.Transaction // sent, outcome not seen yet; guarded by sending

	mu       sync.Mutex
	attempts map[attempt]int
	settled  []common.Hash // oldest first
}

// New connects to the chain and refuses one of another chain id, or a token
// with another EIP-712 domain than the network's.
func New(ctx context.Context, o Options) (*Facilitator, error) {
	if o.Relayer == nil {
		return nil, errors.New("facilitator: no relayer key")
	}
	if o.ReceiptTimeout <= 0 {
		o.ReceiptTimeout = defaultReceiptTimeout
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	eth, err := ethclient.DialContext(ctx, o.RPCURL)
	if err != nil {
		return nil, fmt.Errorf("facilitator: connecting to the chain: %w", err)
	}
	f := &Facilitator{
		opts: o, eth: eth, mux: http.NewServeMux(),
		relayer:  crypto.PubkeyToAddress(o.Relayer.PublicKey),
		pending:  map[payment]*types.Transaction{},
		attempts: map[attempt]int{},
	}
	if err := f.checkChain(ctx); err != nil {
		eth.Close()
		return nil, err
	}
	f.closed, f.close = context.WithCancel(context.Background())
	f.mux.HandleFunc("GET /supported", f.supported)
	f.mux.HandleFunc("POST /verify", f.verify)
	f.mux.HandleFunc("POST "+settlePath, f.settle)
	return f, nil
}

func (f *Facilitator) checkChain(ctx context.Context) error {
	id, err := f.eth.ChainID(ctx)
	if err != nil {
		return fmt.Errorf("facilitator: asking for the chain id: %w", err)
	}
	if !id.IsInt64() || id.Int64() != f.opts.Network.ChainID {
		return fmt.Errorf("facilitator: the chain's id is %s, not %d", id, f.opts.Network.ChainID)
	}
	f.signer = types.LatestSignerForChainID(id)
	separator, err := f.call(ctx, domainSeparatorCall())
	if err != nil {
		return fmt.Errorf("facilitator: reading the token's DOMAIN_SEPARATOR: %w", err)
	}
	if want := f.opts.Network.Domain().Separator(); common.BytesToHash(separator) != want {
		return fmt.Errorf("facilitator: the token %s has DOMAIN_SEPARATOR %x, not %s", f.opts.Network.Token, separator, want)
	}
	return nil
}

// ServeHTTP answers one call.
func (f *Facilitator) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// Relayer is the account that needs ETH.
func (f *Facilitator) Relayer() common.Address { return f.relayer }

// Close ends every call that still hangs or waits for a block. What was
// broadcast stays so.
func (f *Facilitator) Close() {
	f.close()
	f.eth.Close()
}

func (f *Facilitator) supported(w http.ResponseWriter, r *http.Request) {
	fault := f.fault(Call{Path: r.URL.Path})
	if f.failBefore(w, r, fault) {
		return
	}
	f.write(r.Context(), w, http.StatusOK, x402.SupportedAnswer{
		Kinds:      []x402.SupportedKind{{Version: x402.Version, Scheme: x402.SchemeExact, Network: f.opts.Network.Name}},
		Extensions: []string{},
		Signers:    map[string][]string{"eip155:*": {f.relayer.Hex()}},
	})
}

func (f *Facilitator) verify(w http.ResponseWriter, r *http.Request) {
	req, ok := f.read(w, r)
	if !ok {
		f.write(r.Context(), w, http.StatusBadRequest, x402.VerifyAnswer{InvalidReason: "invalid_payload"})
		return
	}
	if f.failBefore(w, r, f.fault(callOf(r.URL.Path, req))) {
		return
	}
	p, bad := f.check(r.Context(), req)
	if bad != nil {
		f.write(r.Context(), w, bad.status(), x402.VerifyAnswer{InvalidReason: bad.reason, InvalidMessage: bad.message, Payer: payerOf(p)})
		return
	}
	f.write(r.Context(), w, http.StatusOK, x402.VerifyAnswer{IsValid: true, Payer: payerOf(p)})
}

// settle brings a payment onto the chain. It goes on when the client hangs
// up: a facilitator that has broadcast cannot take it back.
func (f *Facilitator) settle(w http.ResponseWriter, r *http.Request) {
	req, ok := f.read(w, r)
	if !ok {
		f.write(r.Context(), w, http.StatusBadRequest, x402.SettleAnswer{ErrorReason: "invalid_payload", Network: f.opts.Network.Name})
		return
	}
	fault := f.fault(callOf(r.URL.Path, req))
	if f.failBefore(w, r, fault) {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	defer context.AfterFunc(f.closed, cancel)()
	status, answer := f.execute(ctx, req, fault)
	f.failAfter(w, r, fault, status, answer)
}

func (f *Facilitator) read(w http.ResponseWriter, r *http.Request) (x402.Request, bool) {
	var req x402.Request
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return req, false
	}
	return req, json.Unmarshal(body, &req) == nil
}

func (f *Facilitator) write(ctx context.Context, w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		f.opts.Log.DebugContext(ctx, "the client hung up before its answer", "error", err)
	}
}
