// Package refreshreputation is the function that Cloud Scheduler calls once a
// day: spend logs -> tiers. It reads what is new or was changed among the logs
// of LLM calls, puts each log's totals in the place of what was counted of it
// before, and sets right the totals and tiers of the wallets in it.
//
// A run is three steps, each of which goes on where an earlier run stopped:
// stage (read all that is new, which changes no total), count (one small
// commit a log makes the new edition the one that counts), apply (days' and
// lifetime totals of the wallets concerned are summed up again).
package refreshreputation

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Staging keeps what was read. Writes fail with ledger.ErrLeaseLost for who
// does not hold the lease.
type Staging interface {
	SpendLogs(ctx context.Context) ([]reputation.SpendLog, error)
	StageSpend(ctx context.Context, f spannerdb.Fence, l reputation.SpendLog, piece []reputation.WalletTotal, now time.Time) error
}

// Totals are what follows from the logs that count.
type Totals interface {
	CountSpend(ctx context.Context, f spannerdb.Fence, l reputation.SpendLog, now time.Time) error
	ApplySpend(ctx context.Context, f spannerdb.Fence, l reputation.SpendLog, after string, now time.Time) (last string, err error)
	SettleSpend(ctx context.Context, f spannerdb.Fence, l reputation.SpendLog, now time.Time) error
}

// Object is one generation of an object.
type Object struct {
	Name       string
	Generation int64
}

// ErrGone means that this generation of an object is no longer there.
var ErrGone = errors.New("the object was replaced or deleted")

// Logs are the objects of a bucket. Open unpacks gzip; offset counts unpacked
// bytes. Error of Open: ErrGone.
type Logs interface {
	List(ctx context.Context, prefix string) ([]Object, error)
	Open(ctx context.Context, o Object, offset int64) (io.ReadCloser, error)
}

// Deps are what the function works with.
type Deps struct {
	Leases  lease.Store // one instance at a time refreshes
	Staging Staging
	Totals  Totals
	Logs    Logs
	Adapter reputation.Adapter // the log's field names
	Now     func() time.Time
	NewID   func() string // names the holder of the lease, a new one at every call
	Log     *slog.Logger
	// LeaseTTL is how long a run may take: at least the function's timeout.
	LeaseTTL time.Duration
	// Budget is how long a run goes on before it leaves the rest to the next.
	// It looks after each piece of a log, so it must be well below the
	// function's timeout.
	Budget   time.Duration
	Parallel int              // logs that are read at once
	Piece    reputation.Limit // of what is read before it is stored
}

// leaseName is the row of the leases table.
const leaseName = "refresh-reputation"

// Summary is the answer, as JSON. Lines are those that this run read.
type Summary struct {
	AlreadyRunning bool  `json:"alreadyRunning,omitempty"` // nothing was done: another instance is at it
	Logs           int   `json:"logs"`                     // in the bucket
	Read           int   `json:"read"`                     // new, or changed since they were counted
	Lines          int64 `json:"lines"`
	Broken         int64 `json:"broken"`                // lines counted but left out
	FailedCalls    int64 `json:"failedCalls,omitempty"` // lines left out as configured
	Rounded        int64 `json:"rounded"`               // costs with digits beyond 1e-9 USD
	Counted        int   `json:"counted"`               // logs whose totals were put in place
	Missing        int   `json:"missing,omitempty"`     // logs no longer in the bucket; what was counted of them stays
	Dropped        int   `json:"dropped,omitempty"`     // logs whose day was written anew without them
	Twice          int   `json:"twice,omitempty"`       // logs there plain and gzipped; the plain one counts
	Changed        int   `json:"changed,omitempty"`     // logs replaced while being read: the next run's
	Unreadable     int   `json:"unreadable,omitempty"`  // logs that could not be read; what was counted of them stays
	Unfinished     bool  `json:"unfinished,omitempty"`  // the time was up: the next run goes on
}

type handler struct{ Deps }

// New is the function. It answers a POST with 200 and a Summary. After an
// error the next run goes on with what was stored.
func New(d Deps) http.Handler {
	h := handler{d}
	return web.Endpoint{Name: "RefreshReputation", Method: http.MethodPost, MaxBody: maxBody, Log: d.Log, Serve: func(r *http.Request) (any, error) {
		sum, err := h.exclusively(r.Context())
		if err != nil {
			h.Log.ErrorContext(r.Context(), "reputation not refreshed", slog.Any("summary", sum), slog.Any("error", err))
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
	release, err := lease.Hold(ctx, h.Leases, leaseName, owner, h.Now(), h.LeaseTTL, h.Log)
	if errors.Is(err, ledger.ErrLeased) {
		return Summary{AlreadyRunning: true}, nil
	}
	if err != nil {
		return Summary{}, err
	}
	defer release()
	r := run{handler: h, fence: spannerdb.Fence{Lease: leaseName, Owner: owner}, until: h.Now().Add(h.Budget)}
	err = r.refresh(ctx)
	return r.sum, err
}
