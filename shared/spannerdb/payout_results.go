package spannerdb

import (
	"context"
	"fmt"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// PayoutResults are the ids of a payout's results, and what they add up to.
// Their list is fixed once the payout exists; for a number that has no payout
// yet it still grows.
func (db *DB) PayoutResults(ctx context.Context, id ledger.PayoutID) (ids []string, sum ledger.Micros, err error) {
	rows := db.single().ReadUsingIndex(ctx, "WorkerResults", "ResultsByPayout", payoutKey(id).AsPrefix(), []string{"ResultId", "RewardMicros"})
	err = rows.Do(func(row *spanner.Row) error {
		var resultID string
		var reward int64
		if err := row.Columns(&resultID, &reward); err != nil {
			return err
		}
		ids = append(ids, resultID)
		var err error
		sum, err = sum.Add(ledger.Micros(reward))
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("spannerdb: results of payout %s: %w", id, err)
	}
	return ids, sum, nil
}
