package spannerdb

import (
	"context"
	"fmt"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var openBatchesQuery = "SELECT " + selectBatch + " FROM ReceiptBatches@{FORCE_INDEX=ReceiptBatchesOpen, " + skipNullCheck + `}
WHERE Sender = @sender AND OpenSince IS NOT NULL ORDER BY AccountNonce`

// OpenReceiptBatches are the sender's batches whose log transaction is not in
// a safe block yet, lowest account nonce first.
func (db *DB) OpenReceiptBatches(ctx context.Context, sender common.Address) ([]ledger.ReceiptBatch, error) {
	var out []ledger.ReceiptBatch
	err := db.single().Query(ctx, spanner.Statement{
		SQL: openBatchesQuery, Params: map[string]any{"sender": addressText(sender)},
	}).Do(func(row *spanner.Row) error {
		var r batchRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		b, err := r.batch()
		out = append(out, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: open receipt batches of %s: %w", addressText(sender), err)
	}
	return out, nil
}
