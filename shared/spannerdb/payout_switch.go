package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// payoutSwitch names the row.
const payoutSwitch = "payouts"

// PayoutsPaused reports whether the operator has paused payouts. It is a
// strong read: once SetPayoutSwitch has returned, every instance sees what it
// wrote.
func (db *DB) PayoutsPaused(ctx context.Context) (bool, error) {
	s, err := db.PayoutSwitch(ctx)
	return s.Paused, err
}

// PayoutSwitch is the operator's switch for payouts.
func (db *DB) PayoutSwitch(ctx context.Context) (ledger.PayoutSwitch, error) {
	s, err := readPayoutSwitch(ctx, db.single())
	if err != nil {
		return ledger.PayoutSwitch{}, fmt.Errorf("spannerdb: %w", err)
	}
	return s, nil
}

// SetPayoutSwitch pauses or resumes payouts, as ledger.PayoutSwitch.Set has it,
// and returns the switch as it then stands. Once it has returned without an error, no
// authorization is stored and none is released for sending under what was
// before; after an error, ask PayoutSwitch, or set it again.
func (db *DB) SetPayoutSwitch(ctx context.Context, paused bool, reason, by string, now time.Time) (ledger.PayoutSwitch, error) {
	var out ledger.PayoutSwitch
	_, err := db.readWrite(ctx, "set-payout-switch", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		stored, err := readPayoutSwitch(ctx, tx)
		if err != nil {
			return err
		}
		var changed bool
		out, changed = stored.Set(paused, reason, clip(by, 128), now.UTC())
		out.Reason = clip(out.Reason, 1024)
		if !changed {
			return nil
		}
		return tx.BufferWrite([]*spanner.Mutation{spanner.InsertOrUpdateMap("OperatorSwitches", map[string]any{
			"Name": payoutSwitch, "Paused": out.Paused, "Reason": out.Reason, "ChangedBy": out.ChangedBy, "ChangedAt": out.ChangedAt,
		})})
	})
	if err != nil {
		return ledger.PayoutSwitch{}, err
	}
	return out, nil
}

func readPayoutSwitch(ctx context.Context, tx rowReader) (ledger.PayoutSwitch, error) {
	var s ledger.PayoutSwitch
	row, err := tx.ReadRow(ctx, "OperatorSwitches", spanner.Key{payoutSwitch}, []string{"Paused", "Reason", "ChangedBy", "ChangedAt"})
	if errors.Is(err, spanner.ErrRowNotFound) {
		return s, nil
	}
	if err == nil {
		err = row.Columns(&s.Paused, &s.Reason, &s.ChangedBy, &s.ChangedAt)
	}
	if err != nil {
		return ledger.PayoutSwitch{}, fmt.Errorf("read the switch for payouts: %w", err)
	}
	s.ChangedAt = s.ChangedAt.UTC()
	return s, nil
}
