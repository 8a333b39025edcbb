package submitresults

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// publishTimeout bounds how long an answer may wait for its hints.
const publishTimeout = 5 * time.Second

// publish sends a hint for each payout that was opened. The payouts are
// committed, so a hint that is lost, which the log says, costs time only:
// Sweep finds them. A caller that has gone away does not stop it.
func (d Deps) publish(ctx context.Context, opened []ledger.PayoutID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, id := range opened {
		all.Go(func() {
			if err := d.Publisher.PublishPayout(ctx, id); err != nil {
				d.Log.WarnContext(ctx, "payout not published; the sweep will find it", slog.String("payout", id.String()), slog.Any("error", err))
			}
		})
	}
	all.Wait()
}
