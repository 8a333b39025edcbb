package spannerdb

import (
	"context"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// FailPayout ends a payout unpaid, with the reason for the worker's eyes. Its
// credit stays in flight, for RequeuePayout. The caller knows that its nonce
// is dead for what is stored with that validBefore, or, with 0, that nothing
// was ever signed. Failing it again changes nothing.
//
// Errors: ledger.ErrNotFound; ErrFinal when it was paid; ErrMove when its
// transfer is on chain, or something else is signed by now.
func (db *DB) FailPayout(ctx context.Context, id ledger.PayoutID, validBefore int64, reason string, now time.Time) error {
	_, err := db.changePayout(ctx, "fail-payout", id, now, func(p *ledger.Payout) (bool, error) {
		return p.Fail(validBefore, reason)
	})
	return err
}
