package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var findingColumns = []string{"Subject", "Kind", "Detail", "FoundAt", "CheckedAt", "AcceptedBy"}

// Findings are what the comparison of that name has open, at most limit, in
// the order of their subjects, from the first one behind after.
func (db *DB) Findings(ctx context.Context, name, after string, limit int) ([]ledger.Finding, error) {
	keys := spanner.KeyRange{Start: spanner.Key{name, after}, End: spanner.Key{name}, Kind: spanner.OpenClosed}
	rows := db.single().ReadWithOptions(ctx, "ReconcileFindings", keys, findingColumns, &spanner.ReadOptions{Limit: limit})
	found, err := collectFindings(rows)
	if err != nil {
		return nil, fmt.Errorf("spannerdb: findings of reconciliation %s: %w", name, err)
	}
	return found, nil
}

func collectFindings(rows *spanner.RowIterator) (out []ledger.Finding, err error) {
	err = rows.Do(func(row *spanner.Row) error {
		var f ledger.Finding
		var by spanner.NullString
		if err := row.Columns(&f.Subject, &f.Kind, &f.Detail, &f.FoundAt, &f.CheckedAt, &by); err != nil {
			return err
		}
		f.FoundAt, f.CheckedAt, f.AcceptedBy = f.FoundAt.UTC(), f.CheckedAt.UTC(), by.StringVal
		out = append(out, f)
		return nil
	})
	return out, err
}

// knownFindings are the stored ones of the same subjects.
func knownFindings(ctx context.Context, tx *spanner.ReadWriteTransaction, name string, found []ledger.Finding) (map[string]ledger.Finding, error) {
	known := map[string]ledger.Finding{}
	if len(found) == 0 {
		return known, nil
	}
	keys := make([]spanner.KeySet, len(found))
	for i, f := range found {
		keys[i] = spanner.Key{name, f.Subject}
	}
	stored, err := collectFindings(tx.Read(ctx, "ReconcileFindings", spanner.KeySets(keys...), findingColumns))
	if err != nil {
		return nil, fmt.Errorf("read the findings of reconciliation %s: %w", name, err)
	}
	for _, f := range stored {
		known[f.Subject] = f
	}
	return known, nil
}

func putFinding(name string, f ledger.Finding, now time.Time) *spanner.Mutation {
	return spanner.InsertOrUpdateMap("ReconcileFindings", map[string]any{
		"Name": name, "Subject": f.Subject, "Kind": f.Kind, "Detail": clip(f.Detail, 1024),
		"FoundAt": f.FoundAt.UTC(), "CheckedAt": now.UTC(), "AcceptedBy": nullString(f.AcceptedBy),
	})
}
