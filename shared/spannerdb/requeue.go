package spannerdb

import (
	"context"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// RequeuePayout makes a failed payout pending again, due now, with the same
// nonce and whatever authorization it had, and one that waits due now. It does
// nothing to one that is worked on. Errors: ledger.ErrNotFound; ErrFinal when it was paid.
func (db *DB) RequeuePayout(ctx context.Context, id ledger.PayoutID, now time.Time) error {
	_, err := db.changePayout(ctx, "requeue-payout", id, now, func(p *ledger.Payout) (bool, error) {
		return p.Requeue(now)
	})
	return err
}
