package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// reconciledRow is Reconciliations as it is read.
type reconciledRow struct {
	NextBlock       int64
	ConfirmedAt     spanner.NullTime
	ConfirmedWorker spanner.NullString
	ConfirmedSeq    spanner.NullInt64
	BooksAt         spanner.NullTime
}

var reconciledColumns = []string{"NextBlock", "ConfirmedAt", "ConfirmedWorker", "ConfirmedSeq", "BooksAt"}

// rowReader is what both kinds of transactions can do.
type rowReader interface {
	ReadRow(ctx context.Context, table string, key spanner.Key, columns []string) (*spanner.Row, error)
}

func readReconciled(ctx context.Context, tx rowReader, name string) (ledger.Reconciled, error) {
	row, err := tx.ReadRow(ctx, "Reconciliations", spanner.Key{name}, reconciledColumns)
	if errors.Is(err, spanner.ErrRowNotFound) {
		return ledger.Reconciled{}, nil
	}
	var found reconciledRow
	if err == nil {
		err = row.ToStruct(&found)
	}
	if err != nil {
		return ledger.Reconciled{}, fmt.Errorf("read reconciliation %s: %w", name, err)
	}
	out := ledger.Reconciled{NextBlock: uint64(found.NextBlock), BooksAt: timeOf(found.BooksAt)}
	if found.ConfirmedAt.Valid {
		worker, err := parseAddress(found.ConfirmedWorker.StringVal)
		if err != nil {
			return ledger.Reconciled{}, err
		}
		out.Confirmed = ledger.ConfirmedMark{At: timeOf(found.ConfirmedAt), ID: ledger.PayoutID{Worker: worker, Seq: found.ConfirmedSeq.Int64}}
	}
	return out, nil
}

// Reconciled is how far the comparison of that name has come; the zero value
// when there is none.
func (db *DB) Reconciled(ctx context.Context, name string) (ledger.Reconciled, error) {
	r, err := readReconciled(ctx, db.single(), name)
	if err != nil {
		return ledger.Reconciled{}, fmt.Errorf("spannerdb: %w", err)
	}
	return r, nil
}

// SaveReconciled notes that the comparison has come from before to after, and
// with it what was found and what is settled. Findings that are known keep
// when they were found and, if their kind has not changed, who accepted them.
//
// Error: ledger.ErrMove when the comparison is not at before: another instance
// has moved on. Saving the same again changes nothing.
func (db *DB) SaveReconciled(ctx context.Context, name string, before, after ledger.Reconciled, found []ledger.Finding, settled []string, now time.Time) error {
	_, err := db.readWrite(ctx, "save-reconciled", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		at, err := readReconciled(ctx, tx, name)
		if err != nil {
			return err
		}
		if !at.Equal(before) && !at.Equal(after) {
			return fmt.Errorf("reconciliation %s is at %+v, not at %+v: %w", name, at, before, ledger.ErrMove)
		}
		known, err := knownFindings(ctx, tx, name, found)
		if err != nil {
			return err
		}
		writes := []*spanner.Mutation{putReconciled(name, after, now)}
		for _, f := range found {
			if k, ok := known[f.Subject]; ok && k.Kind == f.Kind {
				f.FoundAt, f.AcceptedBy = k.FoundAt, k.AcceptedBy
			}
			writes = append(writes, putFinding(name, f, now))
		}
		for _, subject := range settled {
			writes = append(writes, spanner.Delete("ReconcileFindings", spanner.Key{name, subject}))
		}
		return tx.BufferWrite(writes)
	})
	return err
}

func putReconciled(name string, r ledger.Reconciled, now time.Time) *spanner.Mutation {
	m := map[string]any{
		"Name": name, "NextBlock": int64(r.NextBlock), "BooksAt": nullTime(r.BooksAt), "UpdatedAt": now.UTC(),
		"ConfirmedAt": nullTime(r.Confirmed.At), "ConfirmedWorker": spanner.NullString{}, "ConfirmedSeq": nullInt(r.Confirmed.ID.Seq),
	}
	if !r.Confirmed.At.IsZero() {
		m["ConfirmedWorker"] = addressText(r.Confirmed.ID.Worker)
	}
	return spanner.InsertOrUpdateMap("Reconciliations", m)
}
