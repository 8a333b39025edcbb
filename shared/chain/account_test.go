package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// Each nonce's transaction is found, whichever range is asked for, with few
// calls, and others' are passed over.
func TestAccountTransactions(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 2})
	ok(t, w.dev.Mine(t.Context(), 40))
	sender := crypto.PubkeyToAddress(w.dev.LogSender.PublicKey)
	var want []chain.AccountTx
	for n := range uint64(7) {
		w.transact(w.dev.Relayer, logAddress, []byte("of another"))
		data := []byte(fmt.Sprint("receipt ", n))
		tx := w.transact(w.dev.LogSender, logAddress, data)
		want = append(want, chain.AccountTx{AccountNonce: n, Tx: tx, Block: w.block(), To: &logAddress, Calldata: data})
		ok(t, w.dev.Mine(t.Context(), int(n)))
	}
	ok(t, w.dev.Mine(t.Context(), 30))
	calls := 0
	w.dev.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		calls++
		return next(ctx, call)
	})
	for first := range uint64(8) {
		for next := first; next <= 7; next++ {
			calls = 0
			var got []chain.AccountTx
			ok(t, w.client.AccountTransactions(t.Context(), sender, first, next, func(a chain.AccountTx) error { got = append(got, a); return nil }))
			if fmt.Sprint(plain(got)) != fmt.Sprint(plain(want[first:next])) {
				t.Errorf("%d to %d:\n got %v\nwant %v", first, next, plain(got), plain(want[first:next]))
			}
			if calls > 14+8*int(next-first) {
				t.Errorf("%d to %d took %d calls", first, next, calls)
			}
		}
	}
	for name, edit := range map[string]func(){
		"not there yet": func() {},
		"hidden":        func() { w.edit("eth_getBlockByNumber", func(b map[string]any) { b["transactions"] = []any{} }) },
		"the node has no old state": func() {
			w.onMethod("eth_getTransactionCount", func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
				return nil, &devchain.RPCError{Code: -32000, Message: "missing trie node"}
			})
		},
	} {
		edit()
		next := uint64(7)
		if name == "not there yet" {
			next = 8
		}
		if err := w.client.AccountTransactions(t.Context(), sender, 3, next, func(chain.AccountTx) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	w.dev.Intercept(nil)
	stop := errors.New("enough")
	if err := w.client.AccountTransactions(t.Context(), sender, 0, 7, func(chain.AccountTx) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error is lost: %v", err)
	}
}

func plain(txs []chain.AccountTx) (out []string) {
	for _, tx := range txs {
		to := common.Address{}
		if tx.To != nil {
			to = *tx.To
		}
		out = append(out, fmt.Sprint(tx.AccountNonce, tx.Tx, tx.Block, to, string(tx.Calldata)))
	}
	return out
}

// What is mined in a block that is not safe is not told of.
func TestAccountTransactionsAreSafe(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 3})
	w.transact(w.dev.LogSender, logAddress, []byte("x"))
	sender := crypto.PubkeyToAddress(w.dev.LogSender.PublicKey)
	found := 0
	count := func(chain.AccountTx) error { found++; return nil }
	if err := w.client.AccountTransactions(t.Context(), sender, 0, 1, count); !errors.Is(err, chain.ErrInconsistent) || found != 0 {
		t.Errorf("not safe: %d, %v", found, err)
	}
	ok(t, w.dev.Mine(t.Context(), 3))
	if err := w.client.AccountTransactions(t.Context(), sender, 0, 1, count); err != nil || found != 1 {
		t.Errorf("safe: %d, %v", found, err)
	}
}
