package audit

import (
	"context"
	"errors"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// balances account for so much that was sent in so many blocks.
type balances struct {
	from, to uint64
	sent     ledger.Micros
}

func (b balances) CheckTransfers(_ context.Context, token, treasury common.Address, from, to uint64, sent ledger.Micros) error {
	if token != scope.Token || treasury != scope.Treasury || (balances{from, to, sent}) != b {
		return chain.ErrLeftOut
	}
	return nil
}

// All transfers that were read, those without a receipt, too, must account for
// the balances, over all blocks, whether the walk was interrupted or not.
func TestProve(t *testing.T) {
	f := busy(t)
	right := balances{from: 3, to: 99, sent: 5}
	for _, m := range f.moved {
		if m.Nonce != (common.Hash{}) && m.Block >= 3 {
			right.sent += m.Value
		}
	}
	trail := New(scope)
	if err := trail.Prove(t.Context(), right); err != nil || trail.proven {
		t.Errorf("before the first block: %v", err)
	}
	for _, step := range []uint64{40, 99} {
		if err := trail.Walk(t.Context(), f, max(trail.Next(), 3), step); err != nil {
			t.Fatal(err)
		}
		text, err := trail.State(common.Hash{1})
		if err != nil {
			t.Fatal(err)
		}
		if trail, _, err = Resume(scope, 3, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := trail.Prove(t.Context(), right); err != nil || !trail.Report().Proven {
		t.Errorf("all there: %v", err)
	}
	short := right
	short.sent++ // of the balances; the walk saw a micro less
	if err := trail.Prove(t.Context(), short); !errors.Is(err, chain.ErrLeftOut) || trail.Report().Proven {
		t.Errorf("one left out: %v", err)
	}
}
