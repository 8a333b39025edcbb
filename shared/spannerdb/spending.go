package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Owed is what the books owe to all workers together. It reads the books' row
// of each.
func (db *DB) Owed(ctx context.Context) (pending, inFlight ledger.Micros, err error) {
	var found struct{ Pending, InFlight int64 }
	err = queryOne(ctx, db.single(), spanner.Statement{
		SQL: "SELECT IFNULL(SUM(PendingMicros), 0) AS Pending, IFNULL(SUM(InFlightMicros), 0) AS InFlight FROM WorkerCredits",
	}, &found)
	if err != nil {
		return 0, 0, fmt.Errorf("spannerdb: what is owed: %w", err)
	}
	return ledger.Micros(found.Pending), ledger.Micros(found.InFlight), nil
}

// spendingQuery: a row a day, and the last log transactions.
const spendingQuery = `SELECT
  ARRAY(SELECT AS STRUCT Day, AuthorizedMicros FROM PayoutDays WHERE Day >= @since ORDER BY Day) AS Days,
  ARRAY(SELECT AS STRUCT ReceiptCount, LogTx, CreatedAt FROM ReceiptBatches WHERE Sender = @sender ORDER BY AccountNonce DESC LIMIT @limit) AS Batches`

// Spending is what was paid on the UTC days from since's on, and the log
// sender's last transactions, at most limit, newest first.
func (db *DB) Spending(ctx context.Context, sender common.Address, since time.Time, limit int) (ledger.Spending, error) {
	var found struct {
		Days []*struct {
			Day              string
			AuthorizedMicros int64
		}
		Batches []*struct {
			ReceiptCount int64
			LogTx        spanner.NullString
			CreatedAt    time.Time
		}
	}
	err := queryOne(ctx, db.single(), spanner.Statement{SQL: spendingQuery, Params: map[string]any{
		"since": since.UTC().Format(time.DateOnly), "sender": addressText(sender), "limit": int64(limit),
	}}, &found)
	if err != nil {
		return ledger.Spending{}, fmt.Errorf("spannerdb: what was spent: %w", err)
	}
	var out ledger.Spending
	for _, d := range found.Days {
		day, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			return ledger.Spending{}, fmt.Errorf("spannerdb: what was spent: day %q: %w", d.Day, err)
		}
		out.Days = append(out.Days, ledger.DaySpent{Day: day, Micros: ledger.Micros(d.AuthorizedMicros)})
	}
	var dec decoder
	for _, b := range found.Batches {
		out.LogTxs = append(out.LogTxs, ledger.LogTx{Tx: dec.hash(b.LogTx), Receipts: b.ReceiptCount, At: b.CreatedAt.UTC()})
	}
	return out, dec.err
}
