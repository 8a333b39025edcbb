package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

func TestTransfersFrom(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	one, two, three := w.authorization(1), w.authorization(2), w.authorization(3)
	two.Value = 20_000
	single := w.pay(w.dev.Relayer, one)
	w.cancel(three)
	ok(t, w.dev.GiveUSDC(t.Context(), w.treasury.Address(), 5)) // comes in, does not go out
	four := w.authorization(4)
	both := w.transact(w.dev.Relayer, chain.Multicall3, chain.Aggregate3(w.dev.Network.Token, [][]byte{w.signed(two), w.signed(four)}))
	left := w.dev.Network.Token
	balance, err := w.client.BalanceOf(t.Context(), left, w.treasury.Address())
	ok(t, err)
	ok(t, w.dev.Drain(t.Context())) // a plain transfer
	head := w.block()
	read := func(from, to uint64) (all []chain.Transfer) {
		t.Helper()
		ok(t, w.client.TransfersFrom(t.Context(), left, w.treasury.Address(), from, to, func(x chain.Transfer) error {
			all = append(all, x)
			return nil
		}))
		return all
	}
	all := read(0, head)
	if len(all) != 4 {
		t.Fatalf("%d transfers: %+v", len(all), all)
	}
	for i, want := range []chain.Transfer{
		{Tx: single, To: w.worker, Value: one.Value, Nonce: one.Nonce},
		{Tx: both, To: w.worker, Value: two.Value, Nonce: two.Nonce},
		{Tx: both, To: w.worker, Value: four.Value, Nonce: four.Nonce},
		{Tx: all[3].Tx, To: all[3].To, Value: balance}, // of no authorization
	} {
		want.Block, want.LogIndex = all[i].Block, all[i].LogIndex
		if all[i] != want {
			t.Errorf("%d: got %+v, want %+v", i, all[i], want)
		}
	}
	if some := read(all[0].Block+1, all[1].Block); !slices.Equal(some, all[1:3]) {
		t.Errorf("in part: %+v", some)
	}
	stop := errors.New("enough")
	if err := w.client.TransfersFrom(t.Context(), left, w.treasury.Address(), 0, head, func(chain.Transfer) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the reader: %v", err)
	}
}

// Logs that were not asked for make the whole answer worthless.
func TestTransfersOfANodeThatLies(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	for seq := range int64(2) {
		w.pay(w.dev.Relayer, w.authorization(seq+1))
	}
	head := w.block()
	for name, lie := range map[string]func(logs []map[string]any){
		"none":             func([]map[string]any) {},
		"removed":          func(l []map[string]any) { l[0]["removed"] = true },
		"another contract": func(l []map[string]any) { l[1]["address"] = common.Address{1} },
		"another payer":    func(l []map[string]any) { l[0]["topics"].([]any)[1] = common.Hash{1} },
		"another event":    func(l []map[string]any) { l[1]["topics"].([]any)[0] = common.Hash{1} },
		"a later block":    func(l []map[string]any) { l[3]["blockNumber"] = "0xffff" },
		"reversed":         slices.Reverse[[]map[string]any],
	} {
		w.onMethod("eth_getLogs", func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
			raw, err := next(ctx, call)
			if err != nil {
				return nil, err
			}
			var logs []map[string]any
			if err := json.Unmarshal(raw, &logs); err != nil {
				return nil, err
			}
			lie(logs)
			return json.Marshal(logs)
		})
		found := 0
		err := w.client.TransfersFrom(t.Context(), w.dev.Network.Token, w.treasury.Address(), 0, head, func(chain.Transfer) error { found++; return nil })
		if name == "none" && (err != nil || found != 2) {
			t.Errorf("no lie: %d, %v", found, err)
		}
		if name != "none" && (!errors.Is(err, chain.ErrInconsistent) || found > 0) {
			t.Errorf("%s: %d transfers, %v", name, found, err)
		}
	}
}

// logs sends some transactions to the log address, of two senders, among others.
func (w *world) logs() (sender common.Address, want, ofSender []chain.LogTransaction) {
	w.Helper()
	stranger := w.stranger()
	sender = crypto.PubkeyToAddress(w.dev.LogSender.PublicKey)
	for i := range 12 {
		data := []byte{byte(i), 1}
		key, to := w.dev.LogSender, logAddress
		switch {
		case i%5 == 3:
			key = stranger
		case i%5 == 4:
			to = common.Address{1} // the log sender, but elsewhere
		}
		tx := w.transact(key, to, data)
		if to == logAddress {
			l := chain.LogTransaction{Block: w.block(), Time: w.now(), Tx: tx, Sender: crypto.PubkeyToAddress(key.PublicKey), Calldata: data}
			want = append(want, l)
			if key == w.dev.LogSender {
				ofSender = append(ofSender, l)
			}
		}
		ok(w, w.dev.Mine(w.Context(), i))
	}
	// Two in one block.
	w.dev.Hold()
	for range 2 {
		tx, err := w.dev.Send(w.Context(), devchain.Tx{From: w.dev.LogSender, To: logAddress, Data: []byte("x")})
		ok(w, err)
		l := chain.LogTransaction{Tx: tx, Sender: sender, Calldata: []byte("x")}
		want, ofSender = append(want, l), append(ofSender, l)
	}
	ok(w, w.dev.Release(w.Context()))
	for _, list := range [][]chain.LogTransaction{want, ofSender} {
		for i := len(list) - 2; i < len(list); i++ {
			list[i].Block, list[i].Time = w.block(), w.now()
		}
	}
	return sender, want, ofSender
}

func same(a, b chain.LogTransaction) bool {
	return a.Block == b.Block && a.Time == b.Time && a.Tx == b.Tx && a.Sender == b.Sender && slices.Equal(a.Calldata, b.Calldata)
}

func TestLogTransactions(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	sender, want, ofSender := w.logs()
	head := w.block()
	collect := func(into *[]chain.LogTransaction) func(chain.LogTransaction) error {
		return func(l chain.LogTransaction) error {
			*into = append(*into, l)
			return nil
		}
	}
	var all []chain.LogTransaction
	ok(t, w.client.LogTransactions(t.Context(), logAddress, 0, head, collect(&all)))
	if !slices.EqualFunc(all, want, same) {
		t.Errorf("all:\n got %+v\nwant %+v", all, want)
	}
	for from := range head {
		for _, to := range []uint64{from, from + (head-from)/2, head} {
			inRange := func(l chain.LogTransaction) bool { return l.Block < from || l.Block > to }
			var some []chain.LogTransaction
			ok(t, w.client.LogTransactionsOf(t.Context(), sender, logAddress, from, to, collect(&some)))
			if expected := slices.DeleteFunc(slices.Clone(ofSender), inRange); !slices.EqualFunc(some, expected, same) {
				t.Fatalf("blocks %d to %d:\n got %+v\nwant %+v", from, to, some, expected)
			}
		}
	}
}

// Halving reads few blocks, and notices one that a node leaves out.
func TestLogTransactionsOfIsSparingAndComplete(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	ok(t, w.dev.Mine(t.Context(), 300))
	w.transact(w.dev.LogSender, logAddress, []byte("x"))
	ok(t, w.dev.Mine(t.Context(), 200))
	sender := crypto.PubkeyToAddress(w.dev.LogSender.PublicKey)
	calls, found := 0, 0
	w.dev.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		calls++
		return next(ctx, call)
	})
	count := func(chain.LogTransaction) error { found++; return nil }
	ok(t, w.client.LogTransactionsOf(t.Context(), sender, logAddress, 0, w.block(), count))
	if found != 1 || calls > 20 {
		t.Errorf("found %d with %d calls", found, calls)
	}
	w.edit("eth_getBlockByNumber", func(b map[string]any) { b["transactions"] = []any{} })
	if err := w.client.LogTransactionsOf(t.Context(), sender, logAddress, 0, w.block(), count); !errors.Is(err, chain.ErrInconsistent) {
		t.Errorf("a block that hides a transaction: %v", err)
	}
}

// Blocks of a rollup begin with a transaction of a type that go-ethereum does
// not know, and its headers have fields of their own.
func TestRollupBlocks(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	tx := w.transact(w.dev.LogSender, logAddress, []byte("x"))
	deposit := map[string]any{
		"type": "0x7e", "hash": common.Hash{0xde}, "from": common.HexToAddress("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001"),
		"to": common.HexToAddress("0x4200000000000000000000000000000000000015"), "input": "0x098999be", "sourceHash": common.Hash{1},
		"mint": "0x0", "isSystemTx": false, "gas": "0xf4240", "value": "0x0", "nonce": "0x1",
	}
	w.edit("eth_getBlockByNumber", func(b map[string]any) {
		b["somethingNew"] = map[string]any{"a": 1}
		if txs := b["transactions"].([]any); len(txs) > 0 {
			if _, full := txs[0].(map[string]any); full {
				b["transactions"] = append([]any{deposit}, txs...)
			}
		}
	})
	var found []chain.LogTransaction
	ok(t, w.client.LogTransactions(t.Context(), logAddress, 0, w.block(), func(l chain.LogTransaction) error {
		found = append(found, l)
		return nil
	}))
	if len(found) != 1 || found[0].Tx != tx {
		t.Errorf("found %+v", found)
	}
}
