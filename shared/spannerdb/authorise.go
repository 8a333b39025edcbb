package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

const authoriseQuery = `SELECT
  ARRAY(SELECT AS STRUCT %s FROM WorkerPayouts WHERE Worker = @worker AND Seq = @seq) AS Payouts,
  IFNULL((SELECT AuthorizedMicros FROM PayoutDays WHERE Day = @day), 0) AS Today,
  IFNULL((SELECT Paused FROM OperatorSwitches WHERE Name = @switch), FALSE) AS Paused`

// AuthorisePayout stores a signed authorization before it is sent, and returns
// the payout with the one that may be sent: the one given, or the one stored
// before if that is still valid. What was given and is not in the answer must
// be forgotten unsent. The first authorization counts into the UTC day's
// total. While the operator has paused payouts, nothing is stored and nothing
// may be sent: the switch is read in the same transaction.
//
// Errors: ledger.ErrNotFound, ErrPaused, ErrFinal, ErrMove, ErrExpired,
// ErrConflict, ErrPayoutCap, ErrDailyCap.
func (db *DB) AuthorisePayout(ctx context.Context, id ledger.PayoutID, a ledger.AuthorizationRecord, caps ledger.PayoutCaps, now time.Time) (ledger.Payout, error) {
	day := now.UTC().Format(time.DateOnly)
	stmt := spanner.Statement{
		SQL:    fmt.Sprintf(authoriseQuery, selectPayout),
		Params: map[string]any{"worker": addressText(id.Worker), "seq": id.Seq, "day": day, "switch": payoutSwitch},
	}
	var out ledger.Payout
	_, err := db.readWrite(ctx, "authorise-payout", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		out = ledger.Payout{}
		var found struct {
			Payouts []*payoutRow
			Today   int64
			Paused  bool
		}
		if err := queryOne(ctx, tx, stmt, &found); err != nil {
			return fmt.Errorf("read payout %s: %w", id, err)
		}
		if len(found.Payouts) == 0 {
			return fmt.Errorf("payout %s: %w", id, ledger.ErrNotFound)
		}
		if found.Paused {
			return fmt.Errorf("payout %s: %w", id, ledger.ErrPaused)
		}
		p, err := found.Payouts[0].payout()
		if err != nil {
			return err
		}
		counted, changed, err := p.Authorise(a, caps, ledger.Micros(found.Today), now)
		if err != nil {
			return err
		}
		out = p
		if !changed {
			return nil
		}
		writes := []*spanner.Mutation{updatePayout(p, now)}
		if counted > 0 {
			writes = append(writes, spanner.InsertOrUpdateMap("PayoutDays", map[string]any{
				"Day": day, "AuthorizedMicros": found.Today + int64(counted), "UpdatedAt": now.UTC(),
			}))
		}
		return tx.BufferWrite(writes)
	})
	if err != nil {
		return ledger.Payout{}, err
	}
	return out, nil
}

// queryOne runs a query that answers exactly one row, into the struct that
// dst points to.
func queryOne(ctx context.Context, tx interface {
	Query(context.Context, spanner.Statement) *spanner.RowIterator
}, stmt spanner.Statement, dst any) error {
	rows := tx.Query(ctx, stmt)
	defer rows.Stop()
	row, err := rows.Next()
	if err != nil {
		return err
	}
	return row.ToStruct(dst)
}
