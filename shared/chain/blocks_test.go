package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// batchCall is one JSON-RPC call, and batchAnswer its answer.
type batchCall struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

type batchAnswer struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   any             `json:"error,omitempty"`
}

// batches stands before the node and refuses batches as it likes: refuse is
// asked for each, and with false writes the answer itself. spoil may change
// the answers of one.
type batches struct {
	node   string
	refuse func(rw http.ResponseWriter, calls []batchCall) bool
	spoil  func([]batchAnswer) []batchAnswer
	sizes  []int
}

func (b *batches) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var body json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		panic(err)
	}
	var calls []batchCall
	batch := json.Unmarshal(body, &calls) == nil
	if batch {
		b.sizes = append(b.sizes, len(calls))
		if b.refuse != nil && b.refuse(rw, calls) {
			return
		}
	}
	resp, err := http.Post(b.node, "application/json", strings.NewReader(string(body)))
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	rw.Header().Set("Content-Type", "application/json")
	var out json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		panic(err)
	}
	if batch && b.spoil != nil {
		var answers []batchAnswer
		if err := json.Unmarshal(out, &answers); err != nil {
			panic(err)
		}
		_ = json.NewEncoder(rw).Encode(b.spoil(answers))
		return
	}
	_, _ = rw.Write(out)
}

func (w *world) behind(b *batches, l chain.Limits) *chain.Client {
	w.Helper()
	b.node = w.dev.URL
	server := httptest.NewServer(b)
	w.Cleanup(server.Close)
	client, err := chain.DialWith(w.Context(), server.URL, w.dev.Network.ChainID, l)
	ok(w, err)
	w.Cleanup(client.Close)
	return client
}

func walkAll(t *testing.T, c *chain.Client, to uint64) (all []chain.LogTransaction) {
	t.Helper()
	ok(t, c.LogTransactions(t.Context(), logAddress, 0, to, func(l chain.LogTransaction) error {
		all = append(all, l)
		return nil
	}))
	return all
}

// However a node refuses batches, the walk gets through, and finds the same.
func TestBlocksInBatches(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	_, want, _ := w.logs()
	head := w.block()
	larger := func(most int, how func(http.ResponseWriter)) func(http.ResponseWriter, []batchCall) bool {
		return func(rw http.ResponseWriter, calls []batchCall) bool {
			if len(calls) <= most {
				return false
			}
			how(rw)
			return true
		}
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(rw http.ResponseWriter) { rw.WriteHeader(code) }
	}
	object := func(rw http.ResponseWriter) {
		fmt.Fprint(rw, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}`)
	}
	flaky := 0
	for _, c := range []struct {
		name    string
		proxy   *batches
		biggest int // batch that got through, 1 for none
	}{
		{"as it comes", &batches{}, 8},
		{"413 above 3", &batches{refuse: larger(3, status(413))}, 2},
		{"429 above 5", &batches{refuse: larger(5, status(429))}, 4},
		{"an object above 4", &batches{refuse: larger(4, object)}, 4},
		{"no batches at all", &batches{refuse: larger(0, object)}, 1},
		{"sometimes unavailable", &batches{refuse: func(rw http.ResponseWriter, _ []batchCall) bool {
			flaky++
			if flaky%2 == 0 {
				return false
			}
			rw.WriteHeader(http.StatusServiceUnavailable)
			return true
		}}, 8},
		{"one answer missing", &batches{spoil: func(a []batchAnswer) []batchAnswer { return a[1:] }}, 8},
		{"in another order", &batches{spoil: func(a []batchAnswer) []batchAnswer { slices.Reverse(a); return a }}, 8},
		{"one not known yet", &batches{spoil: func(a []batchAnswer) []batchAnswer { a[1].Result = json.RawMessage("null"); return a }}, 8},
		{"one refused", &batches{spoil: func(a []batchAnswer) []batchAnswer {
			a[0].Result, a[0].Error = nil, map[string]any{"code": -32005, "message": "rate limit"}
			return a
		}}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := limits()
			l.Batch = 8
			client := w.behind(c.proxy, l)
			if got := walkAll(t, client, head); !slices.EqualFunc(got, want, same) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
			if last := c.proxy.sizes; c.biggest > 1 && !slices.Contains(last[len(last)/2:], c.biggest) || c.biggest == 1 && len(last) != 3 {
				t.Errorf("batches of %v; want %d to get through", last, c.biggest)
			}
		})
	}
}

// A node that answers with another block than asked for is not believed.
func TestBatchesOfANodeThatLies(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	ok(t, w.dev.Mine(t.Context(), 20))
	client := w.behind(&batches{spoil: func(a []batchAnswer) []batchAnswer {
		a[1].Result = a[0].Result
		return a
	}}, limits())
	err := client.LogTransactions(t.Context(), logAddress, 0, 9, func(chain.LogTransaction) error { return nil })
	if !errors.Is(err, chain.ErrInconsistent) {
		t.Errorf("error %v", err)
	}
	if err := w.client.LogTransactions(t.Context(), logAddress, 15, w.block()+5, func(chain.LogTransaction) error { return nil }); err == nil || !strings.Contains(err.Error(), "no such block") {
		t.Errorf("beyond the head: %v", err)
	}
}

// What is asked is counted, and requests keep their distance.
func TestAskedAndGap(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	ok(t, w.dev.Mine(t.Context(), 30))
	l := limits()
	l.Gap = 30 * time.Millisecond
	client := w.behind(&batches{}, l)
	before, callsBefore := client.Asked()
	start := time.Now()
	walkAll(t, client, 29) // three batches of ten
	requests, calls := client.Asked()
	if requests-before != 3 || calls-callsBefore != 30 {
		t.Errorf("%d requests with %d calls; want 3 with 30", requests-before, calls-callsBefore)
	}
	if took := time.Since(start); took < 2*l.Gap {
		t.Errorf("three requests in %v, with a gap of %v", took, l.Gap)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := client.LogTransactions(ctx, logAddress, 0, 29, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it waits: %v", err)
	}
}

func TestLogTransactionByHash(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	_, want, _ := w.logs()
	for _, l := range want {
		got, err := w.client.LogTransaction(t.Context(), logAddress, l.Tx)
		ok(t, err)
		if got == nil || !same(*got, l) {
			t.Errorf("got %+v, want %+v", got, l)
		}
	}
	elsewhere := w.transact(w.dev.LogSender, common.Address{1}, []byte("x"))
	w.dev.Hold()
	waiting, err := w.dev.Send(t.Context(), devchain.Tx{From: w.dev.LogSender, To: logAddress, Data: []byte("y")})
	ok(t, err)
	for _, hash := range []common.Hash{elsewhere, waiting, {1}} {
		if got, err := w.client.LogTransaction(t.Context(), logAddress, hash); err != nil || got != nil {
			t.Errorf("%s: %+v, %v; want none", hash, got, err)
		}
	}
	w.edit("eth_getTransactionByHash", func(tx map[string]any) { tx["blockHash"] = common.Hash{2} })
	if _, err := w.client.LogTransaction(t.Context(), logAddress, want[0].Tx); !errors.Is(err, chain.ErrInconsistent) {
		t.Errorf("in a block that is not canonical: %v", err)
	}
	w.edit("eth_getTransactionByHash", func(tx map[string]any) { tx["hash"] = common.Hash{2} })
	if _, err := w.client.LogTransaction(t.Context(), logAddress, want[0].Tx); !errors.Is(err, chain.ErrInconsistent) {
		t.Errorf("another transaction: %v", err)
	}
}

// Anybody can have the token report that the treasury sent nothing to somebody.
func TestTransfersOfNothing(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	data := crypto.Keccak256([]byte("transferFrom(address,address,uint256)"))[:4]
	treasury := w.treasury.Address()
	for _, word := range [][]byte{treasury[:], {1}, {0}} {
		data = append(data, common.LeftPadBytes(word, 32)...)
	}
	poison := w.transact(w.stranger(), w.dev.Network.Token, data)
	a := w.authorization(1)
	paid := w.pay(w.dev.Relayer, a)
	var all []chain.Transfer
	ok(t, w.client.TransfersFrom(t.Context(), w.dev.Network.Token, treasury, 0, w.block(), func(x chain.Transfer) error {
		all = append(all, x)
		return nil
	}))
	if len(all) != 1 || all[0].Tx != paid {
		t.Fatalf("transfers %+v", all)
	}
	for tx, want := range map[common.Hash][]chain.Transfer{poison: nil, paid: all, {1}: nil} {
		if got, err := w.client.TransfersIn(t.Context(), w.dev.Network.Token, treasury, tx); err != nil || !slices.Equal(got, want) {
			t.Errorf("in %s: %+v, %v; want %+v", tx, got, err, want)
		}
	}
}
