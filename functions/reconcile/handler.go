// Package reconcile is the function that Cloud Scheduler calls every few
// minutes to compare the books with the chain, both ways: every transfer from
// the treasury and every receipt with its payout, and every confirmed payout
// with its transfer and its receipt; and the books with themselves. It holds
// no key and moves nothing.
//
// It goes on where it stopped. What does not agree becomes a finding, which is
// compared anew in each run until it agrees, so that the alarm lasts as long
// as the trouble. Only blocks that are safe are judged, and payouts that are
// under way are given time.
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
	"github.com/BlockRunAI/worker-network/functions/internal/purse"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Store keeps how far the comparison is, and what it found. SaveReconciled
// fails with ledger.ErrMove when another instance has moved on.
type Store interface {
	Reconciled(ctx context.Context, name string) (ledger.Reconciled, error)
	SaveReconciled(ctx context.Context, name string, before, after ledger.Reconciled, found []ledger.Finding, settled []string, now time.Time) error
	Findings(ctx context.Context, name, after string, limit int) ([]ledger.Finding, error)
}

// Payouts are the books' payouts.
type Payouts interface {
	PayoutsByNonce(ctx context.Context, nonces []common.Hash) ([]ledger.Payout, error)
	PayoutsByID(ctx context.Context, ids []ledger.PayoutID) ([]ledger.Payout, error)
	ConfirmedPayouts(ctx context.Context, after ledger.ConfirmedMark, until time.Time, limit int) ([]ledger.Payout, error)
}

// Books checks the books by themselves: all of them at once, which reads every
// row, or the next slice of them.
type Books interface {
	Books(ctx context.Context) (ledger.BooksReport, error)
	BooksOfWorkers(ctx context.Context, from ledger.BooksMark, rows int) (ledger.BooksSlice, error)
	BooksOfReceipts(ctx context.Context, from ledger.BooksMark, rows int) (ledger.BooksSlice, error)
}

// Chain is read in ranges of blocks.
type Chain interface {
	Heads(ctx context.Context) (chain.Heads, error)
	TransfersFrom(ctx context.Context, token, treasury common.Address, from, to uint64, yield func(chain.Transfer) error) error
	CheckTransfers(ctx context.Context, token, treasury common.Address, from, to uint64, sent ledger.Micros) error
	LogTransactionsOf(ctx context.Context, sender, logAddress common.Address, from, to uint64, yield func(chain.LogTransaction) error) error
}

// Transactions are looked up one by one.
type Transactions interface {
	TransfersIn(ctx context.Context, token, treasury common.Address, tx common.Hash) ([]chain.Transfer, error)
	LogTransaction(ctx context.Context, logAddress common.Address, tx common.Hash) (*chain.LogTransaction, error)
}

// Accounts says what the operator's accounts hold: purse.Deps.
type Accounts interface {
	Look(ctx context.Context, now time.Time) ([]purse.Account, error)
}

// Scope says whose payouts are compared.
type Scope struct {
	ChainID    int64
	Token      common.Address
	Treasury   common.Address
	LogAddress common.Address
	Senders    []common.Address // who may write receipts
	FromBlock  uint64           // the treasury was empty before
}

// Pace bounds a run, and says how long what is under way may take.
type Pace struct {
	Budget     time.Duration // after it nothing new is begun; the next run goes on
	Step       uint64        // blocks compared at once
	Page       int           // payouts compared at once
	LagBlocks  uint64        // blocks before the safe one that are left for later runs
	Lag        time.Duration // and payouts confirmed so recently; longer than the clocks of instances differ
	LateAfter  time.Duration // how long a payout may be under way before that is a disagreement
	BooksEvery time.Duration // between the beginnings of two walks through the books
	BooksRows  int           // of the books that a run reads, or a few more
	BooksTime  time.Duration // at most, of reading them
}

// Deps are what the function works with.
type Deps struct {
	Store        Store
	Payouts      Payouts
	Books        Books
	Leases       lease.Store // one instance at a time compares, which saves work and no more
	Chain        Chain
	Transactions Transactions
	Accounts     Accounts // whose balances are logged; nil: none
	LowDays      int64    // an account that lasts for less is low
	Scope        Scope
	Pace         Pace
	Now          func() time.Time
	NewID        func() string // names the holder of the lease
	Log          *slog.Logger
}

// maxBody: Cloud Scheduler sends no body that matters.
const maxBody = 64 << 10

// New is the function. It answers a POST with 200 and a Report, whatever that
// says, for disagreements are no reason to call it again; or with
// AlreadyRunning. An error means that it could not compare all; what it did
// compare is kept. With ?books=all it checks all books by themselves at once,
// for an operator who wants to know now.
func New(d Deps) http.Handler {
	return web.Endpoint{Name: "Reconcile", Method: http.MethodPost, MaxBody: maxBody, Log: d.Log, Serve: func(r *http.Request) (any, error) {
		return d.exclusively(r.Context(), r.URL.Query().Get("books") == "all")
	}}
}

// leaseMargin is how much longer the lease lasts than a run, at the most.
const leaseMargin = 2 * time.Minute

// exclusively compares under the lease; "already running" is success.
func (d Deps) exclusively(ctx context.Context, allBooks bool) (any, error) {
	report, busy, err := d.Once(ctx, allBooks)
	if busy {
		return AlreadyRunning{true}, nil
	}
	return report, err
}

// Once is one run, unless another instance is at it, which is no error; its
// outcome is in the log, and so are the balances of the operator's accounts.
func (d Deps) Once(ctx context.Context, allBooks bool) (report Report, busy bool, err error) {
	ttl := d.Pace.Budget + d.Pace.BooksTime + leaseMargin
	release, err := lease.Hold(ctx, d.Leases, "reconcile/"+d.Scope.Name(), d.NewID(), d.Now(), ttl, d.Log)
	if errors.Is(err, ledger.ErrLeased) {
		return Report{}, true, nil
	}
	if err != nil {
		return Report{}, false, err
	}
	defer release()
	report, err = d.Run(ctx, allBooks)
	if err == nil || report.Disagreements > 0 { // that not all was compared is no reason for silence
		report.log(ctx, d.Log)
	}
	d.balances(ctx)
	return report, false, err
}

// balances logs what the operator's accounts hold. The comparison does not
// depend on it.
func (d Deps) balances(ctx context.Context) {
	if d.Accounts == nil {
		return
	}
	all, err := d.Accounts.Look(ctx, d.Now())
	if err != nil {
		d.Log.WarnContext(ctx, "balances not known", slog.Any("error", err))
		return
	}
	purse.Log(ctx, d.Log, all, d.LowDays)
}
