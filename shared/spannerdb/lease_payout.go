package spannerdb

import (
	"context"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// LeasePayout gives the payout to owner until now + ttl, and returns it as it
// stands, with the authorization that is stored. Owner names one attempt of
// one instance; the same owner may take it again. The lease keeps two
// instances from talking to the facilitator at once; nothing depends on it.
//
// Errors, with what the message's sender is owed: ledger.ErrNotFound and
// ErrFinal, acknowledge; ErrLeased, do not (409).
func (db *DB) LeasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (ledger.Payout, error) {
	return db.changePayout(ctx, "lease-payout", id, now, func(p *ledger.Payout) (bool, error) {
		return true, p.Lease(owner, now, ttl)
	})
}
