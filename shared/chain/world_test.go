package chain_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// world is a local chain, a client of it, and a payout to come.
type world struct {
	*testing.T
	dev      *devchain.Chain
	client   *chain.Client
	treasury *signer.KeySigner
	worker   common.Address
	value    ledger.Micros
}

// limits make a test of errors quick.
func limits() chain.Limits {
	l := chain.DefaultLimits()
	l.Timeout, l.Backoff, l.MaxWait, l.Tries = 5*time.Second, time.Millisecond, 20*time.Millisecond, 3
	return l
}

func newWorld(t *testing.T, o devchain.Options) *world {
	t.Helper()
	o.Instant = true
	dev, err := devchain.Start(t.Context(), o)
	ok(t, err)
	t.Cleanup(func() { ok(t, dev.Stop()) })
	client, err := chain.DialWith(t.Context(), dev.URL, dev.Network.ChainID, limits())
	ok(t, err)
	t.Cleanup(client.Close)
	return &world{t, dev, client, signer.FromKey(dev.Treasury), common.Address{0x40, 19: 1}, 10_000}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// authorization is one for the payout with that number.
func (w *world) authorization(seq int64) x402.Authorization {
	w.Helper()
	id := ledger.PayoutID{Worker: w.worker, Seq: seq}
	return x402.Authorization{
		From: w.treasury.Address(), To: w.worker, Value: w.value, ValidBefore: w.now() + 3600,
		Nonce: ledger.PayoutNonce(w.dev.Network.ChainID, w.treasury.Address(), id),
	}
}

func (w *world) now() int64 {
	w.Helper()
	head, err := w.dev.Head(w.Context())
	ok(w, err)
	return int64(head.Time)
}

func (w *world) block() uint64 {
	w.Helper()
	head, err := w.dev.Head(w.Context())
	ok(w, err)
	return head.Number.Uint64()
}

// signed is the call on the token that makes the transfer.
func (w *world) signed(a x402.Authorization) []byte {
	w.Helper()
	p, err := x402.Sign(w.Context(), w.treasury, w.dev.Network.Domain(), a)
	ok(w, err)
	data, err := chain.SignedTransfer{
		From: a.From, To: a.To, Value: a.Value, ValidAfter: a.ValidAfter, ValidBefore: a.ValidBefore, Nonce: a.Nonce, Signature: p.Signature,
	}.Calldata()
	ok(w, err)
	return data
}

// pay brings the authorization to the chain, by somebody.
func (w *world) pay(by *ecdsa.PrivateKey, a x402.Authorization) common.Hash {
	w.Helper()
	return w.transact(by, w.dev.Network.Token, w.signed(a))
}

func (w *world) transact(by *ecdsa.PrivateKey, to common.Address, data []byte) common.Hash {
	w.Helper()
	r, err := w.dev.Transact(w.Context(), devchain.Tx{From: by, To: to, Data: data, Gas: 10_000_000})
	ok(w, err)
	return r.TxHash
}

// cancel takes the authorization back.
func (w *world) cancel(a x402.Authorization) common.Hash {
	w.Helper()
	typeHash := crypto.Keccak256([]byte("CancelAuthorization(address authorizer,bytes32 nonce)"))
	structHash := crypto.Keccak256(typeHash, common.LeftPadBytes(a.From[:], 32), a.Nonce[:])
	digest := crypto.Keccak256Hash([]byte{0x19, 1}, w.dev.Network.Domain().Separator().Bytes(), structHash)
	sig, err := w.treasury.SignHash(w.Context(), digest)
	ok(w, err)
	data := common.FromHex("5a049a70")
	for _, word := range [][]byte{a.From[:], a.Nonce[:], {sig[64] + 27}, sig[:32], sig[32:64]} {
		data = append(data, common.LeftPadBytes(word, 32)...)
	}
	return w.transact(w.dev.Relayer, w.dev.Network.Token, data)
}

func (w *world) query(a x402.Authorization) chain.Query {
	return chain.Query{Token: w.dev.Network.Token, Treasury: a.From, Nonce: a.Nonce, Worker: w.worker, Value: w.value}
}

func (w *world) status(q chain.Query) chain.Status {
	w.Helper()
	s, err := w.client.AuthorizationStatus(w.Context(), q)
	ok(w, err)
	return s
}

// stranger is somebody with ETH.
func (w *world) stranger() *ecdsa.PrivateKey {
	w.Helper()
	key, err := crypto.GenerateKey()
	ok(w, err)
	ok(w, w.dev.GiveETH(w.Context(), crypto.PubkeyToAddress(key.PublicKey), big.NewInt(1e18)))
	return key
}

// onMethod has f answer one method; the node answers the others.
func (w *world) onMethod(method string, f devchain.Interceptor) {
	w.dev.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		if call.Method != method {
			return next(ctx, call)
		}
		return f(ctx, call, next)
	})
}

// edit changes the node's answers to one method.
func (w *world) edit(method string, change func(answer map[string]any)) {
	w.onMethod(method, func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		raw, err := next(ctx, call)
		if err != nil {
			return nil, err
		}
		var answer map[string]any
		if err := json.Unmarshal(raw, &answer); err != nil || answer == nil {
			return raw, err
		}
		change(answer)
		return json.Marshal(answer)
	})
}
