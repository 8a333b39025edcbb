package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// CloseResultPart notes that the part's file is there, and forgets its
// content. The caller has seen it written, or found it, with just that
// content. Closing it again does nothing. Error: ledger.ErrNotFound.
func (db *DB) CloseResultPart(ctx context.Context, id string, now time.Time) error {
	_, err := db.readWrite(ctx, "close-result-part", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		row, err := tx.ReadRow(ctx, "ResultLogParts", spanner.Key{id}, []string{"WrittenAt"})
		if errors.Is(err, spanner.ErrRowNotFound) {
			return fmt.Errorf("part %s of the result log: %w", id, ledger.ErrNotFound)
		}
		var written spanner.NullTime
		if err == nil {
			err = row.Column(0, &written)
		}
		if err != nil {
			return fmt.Errorf("read part %s of the result log: %w", id, err)
		}
		if written.Valid {
			return nil
		}
		return tx.BufferWrite([]*spanner.Mutation{
			spanner.UpdateMap("ResultLogParts", map[string]any{"PartId": id, "WrittenAt": now.UTC()}),
			spanner.Delete("ResultLogContents", spanner.Key{id}),
		})
	})
	return err
}
