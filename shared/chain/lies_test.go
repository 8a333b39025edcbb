package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// A hint comes from a facilitator and is never believed.
func TestHintThatLies(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	paid, unused, other, canceled := w.authorization(1), w.authorization(2), w.authorization(3), w.authorization(4)
	tx, elsewhere, taken := w.pay(w.dev.Relayer, paid), w.pay(w.dev.Relayer, other), w.cancel(canceled)
	funded := w.transact(w.dev.Relayer, common.Address{1}, nil)
	reverted, err := w.dev.Send(t.Context(), devchain.Tx{From: w.dev.Relayer, To: w.dev.Network.Token, Data: w.signed(paid), Gas: 200_000})
	ok(t, err)
	for name, hint := range map[string]common.Hash{
		"no such transaction": {1, 2, 3},
		"another payout":      elsewhere,
		"a cancellation":      taken,
		"no token involved":   funded,
		"one that reverted":   reverted,
	} {
		q := w.query(paid)
		q.Hint = hint
		if s := w.status(q); s.State != chain.Paid || s.Tx != tx {
			t.Errorf("%s, paid: %+v", name, s)
		}
		q.Nonce = unused.Nonce
		if s := w.status(q); s.State != chain.Unused {
			t.Errorf("%s, unused: %+v", name, s)
		}
		q.Nonce = canceled.Nonce
		if s := w.status(q); s.State != chain.Canceled || s.Tx != taken {
			t.Errorf("%s, cancelled: %+v", name, s)
		}
	}
}

// A node that lies about a transaction, a block or a log is found out: an
// authorization that was never used is never paid, and one that was is only
// ever paid or unknown.
func TestNodeThatLies(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	paid, other := w.authorization(1), w.authorization(2)
	tx, elsewhere := w.pay(w.dev.Relayer, paid), w.pay(w.dev.Relayer, other)
	firstLog := func(answer map[string]any) map[string]any { return answer["logs"].([]any)[0].(map[string]any) }
	lastLog := func(answer map[string]any) map[string]any { return answer["logs"].([]any)[1].(map[string]any) }
	const receipts = "eth_getTransactionReceipt"
	for name, lie := range map[string]func(){
		"no receipts":       func() { w.onMethod(receipts, answer("null")) },
		"reverted":          func() { w.edit(receipts, func(r map[string]any) { r["status"] = "0x0" }) },
		"no status":         func() { w.edit(receipts, func(r map[string]any) { delete(r, "status") }) },
		"another's receipt": func() { w.onMethod(receipts, receiptOf(elsewhere)) },
		"another's receipt, renamed": func() {
			w.onMethod(receipts, renamed(receiptOf(elsewhere), elsewhere, tx))
		},
		"another block's hash": func() { w.edit(receipts, func(r map[string]any) { r["blockHash"] = common.Hash{7}.Hex() }) },
		"another block": func() {
			w.onMethod(receipts, replaced(hexutil.EncodeUint64(w.status(w.query(paid)).Block), "0x1"))
		},
		"no logs":           func() { w.edit(receipts, func(r map[string]any) { r["logs"] = []any{} }) },
		"no Transfer":       func() { w.edit(receipts, func(r map[string]any) { r["logs"] = r["logs"].([]any)[:1] }) },
		"a null log":        func() { w.edit(receipts, func(r map[string]any) { r["logs"] = []any{nil} }) },
		"another order":     func() { w.edit(receipts, func(r map[string]any) { l := r["logs"].([]any); l[0], l[1] = l[1], l[0] }) },
		"log of elsewhere":  func() { w.edit(receipts, func(r map[string]any) { firstLog(r)["transactionHash"] = elsewhere }) },
		"removed log":       func() { w.edit(receipts, func(r map[string]any) { lastLog(r)["removed"] = true }) },
		"another contract":  func() { w.edit(receipts, func(r map[string]any) { lastLog(r)["address"] = common.Address{6} }) },
		"another token":     func() { w.edit(receipts, func(r map[string]any) { firstLog(r)["address"] = common.Address{6} }) },
		"a huge value":      func() { w.edit(receipts, func(r map[string]any) { lastLog(r)["data"] = common.MaxHash }) },
		"a short value":     func() { w.edit(receipts, func(r map[string]any) { lastLog(r)["data"] = "0x01" }) },
		"a wrong recipient": func() { w.edit(receipts, func(r map[string]any) { lastLog(r)["topics"].([]any)[2] = common.MaxHash }) },
		"not a receipt":     func() { w.onMethod(receipts, answer(`"0x1"`)) },
		"blocks differ":     func() { w.edit("eth_getBlockByNumber", func(b map[string]any) { b["hash"] = common.Hash{8} }) },
		"no blocks":         func() { w.onMethod("eth_getBlockByNumber", answer("null")) },
		"always block 1":    func() { w.edit("eth_getBlockByNumber", func(b map[string]any) { b["number"] = "0x1" }) },
		"state unreadable":  func() { w.onMethod("eth_call", answer(`"0x"`)) },
		"state is 2":        func() { w.onMethod("eth_call", answer(`"`+common.Hash{31: 2}.Hex()+`"`)) },
	} {
		q := w.query(paid)
		q.Hint = tx
		lie()
		s, err := w.client.AuthorizationStatus(t.Context(), q)
		w.dev.Intercept(nil)
		if err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// With the hint gone the logs decide, and are no more to be trusted.
	for name, lie := range map[string]string{
		"none":       "[]",
		"not a list": `"0x"`,
		"null log":   "[null]",
		"of another": `[{"address":"` + w.dev.Network.Token.Hex() + `","topics":[],"data":"0x","blockNumber":"0x2","transactionHash":"` + elsewhere.Hex() + `","logIndex":"0x0"}]`,
	} {
		w.onMethod("eth_getLogs", answer(lie))
		s, err := w.client.AuthorizationStatus(t.Context(), w.query(paid))
		w.dev.Intercept(nil)
		if err == nil {
			t.Errorf("logs: %s: %+v", name, s)
		}
	}
	if s := w.status(w.query(paid)); s.State != chain.Paid {
		t.Errorf("with no lies: %+v", s)
	}
}

// In a transaction of two payouts, one must not be shown as the other's.
func TestNodeThatSwapsTransfers(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	mine, other := w.authorization(1), w.authorization(2)
	mine.Value = 5
	tx := w.transact(w.dev.Relayer, chain.Multicall3, chain.Aggregate3(w.dev.Network.Token, [][]byte{w.signed(mine), w.signed(other)}))
	q := w.query(mine) // asks for the value that the other one paid
	q.Hint = tx
	if s := w.status(q); s.State != chain.PaidOther || s.Value != 5 {
		t.Fatalf("got %+v", s)
	}
	w.edit("eth_getTransactionReceipt", func(r map[string]any) {
		logs := r["logs"].([]any)
		logs[1], logs[3] = logs[3], logs[1]
	})
	if s, err := w.client.AuthorizationStatus(t.Context(), q); !errors.Is(err, chain.ErrInconsistent) {
		t.Errorf("got %+v, %v", s, err)
	}
}

// What says that an unused nonce is used has to show where.
func TestNodeThatCallsItUsed(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	unused, other := w.authorization(1), w.authorization(2)
	elsewhere := w.pay(w.dev.Relayer, other)
	w.onMethod("eth_call", answer(`"`+common.Hash{31: 1}.Hex()+`"`))
	q := w.query(unused)
	for _, hint := range []common.Hash{{}, elsewhere} {
		q.Hint = hint
		if s, err := w.client.AuthorizationStatus(t.Context(), q); !errors.Is(err, chain.ErrNoLog) {
			t.Errorf("got %+v, %v", s, err)
		}
	}
}

// A node that lags is not mistaken for news: its time is that of its head,
// wherever the search would have started.
func TestNodeThatLags(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	a := w.authorization(1)
	behind := w.block()
	w.pay(w.dev.Relayer, a)
	ok(t, w.dev.AdvanceTime(t.Context(), 2*time.Hour))
	w.dev.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		for i, p := range call.Params {
			if s := string(p); s == `"latest"` || s == `"safe"` || s == `"finalized"` {
				call.Params[i] = json.RawMessage(`"` + hexutil.EncodeUint64(behind) + `"`)
			}
		}
		return next(ctx, call)
	})
	q := w.query(a)
	for _, q.FromBlock = range []uint64{0, behind + 1} {
		s := w.status(q)
		if s.State != chain.Unused || s.Heads.Latest.Number != behind {
			t.Errorf("from block %d: %+v", q.FromBlock, s)
		}
		if dead(s, a.ValidBefore) {
			t.Error("a node that lags makes a used nonce dead")
		}
	}
}

// Whichever call fails, for good, the answer is an error.
func TestEveryErrorIsUnknown(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	paid, unused := w.authorization(1), w.authorization(2)
	w.pay(w.dev.Relayer, paid)
	for _, q := range []chain.Query{w.query(paid), w.query(unused)} {
		calls := 0
		w.dev.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
			calls++
			return next(ctx, call)
		})
		want := w.status(q)
		for fail := range calls {
			n := 0
			w.dev.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
				if n++; n > fail {
					return nil, &devchain.RPCError{Code: -32000, Message: "internal error"}
				}
				return next(ctx, call)
			})
			if s, err := w.client.AuthorizationStatus(t.Context(), q); err == nil {
				t.Errorf("%s: after %d of %d calls: %+v", want.State, fail, calls, s)
			}
		}
		w.dev.Intercept(nil)
	}
}

func answer(raw string) devchain.Interceptor {
	return func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
		return json.RawMessage(raw), nil
	}
}

func receiptOf(tx common.Hash) devchain.Interceptor {
	return func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		call.Params = []json.RawMessage{json.RawMessage(`"` + tx.Hex() + `"`)}
		return next(ctx, call)
	}
}

func renamed(f devchain.Interceptor, from, to common.Hash) devchain.Interceptor {
	return func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		raw, err := f(ctx, call, next)
		return json.RawMessage(strings.ReplaceAll(string(raw), from.Hex(), to.Hex())), err
	}
}

// replaced puts one JSON string in the place of another.
func replaced(from, to string) devchain.Interceptor {
	return func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		raw, err := next(ctx, call)
		return json.RawMessage(strings.ReplaceAll(string(raw), `"`+from+`"`, `"`+to+`"`)), err
	}
}
