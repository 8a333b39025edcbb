package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/spanner"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"

	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// maxReserve is how many entries of the outbox one transaction moves: each
// counts as one of the 80,000 mutations that a commit may hold.
const maxReserve = 5_000

// ReserveResultParts moves entries of the outbox into parts of the result log,
// one for each UTC day, and returns them, to be written and then closed. It
// stops with the entry that brings their content to maxBytes or more. None
// means that the outbox is empty, or that somebody else has just emptied it.
//
// The content is stored with the part: whoever has to write it again, after a
// crash or a lost answer, finds it among OpenResultParts, byte for byte.
func (db *DB) ReserveResultParts(ctx context.Context, now time.Time, maxBytes int) ([]resultlog.Part, error) {
	// Entries never change, so they are read without locks; the transaction
	// looks only at which are still there. Submissions go on undisturbed.
	entries, err := db.outbox(ctx, maxBytes)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	parts, err := db.reserveEntries(ctx, now, entries)
	if spanner.ErrCode(err) == codes.AlreadyExists {
		// Only a commit that was sent twice can insert a part that is there. The
		// parts are open then, and these entries gone.
		parts, err = db.reserveEntries(ctx, now, entries)
	}
	return parts, err
}

// outbox is the beginning of the outbox, until it has maxBytes.
func (db *DB) outbox(ctx context.Context, maxBytes int) ([]resultlog.Entry, error) {
	rows := db.single().ReadWithOptions(ctx, "ResultLogOutbox", spanner.AllKeys(),
		[]string{"EntryId", "AcceptedAt", "Results", "Lines"}, &spanner.ReadOptions{Limit: maxReserve})
	defer rows.Stop()
	var entries []resultlog.Entry
	for size := 0; size < maxBytes; {
		row, err := rows.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		var e resultlog.Entry
		if err == nil {
			err = row.Columns(&e.ID, &e.AcceptedAt, &e.Results, &e.Lines)
		}
		if err != nil {
			return nil, fmt.Errorf("spannerdb: read the outbox of the result log: %w", err)
		}
		entries = append(entries, e)
		size += len(e.Lines)
	}
	return entries, nil
}

func (db *DB) reserveEntries(ctx context.Context, now time.Time, entries []resultlog.Entry) (parts []resultlog.Part, err error) {
	keys := make([]spanner.KeySet, len(entries))
	for i, e := range entries {
		keys[i] = spanner.Key{e.ID}
	}
	_, err = db.readWrite(ctx, "reserve-result-parts", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		parts = nil
		there := map[string]bool{}
		err := tx.Read(ctx, "ResultLogOutbox", spanner.KeySets(keys...), []string{"EntryId"}).Do(func(row *spanner.Row) error {
			var id string
			err := row.Column(0, &id)
			there[id] = true
			return err
		})
		if err != nil {
			return fmt.Errorf("read which of %d entries of the result log's outbox are still there: %w", len(entries), err)
		}
		left := slices.DeleteFunc(slices.Clone(entries), func(e resultlog.Entry) bool { return !there[e.ID] })
		parts = resultlog.Parts(left)
		var writes []*spanner.Mutation
		for _, p := range parts {
			writes = append(writes, insertPart(p, now)...)
		}
		for _, e := range left {
			writes = append(writes, spanner.Delete("ResultLogOutbox", spanner.Key{e.ID}))
		}
		return tx.BufferWrite(writes)
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

func insertPart(p resultlog.Part, now time.Time) []*spanner.Mutation {
	return []*spanner.Mutation{
		spanner.InsertMap("ResultLogParts", map[string]any{
			"PartId": p.ID, "Day": p.Day, "Results": p.Results, "Bytes": int64(len(p.Content)), "CreatedAt": now.UTC(),
		}),
		spanner.InsertMap("ResultLogContents", map[string]any{"PartId": p.ID, "Content": p.Content}),
	}
}

// insertEntry puts what a submission was credited for into the outbox.
func insertEntry(e resultlog.Entry) *spanner.Mutation {
	return spanner.InsertMap("ResultLogOutbox", map[string]any{
		"EntryId": e.ID, "AcceptedAt": e.AcceptedAt.UTC(), "Results": e.Results, "Lines": e.Lines,
	})
}
