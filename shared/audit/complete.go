package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Lookup reads one transaction.
type Lookup interface {
	TransfersIn(ctx context.Context, token, treasury common.Address, tx common.Hash) ([]chain.Transfer, error)
}

// ErrLeftOut means that the node has a transfer that its logs do not show:
// nothing that it leaves out elsewhere would be noticed. Ask another one.
var ErrLeftOut = errors.New("audit: the node's logs leave out a transfer")

// Balances compares transfers with the treasury's balances; chain.ErrLeftOut when
// they do not account for them.
type Balances interface {
	CheckTransfers(ctx context.Context, token, treasury common.Address, from, to uint64, sent ledger.Micros) error
}

// Prove proves, by the treasury's balances before the first block and after the
// last, that the node's logs left out no transfer in between. It needs a node
// that knows the state at both. Call it before Report, which says so.
func (t *Trail) Prove(ctx context.Context, c Balances) error {
	t.proven = false
	if !t.walked {
		return nil
	}
	var sent ledger.Micros
	for _, m := range t.moved {
		var err error
		if sent, err = sent.Add(m.Value); err != nil {
			return fmt.Errorf("audit: add up the transfers: %w", err)
		}
	}
	if err := c.CheckTransfers(ctx, t.scope.Token, t.scope.Treasury, t.first, t.next-1, sent); err != nil {
		return fmt.Errorf("audit: compare the transfers with the balances: %w", err)
	}
	t.proven = true
	return nil
}

// Complete looks up the transfers that receipts tell of and that Walk did not
// meet: those before the first block, whose receipts came later. Call it
// before Report.
func (t *Trail) Complete(ctx context.Context, c Lookup) error {
	t.earlier = nil
	known := t.byNonce()
	for _, l := range t.receipts {
		nonce := t.nonce(l)
		if _, met := known[nonce]; met {
			continue
		}
		found, err := c.TransfersIn(ctx, t.scope.Token, t.scope.Treasury, l.PayoutTxHash)
		if err != nil {
			return fmt.Errorf("audit: the transfer of payout %s in transaction %s: %w", l.PayoutID, l.PayoutTxHash, err)
		}
		for _, m := range found {
			switch {
			case m.Nonce != nonce:
			case m.Block < t.first:
				t.earlier, known[nonce] = append(t.earlier, m), m
			case m.Block < t.next:
				return fmt.Errorf("%w: that of payout %s, in transaction %s (block %d)", ErrLeftOut, l.PayoutID, m.Tx, m.Block)
			}
		}
	}
	return nil
}
