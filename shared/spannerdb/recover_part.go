package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// RecoverPart notes that a file of the result log is there which this database
// has forgotten, when all results in it are in the books. Those of them that
// still wait to be exported, by their ids, do not any more. Doing it again
// changes nothing.
func (db *DB) RecoverPart(ctx context.Context, part resultlog.PartName, ids []string, now time.Time) error {
	keys := make([]spanner.KeySet, len(ids))
	for i, id := range ids {
		keys[i] = spanner.Key{id}
	}
	_, err := db.readWrite(ctx, "recover-part", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		parts, err := readParts(ctx, tx, part)
		there := parts[part.ID]
		if err != nil || there.WrittenAt.Valid {
			return err
		}
		var writes []*spanner.Mutation
		results := there.Results
		err = tx.Read(ctx, "ResultLogOutbox", spanner.KeySets(keys...), []string{"EntryId", "Results"}).Do(func(row *spanner.Row) error {
			var id string
			var n int64
			err := row.Columns(&id, &n)
			results += n
			writes = append(writes, spanner.Delete("ResultLogOutbox", spanner.Key{id}))
			return err
		})
		if err != nil {
			return fmt.Errorf("read which results of %s still wait: %w", part.ID, err)
		}
		return tx.BufferWrite(append(writes, putPart(part, results, there.CreatedAt, nullTime(now), now)))
	})
	return err
}

// partRow is what is known of a file of the result log.
type partRow struct {
	Results   int64
	CreatedAt spanner.NullTime // invalid: nothing
	WrittenAt spanner.NullTime
}

// readParts are those that are there, by their ids.
func readParts(ctx context.Context, tx keyReader, parts ...resultlog.PartName) (map[string]partRow, error) {
	keys := make([]spanner.KeySet, len(parts))
	for i, p := range parts {
		keys[i] = spanner.Key{p.ID}
	}
	out := map[string]partRow{}
	err := tx.Read(ctx, "ResultLogParts", spanner.KeySets(keys...), []string{"PartId", "Results", "CreatedAt", "WrittenAt"}).Do(func(row *spanner.Row) error {
		var id string
		var r partRow
		err := row.Columns(&id, &r.Results, &r.CreatedAt, &r.WrittenAt)
		out[id] = r
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %d parts of the result log: %w", len(parts), err)
	}
	return out, nil
}

// putPart writes a recovered file's row. It counts the results that are in the
// books because of it; until all are, nobody has seen it written.
func putPart(part resultlog.PartName, results int64, created, written spanner.NullTime, now time.Time) *spanner.Mutation {
	if !created.Valid {
		created = nullTime(now)
	}
	return spanner.InsertOrUpdateMap("ResultLogParts", map[string]any{
		"PartId": part.ID, "Day": part.Day, "Results": results, "Bytes": part.Bytes, "CreatedAt": created, "WrittenAt": written, "RecoveredAt": now.UTC(),
	})
}
