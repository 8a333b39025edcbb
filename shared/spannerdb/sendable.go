package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// lookFurther is how many times the limit of payouts is looked at for enough
// that may be sent.
const lookFurther = 3

// SendablePayouts are payouts that may be sent along with another one, as q
// says, with their signed authorizations. They are read without locks, and
// nothing is noted of them: sending an authorization twice pays once.
func (db *DB) SendablePayouts(ctx context.Context, q ledger.Sendable, now time.Time) ([]ledger.Payout, error) {
	ids, err := db.DuePayouts(ctx, now, q.Limit*lookFurther)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	keys := make([]spanner.Key, len(ids))
	for i, id := range ids {
		keys[i] = payoutKey(id)
	}
	var out []ledger.Payout
	err = db.single().Read(ctx, "WorkerPayouts", spanner.KeySetFromKeys(keys...), payoutColumns).Do(func(row *spanner.Row) error {
		p, err := decodePayout(row)
		if err == nil && len(out) < q.Limit && q.Takes(p, now) {
			out = append(out, p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: payouts to send: %w", err)
	}
	return out, nil
}
