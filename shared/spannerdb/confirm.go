package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

const confirmQuery = `SELECT
  ARRAY(SELECT AS STRUCT %s FROM WorkerPayouts WHERE Worker = @worker AND Seq = @seq) AS Payouts,
  ARRAY(SELECT AS STRUCT %s FROM WorkerCredits WHERE Worker = @worker) AS Credits`

// ConfirmPayout books a payout as paid: tx, in the given block, holds its
// Transfer, and the block is safe. In flight becomes paid, and its receipt
// falls due. Confirming it again by the same transaction changes nothing.
//
// Errors: ledger.ErrNotFound; ErrConflict when it was paid by another
// transaction; ErrFinal when it failed (requeue it first).
func (db *DB) ConfirmPayout(ctx context.Context, id ledger.PayoutID, tx common.Hash, block uint64, now time.Time) error {
	stmt := spanner.Statement{
		SQL:    fmt.Sprintf(confirmQuery, selectPayout, selectCredits),
		Params: map[string]any{"worker": addressText(id.Worker), "seq": id.Seq},
	}
	_, err := db.readWrite(ctx, "confirm-payout", func(ctx context.Context, txn *spanner.ReadWriteTransaction) error {
		var found struct {
			Payouts []*payoutRow
			Credits []*creditRow
		}
		if err := queryOne(ctx, txn, stmt, &found); err != nil {
			return fmt.Errorf("read payout %s: %w", id, err)
		}
		if len(found.Payouts) == 0 {
			return fmt.Errorf("payout %s: %w", id, ledger.ErrNotFound)
		}
		p, err := found.Payouts[0].payout()
		if err != nil {
			return err
		}
		if len(found.Credits) == 0 {
			return fmt.Errorf("payout %s of a worker without books: %w", id, ledger.ErrBooks)
		}
		books := found.Credits[0].credits()
		changed, err := p.Confirm(&books, tx, block, now)
		if err != nil || !changed {
			return err
		}
		credits := creditChanges(id.Worker, books, now)
		credits["LastPayoutAt"], credits["LastPayoutTx"] = now.UTC(), nullHash(tx)
		return txn.BufferWrite([]*spanner.Mutation{updatePayout(p, now), spanner.UpdateMap("WorkerCredits", credits)})
	})
	return err
}
