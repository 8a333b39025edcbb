package spannerdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var byNonceQuery = "SELECT " + selectPayoutPublic + " FROM WorkerPayouts@{FORCE_INDEX=PayoutsByNonce} WHERE Nonce IN UNNEST(@nonces)"

// PayoutsByNonce are the payouts with those nonces, in no order and without
// the signed authorizations.
func (db *DB) PayoutsByNonce(ctx context.Context, nonces []common.Hash) ([]ledger.Payout, error) {
	if len(nonces) == 0 {
		return nil, nil
	}
	texts := make([]string, len(nonces))
	for i, n := range nonces {
		texts[i] = hexText(n[:])
	}
	rows := db.single().Query(ctx, spanner.Statement{SQL: byNonceQuery, Params: map[string]any{"nonces": texts}})
	payouts, err := collectPayouts(rows)
	if err != nil {
		return nil, fmt.Errorf("spannerdb: payouts by nonce: %w", err)
	}
	return payouts, nil
}

// PayoutsByID are those of the payouts that exist, in no order and without the
// signed authorizations.
func (db *DB) PayoutsByID(ctx context.Context, ids []ledger.PayoutID) ([]ledger.Payout, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]spanner.KeySet, len(ids))
	for i, id := range ids {
		keys[i] = payoutKey(id)
	}
	payouts, err := collectPayouts(db.single().Read(ctx, "WorkerPayouts", spanner.KeySets(keys...), payoutPublic))
	if err != nil {
		return nil, fmt.Errorf("spannerdb: payouts by id: %w", err)
	}
	return payouts, nil
}

func collectPayouts(rows *spanner.RowIterator) (out []ledger.Payout, err error) {
	err = rows.Do(func(row *spanner.Row) error {
		var r payoutPublicRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		p, err := r.payout()
		out = append(out, p)
		return err
	})
	return out, err
}

// payoutsOfShards are the payouts that a statement finds of each shard: its rows
// have one column, an array of payoutPublic.
func (db *DB) payoutsOfShards(ctx context.Context, statement spanner.Statement) (all []ledger.Payout, err error) {
	err = db.single().Query(ctx, statement).Do(func(row *spanner.Row) error {
		var some []*payoutPublicRow
		if err := row.Column(0, &some); err != nil {
			return err
		}
		for _, r := range some {
			p, err := r.payout()
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		return nil
	})
	return all, err
}

// confirmedQuery reads at most @limit payouts of each shard.
var confirmedQuery = `SELECT ARRAY(
  SELECT AS STRUCT ` + selectPayoutPublic + `
  FROM WorkerPayouts@{FORCE_INDEX=PayoutsByConfirmed, ` + skipNullCheck + `}
  WHERE WorkShard = shard AND ConfirmedAt IS NOT NULL AND ConfirmedAt <= @until AND ConfirmedAt >= @at
    AND (ConfirmedAt > @at OR Worker > @worker OR (Worker = @worker AND Seq > @seq))
  ORDER BY ConfirmedAt, Worker, Seq LIMIT @limit) AS Confirmed
FROM UNNEST(@shards) AS shard`

// ConfirmedPayouts are the first payouts after a mark, in the order in which
// they were confirmed, until a time and without the signed authorizations.
func (db *DB) ConfirmedPayouts(ctx context.Context, after ledger.ConfirmedMark, until time.Time, limit int) ([]ledger.Payout, error) {
	all, err := db.payoutsOfShards(ctx, spanner.Statement{SQL: confirmedQuery, Params: map[string]any{
		"shards": allWorkShards, "at": after.At.UTC(), "worker": addressText(after.ID.Worker), "seq": after.ID.Seq,
		"until": until.UTC(), "limit": int64(limit),
	}})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: confirmed payouts: %w", err)
	}
	slices.SortFunc(all, func(a, b ledger.Payout) int {
		return cmp.Or(a.ConfirmedAt.Compare(b.ConfirmedAt),
			strings.Compare(addressText(a.ID.Worker), addressText(b.ID.Worker)), cmp.Compare(a.ID.Seq, b.ID.Seq))
	})
	return all[:min(limit, len(all))], nil
}
