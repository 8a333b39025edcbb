package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ConfirmReceipts notes that tx, one of the batch's recorded transactions, is
// in the given block and the block is safe; the batch's payouts name it as
// their log transaction. Doing it again changes nothing.
//
// Errors: ledger.ErrNotFound; ErrConflict when tx was never recorded for it, or
// its nonce was used by another one.
func (db *DB) ConfirmReceipts(ctx context.Context, k ledger.BatchKey, tx common.Hash, block uint64, now time.Time) error {
	_, err := db.readWrite(ctx, "confirm-receipts", func(ctx context.Context, txn *spanner.ReadWriteTransaction) error {
		b, err := readBatch(ctx, txn, k)
		if err != nil {
			return err
		}
		changed, err := b.Confirm(tx, block)
		if err != nil || !changed {
			return err
		}
		payouts, err := batchPayouts(ctx, txn, k)
		if err != nil {
			return fmt.Errorf("read the payouts of receipt batch %s: %w", k, err)
		}
		if int64(len(payouts)) != b.ReceiptCount {
			return fmt.Errorf("receipt batch %s of %d receipts has %d payouts: %w", k, b.ReceiptCount, len(payouts), ledger.ErrBooks)
		}
		writes := []*spanner.Mutation{putBatch(b, now)}
		for _, p := range payouts {
			p.LogTx = tx
			writes = append(writes, updatePayout(p, now))
		}
		return txn.BufferWrite(writes)
	})
	return err
}
