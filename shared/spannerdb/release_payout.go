package spannerdb

import (
	"context"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ReleasePayout ends owner's lease, so that the next hint need not wait for
// its end. When the payout's work falls due stays as RecordOutcome set it. It
// does nothing when the lease is another's or gone. Error: ledger.ErrNotFound.
func (db *DB) ReleasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time) error {
	_, err := db.changePayout(ctx, "release-payout", id, now, func(p *ledger.Payout) (bool, error) {
		return p.Release(owner), nil
	})
	return err
}
