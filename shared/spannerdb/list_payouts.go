package spannerdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// listQuery reads at most @limit payouts of each shard of an index of those
// that are unfinished, or failed, without the signed authorizations.
const listQuery = `SELECT ARRAY(
  SELECT AS STRUCT %[3]s
  FROM WorkerPayouts@{FORCE_INDEX=%[1]s, ` + skipNullCheck + `}
  WHERE WorkShard = shard AND %[2]s IS NOT NULL AND State IN UNNEST(@states) AND CreatedAt <= @before
  ORDER BY %[2]s, Worker, Seq LIMIT @limit) AS Listed
FROM UNNEST(@shards) AS shard`

// ListPayouts are payouts that are not paid, those first that were opened
// first, and whether there are more. What is confirmed is not listed.
func (db *DB) ListPayouts(ctx context.Context, f ledger.PayoutFilter) (list []ledger.Payout, more bool, err error) {
	states := f.States
	if len(states) == 0 {
		states = ledger.Unpaid()
	}
	var open []string
	for _, s := range states {
		if !s.Final() {
			open = append(open, string(s))
		}
	}
	if len(open) > 0 {
		if list, err = db.listPayouts(ctx, "PayoutsByWork", "WorkAt", open, f); err != nil {
			return nil, false, err
		}
	}
	if slices.Contains(states, ledger.Failed) {
		failed, err := db.listPayouts(ctx, "PayoutsByFailed", "FailedAt", []string{string(ledger.Failed)}, f)
		if err != nil {
			return nil, false, err
		}
		list = append(list, failed...)
	}
	slices.SortFunc(list, func(a, b ledger.Payout) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.ID.Worker.Cmp(b.ID.Worker), cmp.Compare(a.ID.Seq, b.ID.Seq))
	})
	return list[:min(f.Limit, len(list))], len(list) > f.Limit, nil
}

func (db *DB) listPayouts(ctx context.Context, index, column string, states []string, f ledger.PayoutFilter) ([]ledger.Payout, error) {
	list, err := db.payoutsOfShards(ctx, spanner.Statement{
		SQL: fmt.Sprintf(listQuery, index, column, selectPayoutPublic),
		Params: map[string]any{
			"shards": allWorkShards, "states": states, "before": f.OpenedBefore.UTC(), "limit": int64(f.Limit) + 1,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: list payouts by %s: %w", column, err)
	}
	return list, nil
}
