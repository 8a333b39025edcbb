// Package workerstatus is the function behind GET /v1/worker/status: what the
// network knows of a worker, so that it need not ask why it was not paid.
//
// Everything it shows follows from the worker's address and is public, as
// addresses are. It never shows a signed authorization, which is a cheque, nor
// who works on a payout.
package workerstatus

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Store keeps the books.
type Store interface {
	// WorkerStatus reads one moment of a worker's books. A worker that never
	// earned anything has those of a beginner.
	WorkerStatus(ctx context.Context, worker common.Address, page spannerdb.StatusPage) (spannerdb.WorkerStatus, error)
	// LinkedWorker is whom a Solana wallet is linked to.
	LinkedWorker(ctx context.Context, solana string) (worker common.Address, ok bool, err error)
}

// Deps are what the function works with.
type Deps struct {
	Store     Store
	Now       func() time.Time
	ChainID   int64         // on which payouts are opened
	Threshold ledger.Micros // at which they are
	Log       *slog.Logger
}

// defaultEntries is how many payouts and results are shown to those who do not
// say.
const defaultEntries = 20

// New is the function. Its query and its answer are those of api.WorkerStatus.
// It answers 400 for a bad address or number, 404 for a Solana wallet that is
// linked to no worker, and 405 for any method but GET.
func New(d Deps) http.Handler {
	return web.Endpoint{Name: "WorkerStatus", Method: http.MethodGet, Log: d.Log, Serve: d.show}
}

func (d Deps) show(r *http.Request) (any, error) {
	query := r.URL.Query()
	worker, err := d.worker(r.Context(), query.Get("address"))
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	page, err := parsePage(query)
	if err != nil {
		return nil, err
	}
	status, err := d.Store.WorkerStatus(r.Context(), worker, page)
	if err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	return d.answer(worker, status, page), nil
}

// worker reads an address: a worker's, or that of a Solana wallet, which
// stands for the worker that it is linked to.
func (d Deps) worker(ctx context.Context, address string) (common.Address, error) {
	if _, err := api.ParseSolanaAddress(address); err != nil {
		return api.ParseAddress(address)
	}
	worker, ok, err := d.Store.LinkedWorker(ctx, address)
	if err == nil && !ok {
		err = fmt.Errorf("%w: this Solana wallet is linked to no worker; its owner links it with: worker-cli wallet link", web.ErrUnknown)
	}
	return worker, err
}

// parsePage reads how much is wanted. Older payouts come without what the
// first answer has said already.
func parsePage(query url.Values) (spannerdb.StatusPage, error) {
	payouts, err := parseNumber(query, "payouts", defaultEntries, 0, api.MaxStatusEntries)
	if err != nil {
		return spannerdb.StatusPage{}, err
	}
	results, err := parseNumber(query, "results", defaultEntries, 0, api.MaxStatusEntries)
	if err != nil {
		return spannerdb.StatusPage{}, err
	}
	before, err := parseNumber(query, "before", 0, 1, 1<<53-1)
	if err != nil {
		return spannerdb.StatusPage{}, err
	}
	if before > 0 {
		return spannerdb.StatusPage{Payouts: int(payouts), Before: before}, nil
	}
	return spannerdb.StatusPage{Waiting: api.MaxStatusEntries, Payouts: int(payouts), Results: int(results)}, nil
}

// parseNumber reads a whole number, in its plain form; missing stands for one
// that is not there.
func parseNumber(query url.Values, name string, missing, lowest, highest int64) (int64, error) {
	text := query.Get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < lowest || n > highest || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("%w: %s must be a number from %d to %d", web.ErrInput, name, lowest, highest)
	}
	return n, nil
}
