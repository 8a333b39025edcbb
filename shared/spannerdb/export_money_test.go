package spannerdb

import (
	"context"
	"strings"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

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

// ReadAll reads all books, and all payouts and receipt batches in the order of
// their keys.
func ReadAll(db *DB, ctx context.Context) (books map[common.Address]ledger.Credits, payouts []ledger.Payout, batches []ledger.ReceiptBatch, err error) {
	books = map[common.Address]ledger.Credits{}
	each := func(table string, columns []string, decode func(*spanner.Row) error) {
		if err == nil {
			err = db.single().Read(ctx, table, spanner.AllKeys(), columns).Do(decode)
		}
	}
	each("WorkerCredits", strings.Split(selectCredits, ", "), func(row *spanner.Row) error {
		var r creditRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		worker, err := parseAddress(r.Worker)
		books[worker] = r.credits()
		return err
	})
	each("WorkerPayouts", payoutColumns, func(row *spanner.Row) error {
		p, err := decodePayout(row)
		payouts = append(payouts, p)
		return err
	})
	each("ReceiptBatches", batchColumns, func(row *spanner.Row) error {
		var r batchRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		b, err := r.batch()
		batches = append(batches, b)
		return err
	})
	return books, payouts, batches, err
}
