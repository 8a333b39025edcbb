package spannerdb

import (
	"context"
	"fmt"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Books checks the invariants of product.md over the whole database, in one
// snapshot, and reports what it adds up to and every disagreement. It reads
// every row once, one worker at a time, and locks nothing.
func (db *DB) Books(ctx context.Context) (ledger.BooksReport, error) {
	var r ledger.BooksReport
	err := db.readOnly(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		r = ledger.BooksReport{}
		for _, part := range []func(context.Context, *spanner.ReadOnlyTransaction, *ledger.BooksReport) error{
			workersOfBooks, strangersInBooks, batchesOfBooks, lostReceipts, daysOfBooks, resultLogOfBooks,
		} {
			if err := part(ctx, tx, &r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return ledger.BooksReport{}, fmt.Errorf("spannerdb: read the books: %w", err)
	}
	return r, nil
}

// CheckBooks is nil when the books balance, and else ledger.ErrBooks with
// every disagreement.
func (db *DB) CheckBooks(ctx context.Context) error {
	r, err := db.Books(ctx)
	if err != nil {
		return err
	}
	return r.Err()
}

var workersQuery = "SELECT " + selectCredits + `,
  ARRAY(SELECT AS STRUCT ` + selectPayoutPublic + ` FROM WorkerPayouts AS p WHERE p.Worker = c.Worker ORDER BY p.Seq) AS Payouts,
  ARRAY(SELECT AS STRUCT r.PayoutSeq AS Seq, COUNT(*) AS Count, SUM(r.RewardMicros) AS Sum
    FROM WorkerResults@{FORCE_INDEX=ResultsByPayout} AS r WHERE r.Worker = c.Worker GROUP BY r.PayoutSeq ORDER BY Seq) AS Results,
  ARRAY(SELECT AS STRUCT l.PayoutSeq AS Seq, l.Results AS Count, l.RewardMicros AS Sum FROM LostResults AS l WHERE l.Worker = c.Worker ORDER BY Seq) AS Lost
FROM WorkerCredits AS c`

func workersOfBooks(ctx context.Context, tx *spanner.ReadOnlyTransaction, r *ledger.BooksReport) error {
	return tx.Query(ctx, spanner.Statement{SQL: workersQuery}).Do(func(row *spanner.Row) error {
		var found struct {
			creditRow
			Payouts []*payoutPublicRow
			Results []*struct{ Seq, Count, Sum int64 }
			Lost    []*struct{ Seq, Count, Sum int64 }
		}
		if err := row.ToStruct(&found); err != nil {
			return err
		}
		worker, err := parseAddress(found.Worker)
		if err != nil {
			return err
		}
		b := ledger.WorkerBooks{Worker: worker, Credits: found.credits()}
		for _, p := range found.Payouts {
			payout, err := p.payout()
			if err != nil {
				return err
			}
			b.Payouts = append(b.Payouts, payout)
		}
		for _, s := range found.Results {
			b.Results = append(b.Results, ledger.ResultSum{Seq: s.Seq, Count: s.Count, Sum: ledger.Micros(s.Sum)})
		}
		for _, l := range found.Lost {
			b.Lost = append(b.Lost, ledger.ResultSum{Seq: l.Seq, Count: l.Count, Sum: ledger.Micros(l.Sum)})
		}
		r.AddWorker(b)
		return nil
	})
}

const strangersQuery = `SELECT DISTINCT Worker FROM (SELECT Worker FROM WorkerPayouts UNION ALL SELECT Worker FROM WorkerResults UNION ALL SELECT Worker FROM LostResults)
WHERE Worker NOT IN (SELECT Worker FROM WorkerCredits)`

func strangersInBooks(ctx context.Context, tx *spanner.ReadOnlyTransaction, r *ledger.BooksReport) error {
	return tx.Query(ctx, spanner.Statement{SQL: strangersQuery}).Do(func(row *spanner.Row) error {
		var worker string
		if err := row.Column(0, &worker); err != nil {
			return err
		}
		r.Add(worker, "has results or payouts, but no books")
		return nil
	})
}

var batchesQuery = `SELECT Sender, AccountNonce, State, ReceiptCount, LogTx,
  ARRAY(SELECT AS STRUCT p.Worker, p.Seq, p.LogTx FROM WorkerPayouts@{FORCE_INDEX=PayoutsByReceiptBatch, ` + skipNullCheck + `} AS p
    WHERE p.ReceiptSender = b.Sender AND p.ReceiptNonce = b.AccountNonce ORDER BY p.Worker, p.Seq) AS Payouts
FROM ReceiptBatches AS b`

func batchesOfBooks(ctx context.Context, tx *spanner.ReadOnlyTransaction, r *ledger.BooksReport) error {
	return eachBatch(ctx, tx, spanner.Statement{SQL: batchesQuery}, r.AddBatch)
}

// eachBatch reads what one of the batches' queries finds.
func eachBatch(ctx context.Context, tx *spanner.ReadOnlyTransaction, stmt spanner.Statement, add func(ledger.BatchBooks)) error {
	return tx.Query(ctx, stmt).Do(func(row *spanner.Row) error {
		var found struct {
			Sender       string
			AccountNonce int64
			State        string
			ReceiptCount int64
			LogTx        spanner.NullString
			Payouts      []*struct {
				Worker string
				Seq    int64
				LogTx  spanner.NullString
			}
		}
		if err := row.ToStruct(&found); err != nil {
			return err
		}
		var d decoder
		b := ledger.BatchBooks{Batch: ledger.ReceiptBatch{
			BatchKey: ledger.BatchKey{Sender: d.address(found.Sender), AccountNonce: uint64(found.AccountNonce)},
			State:    ledger.BatchState(found.State), ReceiptCount: found.ReceiptCount, LogTx: d.hash(found.LogTx),
		}}
		for _, p := range found.Payouts {
			id := ledger.PayoutID{Worker: d.address(p.Worker), Seq: p.Seq}
			b.Payouts = append(b.Payouts, ledger.PayoutReceipt{ID: id, LogTx: d.hash(p.LogTx)})
		}
		add(b)
		return d.err
	})
}

const lostReceiptsQuery = `SELECT p.Worker, p.Seq, p.ReceiptSender, p.ReceiptNonce
FROM WorkerPayouts@{FORCE_INDEX=PayoutsByReceiptBatch, ` + skipNullCheck + `} AS p
LEFT JOIN ReceiptBatches AS b ON b.Sender = p.ReceiptSender AND b.AccountNonce = p.ReceiptNonce
WHERE p.ReceiptSender IS NOT NULL AND p.ReceiptNonce IS NOT NULL AND b.Sender IS NULL`

func lostReceipts(ctx context.Context, tx *spanner.ReadOnlyTransaction, r *ledger.BooksReport) error {
	return tx.Query(ctx, spanner.Statement{SQL: lostReceiptsQuery}).Do(func(row *spanner.Row) error {
		var worker, sender string
		var seq, nonce int64
		if err := row.Columns(&worker, &seq, &sender, &nonce); err != nil {
			return err
		}
		r.Add(fmt.Sprintf("%s-%d", worker, seq), "is in receipt batch %s/%d, which does not exist", sender, nonce)
		return nil
	})
}

const daysQuery = `SELECT
  IFNULL((SELECT SUM(AuthorizedMicros) FROM PayoutDays), 0) AS Counted,
  IFNULL((SELECT SUM(AmountMicros) FROM WorkerPayouts WHERE Signature IS NOT NULL), 0) AS Authorised`

func daysOfBooks(ctx context.Context, tx *spanner.ReadOnlyTransaction, r *ledger.BooksReport) error {
	var found struct{ Counted, Authorised int64 }
	if err := queryOne(ctx, tx, spanner.Statement{SQL: daysQuery}, &found); err != nil {
		return err
	}
	if found.Counted != found.Authorised {
		r.Add("daily caps", "%d counted on all days != %d, the sum of all payouts that were ever authorised", found.Counted, found.Authorised)
	}
	return nil
}

const resultLogQuery = `SELECT
  IFNULL((SELECT SUM(Results) FROM ResultLogOutbox), 0) AS Waiting,
  IFNULL((SELECT SUM(Results) FROM ResultLogParts), 0) AS InParts`

// resultLogOfBooks comes behind workersOfBooks, which counts the results.
func resultLogOfBooks(ctx context.Context, tx *spanner.ReadOnlyTransaction, r *ledger.BooksReport) error {
	var found struct{ Waiting, InParts int64 }
	if err := queryOne(ctx, tx, spanner.Statement{SQL: resultLogQuery}, &found); err != nil {
		return err
	}
	if found.Waiting+found.InParts != r.Results {
		r.Add("result log", "%d results wait for it and %d are in its parts, but %d were accepted", found.Waiting, found.InParts, r.Results)
	}
	return nil
}
