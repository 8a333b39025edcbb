package spannerdb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"
)

// Backups are the operator's workers, in the order of their addresses.
func (db *DB) Backups(ctx context.Context) ([]common.Address, error) {
	var all []common.Address
	err := db.single().Read(ctx, "BackupWorkers", spanner.AllKeys(), []string{"Worker"}).Do(func(row *spanner.Row) error {
		var w string
		err := row.Column(0, &w)
		all = append(all, common.HexToAddress(w))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: read the backups: %w", err)
	}
	return all, nil
}

// SetBackups makes exactly these workers the operator's backups: they are
// offered what a guarantee is at risk of, and nothing else (schedule.Worker).
// It may run twice; there are a few dozen at most.
func (db *DB) SetBackups(ctx context.Context, now time.Time, workers []common.Address) error {
	_, err := db.readWrite(ctx, "set-backups", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		var wanted set[string]
		for _, w := range workers {
			wanted.add(addressText(w))
		}
		var known []string
		err := tx.Read(ctx, "BackupWorkers", spanner.AllKeys(), []string{"Worker"}).Do(func(row *spanner.Row) error {
			var w string
			err := row.Column(0, &w)
			known = append(known, w)
			return err
		})
		if err != nil {
			return fmt.Errorf("read the backups: %w", err)
		}
		var ms []*spanner.Mutation
		for _, w := range known {
			if !wanted.has[w] {
				ms = append(ms, spanner.Delete("BackupWorkers", spanner.Key{w}))
			}
		}
		for _, w := range wanted.list {
			if !slices.Contains(known, w) {
				ms = append(ms, spanner.InsertMap("BackupWorkers", map[string]any{"Worker": w, "AddedAt": now.UTC()}))
			}
		}
		return tx.BufferWrite(ms)
	})
	return err
}
