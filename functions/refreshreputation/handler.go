// Package refreshreputation is the function that Cloud Scheduler calls once a
// day: spend logs -> tiers. It adds up every day's log of LLM calls and stores
// each wallet's lifetime total, from which the tier follows. Reading all logs
// again each time makes a second run, or a run after a day's file grew, come
// out right by itself.
package refreshreputation

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// Store keeps the standings, and the lease under which one instance at a time
// refreshes them. TakeLease fails with ledger.ErrLeased while another owner
// holds it.
type Store interface {
	TakeLease(ctx context.Context, name, owner string, now time.Time, ttl time.Duration) error
	ReleaseLease(ctx context.Context, name, owner string) error
	UpsertStandings(ctx context.Context, standings []reputation.Standing, now time.Time) error
}

// Logs are the objects of a bucket.
type Logs interface {
	List(ctx context.Context, prefix string) (names []string, err error)
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// Deps are what the function works with.
type Deps struct {
	Store   Store
	Logs    Logs
	Adapter reputation.Adapter // the log's field names
	Now     func() time.Time
	NewID   func() string // names the holder of the lease, a new one at every call
	Log     *slog.Logger
	// LeaseTTL is how long a run may take: at least the function's timeout.
	LeaseTTL time.Duration
}

// leaseName is the row of the leases table.
const leaseName = "refresh-reputation"

// Summary is the answer, as JSON.
type Summary struct {
	AlreadyRunning bool  `json:"alreadyRunning,omitempty"` // nothing was done: another instance is at it
	Files          int   `json:"files"`
	Lines          int64 `json:"lines"`
	Broken         int64 `json:"broken"`  // lines counted but left out
	Rounded        int64 `json:"rounded"` // costs with digits beyond 1e-9 USD
	Wallets        int   `json:"wallets"` // standings stored
}

type handler struct{ Deps }

// New is the function. It answers a POST with 200 and a Summary. On an error
// no tier was changed by this run, or the same ones will be stored again by
// the next.
func New(d Deps) http.Handler {
	h := handler{d}
	return web.Endpoint{Method: http.MethodPost, MaxBody: maxBody, Log: d.Log, Serve: func(r *http.Request) (any, error) {
		sum, err := h.exclusively(r.Context())
		if err != nil {
			return nil, err
		}
		h.Log.InfoContext(r.Context(), "reputation refreshed", slog.Any("summary", sum))
		return sum, nil
	}}
}

// maxBody: Cloud Scheduler sends no body that matters.
const maxBody = 64 << 10

// exclusively refreshes under the lease; "already running" is success.
func (h handler) exclusively(ctx context.Context) (Summary, error) {
	owner := h.NewID()
	err := h.Store.TakeLease(ctx, leaseName, owner, h.Now(), h.LeaseTTL)
	if errors.Is(err, ledger.ErrLeased) {
		return Summary{AlreadyRunning: true}, nil
	}
	if err != nil {
		return Summary{}, err
	}
	defer func() {
		// A lease that cannot be given back ends by itself.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := h.Store.ReleaseLease(ctx, leaseName, owner); err != nil {
			h.Log.WarnContext(ctx, "lease not given back", slog.String("lease", leaseName), slog.Any("error", err))
		}
	}()
	return h.refresh(ctx)
}
