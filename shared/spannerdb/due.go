package spannerdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// dueQuery reads at most @limit entries of each shard of an index.
const dueQuery = `SELECT ARRAY(
  SELECT AS STRUCT Worker, Seq, %[2]s AS DueAt
  FROM WorkerPayouts@{FORCE_INDEX=%[1]s, ` + skipNullCheck + `}
  WHERE WorkShard = shard AND %[2]s IS NOT NULL AND %[2]s <= @now
  ORDER BY %[2]s, Worker, Seq LIMIT @limit) AS Due
FROM UNNEST(@shards) AS shard`

// DuePayouts are the payouts whose work is due, those first that have waited
// longest. Which of them are leased or done meanwhile, LeasePayout says.
func (db *DB) DuePayouts(ctx context.Context, now time.Time, limit int) ([]ledger.PayoutID, error) {
	return db.duePayouts(ctx, "PayoutsByWork", "WorkAt", now, limit)
}

func (db *DB) duePayouts(ctx context.Context, index, column string, now time.Time, limit int) ([]ledger.PayoutID, error) {
	type entry struct {
		Worker string
		Seq    int64
		DueAt  time.Time
	}
	var due []*entry
	err := db.single().Query(ctx, spanner.Statement{
		SQL:    fmt.Sprintf(dueQuery, index, column),
		Params: map[string]any{"shards": allWorkShards, "now": now.UTC(), "limit": int64(limit)},
	}).Do(func(row *spanner.Row) error {
		var some []*entry
		if err := row.Column(0, &some); err != nil {
			return err
		}
		due = append(due, some...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: payouts due by %s: %w", column, err)
	}
	slices.SortFunc(due, func(a, b *entry) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.Worker, b.Worker), cmp.Compare(a.Seq, b.Seq))
	})
	ids := make([]ledger.PayoutID, 0, min(limit, len(due)))
	for _, e := range due[:min(limit, len(due))] {
		worker, err := parseAddress(e.Worker)
		if err != nil {
			return nil, err
		}
		ids = append(ids, ledger.PayoutID{Worker: worker, Seq: e.Seq})
	}
	return ids, nil
}

const receiptsDueQuery = `SELECT COUNT(*) AS Count, MIN(ReceiptDueAt) AS Oldest
FROM WorkerPayouts@{FORCE_INDEX=PayoutsByReceiptDue, ` + skipNullCheck + `}
WHERE WorkShard IN UNNEST(@shards) AND ReceiptDueAt IS NOT NULL AND ReceiptDueAt <= @now`

// ReceiptsDue says how many confirmed payouts wait for a receipt batch, and
// since when the first of them does; the zero time when none does.
func (db *DB) ReceiptsDue(ctx context.Context, now time.Time) (count int64, oldest time.Time, err error) {
	var found struct {
		Count  int64
		Oldest spanner.NullTime
	}
	err = queryOne(ctx, db.single(), spanner.Statement{
		SQL: receiptsDueQuery, Params: map[string]any{"shards": allWorkShards, "now": now.UTC()},
	}, &found)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("spannerdb: receipts due: %w", err)
	}
	return found.Count, timeOf(found.Oldest), nil
}
