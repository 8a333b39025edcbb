package facilitator

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
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
