package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// AdoptNonce notes what one account nonce of a log sender was used for on
// chain, when it was not for what this database knows: it was restored to an
// earlier hour, or the key was used elsewhere. Receipts that the transaction
// carries are kept from being written again, now or once their payouts are
// confirmed (ReserveReceipts). Those that an open batch had for that nonce and
// that are not the transaction's fall due again. Doing it again changes nothing.
//
// Error: ledger.ErrConflict when the nonce is known to have been used by
// another transaction.
func (db *DB) AdoptNonce(ctx context.Context, u ledger.NonceUse, now time.Time) error {
	_, err := db.readWrite(ctx, "adopt-nonce", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		b, err := readBatch(ctx, tx, u.BatchKey)
		if errors.Is(err, ledger.ErrNotFound) {
			return tx.BufferWrite(append(adoptedReceipts(u), putBatch(ledger.AdoptedBatch(u, now), now)))
		}
		if err != nil {
			return err
		}
		changed, carried, err := b.Adopt(u, now)
		if err != nil || !changed {
			return err
		}
		payouts, err := batchPayouts(ctx, tx, u.BatchKey)
		if err != nil {
			return fmt.Errorf("read the payouts of receipt batch %s: %w", u.BatchKey, err)
		}
		writes := []*spanner.Mutation{putBatch(b, now)}
		if !carried {
			writes = append(writes, adoptedReceipts(u)...)
		}
		for _, p := range payouts {
			if carried {
				p.LogTx = u.Tx
			} else {
				p.ReceiptBatch, p.ReceiptDueAt = nil, now
			}
			writes = append(writes, updatePayout(p, now))
		}
		return tx.BufferWrite(writes)
	})
	return err
}

// adoptedReceipts are the rows by which ReserveReceipts knows them.
func adoptedReceipts(u ledger.NonceUse) (writes []*spanner.Mutation) {
	for _, id := range u.Receipts {
		writes = append(writes, spanner.InsertOrUpdateMap("AdoptedReceipts", map[string]any{
			"Worker": addressText(id.Worker), "Seq": id.Seq, "Sender": addressText(u.Sender), "AccountNonce": int64(u.AccountNonce),
		}))
	}
	return writes
}
