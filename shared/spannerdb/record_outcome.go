package spannerdb

import (
	"context"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// RecordOutcome notes what became of an attempt to pay: unknown, settled (with
// tx, the transaction that holds the Transfer), or the same state again with a
// new reason. workAt is when to look at it next. A final state is never left.
//
// Errors: ledger.ErrNotFound, ErrFinal, ErrMove.
func (db *DB) RecordOutcome(ctx context.Context, id ledger.PayoutID, state ledger.PayoutState, reason string, tx common.Hash, workAt, now time.Time) error {
	_, err := db.changePayout(ctx, "record-outcome", id, now, func(p *ledger.Payout) (bool, error) {
		return true, p.Record(state, reason, tx, workAt)
	})
	return err
}
