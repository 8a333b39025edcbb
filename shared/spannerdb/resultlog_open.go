package spannerdb

import (
	"context"
	"fmt"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

const openPartsQuery = `SELECT p.PartId, p.Day, p.Results, c.Content
FROM ResultLogContents AS c JOIN ResultLogParts AS p ON p.PartId = c.PartId
WHERE c.PartId > @after ORDER BY c.PartId LIMIT @limit`

// OpenResultParts are at most limit parts of the result log that were reserved
// and not closed, in the order of their ids, from the first above after on ("":
// all). Another instance may be writing them at this moment.
func (db *DB) OpenResultParts(ctx context.Context, after string, limit int) ([]resultlog.Part, error) {
	var parts []resultlog.Part
	err := db.single().Query(ctx, spanner.Statement{
		SQL: openPartsQuery, Params: map[string]any{"after": after, "limit": int64(limit)},
	}).Do(func(row *spanner.Row) error {
		var id, day string
		var results int64
		var content []byte
		if err := row.Columns(&id, &day, &results, &content); err != nil {
			return err
		}
		p := resultlog.NewPart(day, results, content)
		if p.ID != id {
			return fmt.Errorf("the stored content of part %s has the SHA-256 %s: %w", id, p.ID, ledger.ErrConflict)
		}
		parts = append(parts, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: open parts of the result log: %w", err)
	}
	return parts, nil
}
