package spannerdb

import (
	"context"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ReadPayout reads one payout as it is stored.
func ReadPayout(db *DB, ctx context.Context, id ledger.PayoutID) (ledger.Payout, error) {
	row, err := db.single().ReadRow(ctx, "WorkerPayouts", payoutKey(id), payoutColumns)
	if err != nil {
		return ledger.Payout{}, err
	}
	return decodePayout(row)
}

// ReadBatch reads one receipt batch as it is stored.
func ReadBatch(db *DB, ctx context.Context, k ledger.BatchKey) (ledger.ReceiptBatch, error) {
	row, err := db.single().ReadRow(ctx, "ReceiptBatches", batchKey(k), batchColumns)
	if err != nil {
		return ledger.ReceiptBatch{}, err
	}
	var r batchRow
	if err := row.ToStruct(&r); err != nil {
		return ledger.ReceiptBatch{}, err
	}
	return r.batch()
}
