// Package sweep is the function that Cloud Scheduler calls every minute: what
// got stuck goes on. It finds payouts whose work is due, whoever failed to
// publish or to finish them, and publishes a hint for each, and one for the
// receipts. Then it exports accepted results to the result log. It holds no
// key and changes no books, so any number of sweeps at once are as good as one.
package sweep

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// Store knows what is due.
type Store interface {
	// DuePayouts are at most limit of them, longest waiting first.
	DuePayouts(ctx context.Context, now time.Time, limit int) ([]ledger.PayoutID, error)
	ReceiptsDue(ctx context.Context, now time.Time) (count int64, oldest time.Time, err error)
}

// Publisher brings hints to ProcessPayout. An error may leave some of them
// published.
type Publisher interface {
	Publish(ctx context.Context, hints ...hint.Hint) error
}

// Exporter brings accepted results to the result log: ResultLog.
type Exporter interface {
	Export(ctx context.Context) (Exported, error)
}

// Deps are what the function works with.
type Deps struct {
	Store     Store
	Publisher Publisher
	Exporter  Exporter
	Now       func() time.Time
	Limit     int // payouts in one sweep; the next one goes on with the rest
	Log       *slog.Logger
}

// Summary is the answer, as JSON.
type Summary struct {
	Payouts  int   `json:"payouts"`        // hints published for payouts
	More     bool  `json:"more,omitempty"` // the limit was reached
	Receipts int64 `json:"receipts"`       // confirmed payouts that wait for a receipt
	// OldestReceiptSeconds is how long the first of them has waited.
	OldestReceiptSeconds int64 `json:"oldestReceiptSeconds,omitempty"`

	ResultLog Exported `json:"resultLog"`
}

// maxBody: Cloud Scheduler sends no body that matters.
const maxBody = 64 << 10

// New is the function. It answers a POST with 200 and a Summary, or with an
// error when it could not publish or export all; the next sweep then finds the
// rest.
func New(d Deps) http.Handler {
	return web.Endpoint{Name: "Sweep", Method: http.MethodPost, MaxBody: maxBody, Log: d.Log, Serve: func(r *http.Request) (any, error) {
		sum, err := d.sweep(r.Context())
		if err != nil {
			return nil, err
		}
		d.Log.InfoContext(r.Context(), "swept", slog.Any("summary", sum))
		return sum, nil
	}}
}

// sweep does all its parts, even when one of them fails. The hint at receipts is
// published each time: log transactions that are on their way have to be
// looked at, too, when no new receipt is due.
func (d Deps) sweep(ctx context.Context) (Summary, error) {
	now := d.Now()
	sum := Summary{}
	due, dueErr := d.Store.DuePayouts(ctx, now, d.Limit)
	hints := make([]hint.Hint, 0, len(due)+1)
	for _, id := range due {
		hints = append(hints, hint.Payout(id))
	}
	hints = append(hints, hint.Receipts())
	publishErr := d.Publisher.Publish(ctx, hints...)
	sum.Payouts, sum.More = len(due), len(due) == d.Limit

	count, oldest, receiptsErr := d.Store.ReceiptsDue(ctx, now)
	sum.Receipts = count
	if count > 0 {
		sum.OldestReceiptSeconds = int64(now.Sub(oldest).Seconds())
	}
	if receiptsErr == nil {
		telemetry.ReceiptsWait.Set(ctx, count)
		telemetry.ReceiptOldest.Set(ctx, sum.OldestReceiptSeconds)
	}
	var exportErr error
	sum.ResultLog, exportErr = d.Exporter.Export(ctx)
	return sum, errors.Join(dueErr, publishErr, receiptsErr, exportErr)
}
