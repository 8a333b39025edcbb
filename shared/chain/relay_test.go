package chain_test

import (
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain/contracts"
)

// Asking first tells which transfers of a batch would fail, and nothing is
// moved by asking.
func TestAggregate3Results(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	one, two := w.authorization(1), w.authorization(2)
	calls := [][]byte{w.signed(one), w.signed(one), {1, 2, 3, 4}, w.signed(two)}
	call := chain.Aggregate3(w.dev.Network.Token, calls)
	for _, want := range [][]bool{{true, false, false, true}, {false, false, false, false}} {
		out, err := w.client.Call(t.Context(), common.Address{1}, chain.Multicall3, call)
		ok(t, err)
		if got, err := chain.Aggregate3Results(out, len(calls)); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
		w.transact(w.dev.Relayer, chain.Multicall3, call) // all that can succeed has, after the first round
	}
	if balance, err := w.client.BalanceOf(t.Context(), w.dev.Network.Token, w.worker); err != nil || balance != 2*w.value {
		t.Errorf("the worker has %d micros, %v", balance, err)
	}
	out, err := w.client.Call(t.Context(), common.Address{1}, w.worker, call) // no contract: no answer
	if got, bad := chain.Aggregate3Results(out, len(calls)); err != nil || bad == nil {
		t.Errorf("an address without a contract: %v, %v, %v", got, bad, err)
	}
}

// Whatever a node answers, nothing is read beyond it, and what the ABI's own
// decoder understands is understood in the same way.
func FuzzAggregate3Results(f *testing.F) {
	set, err := contracts.Load()
	ok(f, err)
	method := set.Multicall.ABI.Methods["aggregate3"]
	type result struct {
		Success    bool
		ReturnData []byte
	}
	for _, rs := range [][]result{{}, {{true, nil}}, {{true, make([]byte, 32)}, {false, []byte("reverted")}, {true, nil}}} {
		out, err := method.Outputs.Pack(rs)
		ok(f, err)
		if got, err := chain.Aggregate3Results(out, len(rs)); err != nil {
			f.Fatalf("%d results: %v, %v", len(rs), got, err)
		}
		f.Add(out, uint8(len(rs)))
		f.Add(out[:len(out)-1], uint8(len(rs)))
		f.Add(append(make([]byte, 31), out...), uint8(len(rs)))
	}
	f.Fuzz(func(t *testing.T, out []byte, calls uint8) {
		got, err := chain.Aggregate3Results(out, int(calls))
		if err != nil {
			if got != nil {
				t.Fatalf("%v with %v", got, err)
			}
			return
		}
		if len(got) != int(calls) {
			t.Fatalf("%d results for %d calls", len(got), calls)
		}
		unpacked, err := method.Outputs.Unpack(out)
		if err != nil {
			return
		}
		list := unpacked[0].([]struct {
			Success    bool   `json:"success"`
			ReturnData []byte `json:"returnData"`
		})
		for i, r := range list {
			if got[i] != r.Success {
				t.Fatalf("call %d: %t, the ABI's decoder says %t", i, got[i], r.Success)
			}
		}
	})
}
