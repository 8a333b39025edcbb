package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ReassignReceipts gives a batch's receipts to a new batch with a fresh
// account nonce, and returns that one. It is for a batch whose nonce was
// used by a transaction that is none of its own, in a finalized block: none
// of its own can be mined any more. The new nonce is the one after the
// sender's last batch, but at least chainNonce, the account's next. For a
// batch that was replaced before it returns what replaced it.
//
// Errors: ledger.ErrNotFound; ErrFinal when the batch is confirmed.
func (db *DB) ReassignReceipts(ctx context.Context, k ledger.BatchKey, chainNonce uint64, now time.Time) (ledger.ReceiptBatch, error) {
	var out ledger.ReceiptBatch
	_, err := db.readWrite(ctx, "reassign-receipts", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		out = ledger.ReceiptBatch{}
		old, err := readBatch(ctx, tx, k)
		if err != nil {
			return err
		}
		if old.State == ledger.BatchReplaced {
			out, err = readBatch(ctx, tx, ledger.BatchKey{Sender: k.Sender, AccountNonce: old.ReplacedBy})
			return err
		}
		_, nonce, err := readReserve(ctx, tx, k.Sender, max(chainNonce, k.AccountNonce+1), nil)
		if err != nil {
			return fmt.Errorf("read the last batch of %s: %w", addressText(k.Sender), err)
		}
		fresh, err := old.Reassign(nonce, now)
		if err != nil {
			return err
		}
		payouts, err := batchPayouts(ctx, tx, k)
		if err != nil {
			return fmt.Errorf("read the payouts of receipt batch %s: %w", k, err)
		}
		writes := []*spanner.Mutation{putBatch(old, now), putBatch(fresh, now)}
		for _, p := range payouts {
			p.ReceiptBatch = &fresh.BatchKey
			writes = append(writes, updatePayout(p, now))
		}
		out = fresh
		return tx.BufferWrite(writes)
	})
	if err != nil {
		return ledger.ReceiptBatch{}, err
	}
	return out, nil
}
