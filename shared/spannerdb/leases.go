package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// TakeLease makes owner the only one to do what name stands for, until now +
// ttl. The owner of a running lease may take it again. Error:
// ledger.ErrLeased while it is another's; for a scheduled job that is success.
func (db *DB) TakeLease(ctx context.Context, name, owner string, now time.Time, ttl time.Duration) error {
	return db.changeLease(ctx, "take-lease", name, func(holder string, until time.Time) (*spanner.Mutation, error) {
		if holder != "" && holder != owner && now.Before(until) {
			return nil, fmt.Errorf("lease %s is held until %s: %w", name, until.UTC().Format(time.RFC3339), ledger.ErrLeased)
		}
		return putLease(name, owner, now.Add(ttl)), nil
	})
}

// ReleaseLease ends owner's lease, and does nothing when it is another's or
// gone.
func (db *DB) ReleaseLease(ctx context.Context, name, owner string) error {
	return db.changeLease(ctx, "release-lease", name, func(holder string, _ time.Time) (*spanner.Mutation, error) {
		if holder != owner {
			return nil, nil
		}
		return spanner.Delete("Leases", spanner.Key{name}), nil
	})
}

func (db *DB) changeLease(ctx context.Context, tag, name string, change func(holder string, until time.Time) (*spanner.Mutation, error)) error {
	_, err := db.readWrite(ctx, tag, func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		var holder string
		var until time.Time
		row, err := tx.ReadRow(ctx, "Leases", spanner.Key{name}, []string{"Owner", "Until"})
		if err == nil {
			err = row.Columns(&holder, &until)
		}
		if err != nil && !errors.Is(err, spanner.ErrRowNotFound) {
			return fmt.Errorf("read lease %s: %w", name, err)
		}
		m, err := change(holder, until)
		if err != nil || m == nil {
			return err
		}
		return tx.BufferWrite([]*spanner.Mutation{m})
	})
	return err
}

func putLease(name, owner string, until time.Time) *spanner.Mutation {
	return spanner.InsertOrUpdateMap("Leases", map[string]any{"Name": name, "Owner": owner, "Until": until.UTC()})
}
