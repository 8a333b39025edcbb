package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/signer"
)

var logAddress = common.HexToAddress("0x00000000000000000000000000000000000010c5")

// logTx is the next transaction of the log sender, signed.
func (w *world) logTx(data []byte, change func(*chain.Tx)) (raw []byte, hash common.Hash, tx chain.Tx) {
	w.Helper()
	sender := signer.FromKey(w.dev.LogSender)
	fees, err := w.client.SuggestFees(w.Context())
	ok(w, err)
	_, nonce, err := w.client.AccountNonces(w.Context(), sender.Address())
	ok(w, err)
	gas, err := w.client.EstimateGas(w.Context(), sender.Address(), logAddress, data)
	ok(w, err)
	tx = chain.Tx{ChainID: w.dev.Network.ChainID, AccountNonce: nonce, To: logAddress, Calldata: data, Gas: gas, Fees: fees}
	if change != nil {
		change(&tx)
	}
	raw, hash, err = chain.BuildTx(w.Context(), sender, tx)
	ok(w, err)
	return raw, hash, tx
}

func (w *world) broadcast(raw []byte, want chain.Sent) {
	w.Helper()
	if got, err := w.client.Broadcast(w.Context(), raw); err != nil || got != want {
		w.Errorf("broadcast: %q, %v; want %q", got, err, want)
	}
}

func (w *world) mined(hashes ...common.Hash) *chain.Mined {
	w.Helper()
	m, err := w.client.TxStatus(w.Context(), hashes)
	ok(w, err)
	return m
}

func TestLogTransaction(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 1, FinalizedDepth: 2})
	data := bytes.Repeat([]byte{0, 1, 2, 3}, 100)
	raw, hash, _ := w.logTx(data, nil)
	if m := w.mined(hash); m != nil {
		t.Errorf("mined before it was sent: %+v", m)
	}
	w.broadcast(raw, chain.Accepted)
	m := w.mined(common.Hash{1}, hash, common.Hash{2})
	if m == nil || m.Tx != hash || m.Block != w.block() || m.Safe || m.Finalized || m.Reverted {
		t.Fatalf("got %+v", m)
	}
	if m.GasUsed != chain.GasFloor(data) {
		t.Errorf("used %d gas, expected %d", m.GasUsed, chain.GasFloor(data))
	}
	w.broadcast(raw, chain.NonceTooLow) // sent again, it is there
	safe, latest, err := w.client.AccountNonces(t.Context(), crypto.PubkeyToAddress(w.dev.LogSender.PublicKey))
	if err != nil || safe != 0 || latest != 1 {
		t.Errorf("account nonces %d, %d, %v", safe, latest, err)
	}
	ok(t, w.dev.Mine(t.Context(), 1))
	if m := w.mined(hash); !m.Safe || m.Finalized {
		t.Errorf("a block later: %+v", m)
	}
	ok(t, w.dev.Mine(t.Context(), 1))
	if m := w.mined(hash); !m.Safe || !m.Finalized {
		t.Errorf("two blocks later: %+v", m)
	}
}

func TestReplacement(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.dev.Hold()
	data := []byte("receipt")
	first, firstHash, tx := w.logTx(data, nil)
	w.broadcast(first, chain.Accepted)
	w.broadcast(first, chain.Known)

	slightly := tx
	slightly.Fees = chain.Fees{FeeCap: percent(tx.Fees.FeeCap, 109), TipCap: percent(tx.Fees.TipCap, 109)}
	raw, _, err := chain.BuildTx(t.Context(), signer.FromKey(w.dev.LogSender), slightly)
	ok(t, err)
	w.broadcast(raw, chain.Underpriced)

	bumped := tx
	bumped.Fees = tx.Fees.Bump(chain.Fees{})
	second, secondHash, err := chain.BuildTx(t.Context(), signer.FromKey(w.dev.LogSender), bumped)
	ok(t, err)
	w.broadcast(second, chain.Accepted)
	w.broadcast(first, chain.Underpriced)
	if m := w.mined(firstHash, secondHash); m != nil {
		t.Errorf("mined while held: %+v", m)
	}
	ok(t, w.dev.Release(t.Context()))
	if m := w.mined(firstHash, secondHash); m == nil || m.Tx != secondHash {
		t.Errorf("got %+v, want the second", m)
	}
	w.broadcast(first, chain.NonceTooLow)
}

func percent(n *big.Int, p int64) *big.Int {
	n = new(big.Int).Mul(n, big.NewInt(p))
	return n.Div(n, big.NewInt(100))
}

func TestReorgedLogTransaction(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 3})
	raw, hash, _ := w.logTx([]byte("receipt"), nil)
	w.broadcast(raw, chain.Accepted)
	if m := w.mined(hash); m == nil {
		t.Fatal("not mined")
	}
	ok(t, w.dev.Reorg(t.Context(), 1, true))
	if m := w.mined(hash); m != nil {
		t.Errorf("still mined after the reorganisation: %+v", m)
	}
	w.broadcast(raw, chain.Accepted)
	if m := w.mined(hash); m == nil {
		t.Error("not mined again")
	}
}

// A plain transaction has no logs: its receipt is told from another's all the same.
func TestReceiptOfAnother(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	raw, mined, _ := w.logTx([]byte("first"), nil)
	w.broadcast(raw, chain.Accepted)
	_, never, _ := w.logTx([]byte("second"), nil)
	w.onMethod("eth_getTransactionReceipt", receiptOf(mined))
	if m, err := w.client.TxStatus(t.Context(), []common.Hash{never}); !errors.Is(err, chain.ErrInconsistent) {
		t.Errorf("got %+v, %v", m, err)
	}
}

// The node took it and its answer was lost: sending again tells.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.dev.Hold()
	raw, hash, _ := w.logTx([]byte("receipt"), nil)
	lost := 0
	w.onMethod("eth_sendRawTransaction", func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		if lost++; lost > 1 {
			return next(ctx, call)
		}
		_, err := next(ctx, call)
		return nil, errors.Join(err, devchain.ErrHangUp)
	})
	w.broadcast(raw, chain.Known)
	if lost != 2 {
		t.Errorf("asked %d times", lost)
	}
	w.onMethod("eth_sendRawTransaction", func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
		return nil, devchain.ErrHangUp
	})
	if got, err := w.client.Broadcast(t.Context(), raw); err == nil {
		t.Errorf("never an answer: %q", got)
	}
	w.onMethod("eth_sendRawTransaction", answer(`"`+common.Hash{5}.Hex()+`"`))
	if got, err := w.client.Broadcast(t.Context(), raw); !errors.Is(err, chain.ErrInconsistent) {
		t.Errorf("another hash: %q, %v", got, err)
	}
	w.dev.Intercept(nil)
	ok(t, w.dev.Release(t.Context()))
	if m := w.mined(hash); m == nil {
		t.Error("not mined")
	}
}

func TestBroadcastRefused(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	poor := signer.FromKey(w.dev.Treasury) // it has no ETH
	_, _, tx := w.logTx([]byte("receipt"), nil)
	raw, _, err := chain.BuildTx(t.Context(), poor, tx)
	ok(t, err)
	if got, err := w.client.Broadcast(t.Context(), raw); !errors.Is(err, chain.ErrInsufficientFunds) {
		t.Errorf("without ETH: %q, %v", got, err)
	}
	raw, _, _ = w.logTx([]byte("receipt"), func(tx *chain.Tx) { tx.ChainID++ })
	if got, err := w.client.Broadcast(t.Context(), raw); err == nil {
		t.Errorf("another chain: %q", got)
	}
	raw, _, _ = w.logTx([]byte("receipt"), func(tx *chain.Tx) { tx.Fees.TipCap = new(big.Int) })
	w.broadcast(raw, chain.Underpriced)
}

type otherSigner struct {
	*signer.KeySigner
	address common.Address
}

func (s otherSigner) Address() common.Address { return s.address }

func TestBuildTxRefuses(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	sender := signer.FromKey(w.dev.LogSender)
	_, _, good := w.logTx([]byte("receipt"), nil)
	for name, change := range map[string]func(*chain.Tx){
		"no chain":       func(tx *chain.Tx) { tx.ChainID = 0 },
		"no fees":        func(tx *chain.Tx) { tx.Fees = chain.Fees{} },
		"tip above cap":  func(tx *chain.Tx) { tx.Fees.TipCap = new(big.Int).Add(tx.Fees.FeeCap, big.NewInt(1)) },
		"too little gas": func(tx *chain.Tx) { tx.Gas = chain.GasFloor(tx.Calldata) - 1 },
	} {
		tx := good
		change(&tx)
		if _, _, err := chain.BuildTx(t.Context(), sender, tx); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := chain.BuildTx(t.Context(), otherSigner{sender, common.Address{1}}, good); err == nil {
		t.Error("a signature of another key is not noticed")
	}
}

func TestBump(t *testing.T) {
	for _, n := range []int64{0, 1, 7, 8, 1_000_000, 123_456_789} {
		old := chain.Fees{FeeCap: big.NewInt(n), TipCap: big.NewInt(n)}
		got := old.Bump(chain.Fees{}).FeeCap.Int64()
		if got*100 < n*110 || (n > 0 && got <= n) || got > n+n/8+1 {
			t.Errorf("%d becomes %d", n, got)
		}
		market := chain.Fees{FeeCap: big.NewInt(2 * n), TipCap: big.NewInt(0)}
		if got := old.Bump(market); got.FeeCap.Int64() != max(2*n, n) || got.TipCap.Int64() < n {
			t.Errorf("%d in a dearer market becomes %+v", n, got)
		}
	}
}

// 40 gas a byte that is not zero and 10 a zero one, over 21,000 (EIP-7623).
func TestGasFloor(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want uint64
	}{{nil, 21_000}, {[]byte{0}, 21_010}, {[]byte{1}, 21_040}, {append(make([]byte, 3), 5, 6), 21_110}} {
		if got := chain.GasFloor(c.data); got != c.want {
			t.Errorf("%x: %d, want %d", c.data, got, c.want)
		}
	}
}

// Whatever a node estimates, the limit fits the calldata.
func TestEstimateGasIsBounded(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	data := bytes.Repeat([]byte{1}, 100)
	for said, want := range map[string]uint64{"0x1": chain.GasFloor(data), "0x7530": 30_000, "0xffffffffffffffff": chain.GasCeiling(data)} {
		w.onMethod("eth_estimateGas", answer(`"`+said+`"`))
		if gas, err := w.client.EstimateGas(t.Context(), common.Address{1}, logAddress, data); err != nil || gas != want {
			t.Errorf("the node says %s: %d, %v; want %d", said, gas, err, want)
		}
	}
}
