// Package restore tells a database that was restored to an earlier hour what it
// has forgotten of the workers' money: it reads the transfers and receipts of
// the lost time from the chain, and the results of it from the result log, has
// shared/recovery decide, and posts what is missing. It signs nothing and sends
// nothing.
//
// It can be done again at any time, and ended at any moment: each posting is a
// transaction of its own, and what was posted is found there.
package restore

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// Books say what the database knows.
type Books interface {
	RecoveryBooks(ctx context.Context, worker common.Address, lines []resultlog.InPart) (recovery.Books, error)
	NextNumbers(ctx context.Context, workers []common.Address) (map[common.Address]int64, error)
	PayoutsByNonce(ctx context.Context, nonces []common.Hash) ([]ledger.Payout, error)
	Treasuries(ctx context.Context, chainID int64, token common.Address) ([]common.Address, error)
}

// Parts are the files of the result log that the database knows.
type Parts interface {
	KnownParts(ctx context.Context, ids []string) (map[string]recovery.KnownPart, error)
	RecoverPart(ctx context.Context, part resultlog.PartName, ids []string, now time.Time) error
}

// Store is posted to.
type Store interface {
	RecoverResults(ctx context.Context, worker common.Address, seq int64, results []resultlog.InPart, now time.Time) (ledger.ResultSum, error)
	RecoverPayout(ctx context.Context, r ledger.Recovered, policy ledger.PayoutPolicy, inLog bool, now time.Time) error
	RecoverTasks(ctx context.Context, won map[string][]recovery.Won, now time.Time) error
}

// Chain is read up to the safe block.
type Chain interface {
	Heads(ctx context.Context) (chain.Heads, error)
	HeadAt(ctx context.Context, number uint64) (chain.Head, error)
	TransfersFrom(ctx context.Context, token, treasury common.Address, from, to uint64, yield func(chain.Transfer) error) error
}

// History is read by what must not have been left out.
type History interface {
	CheckTransfers(ctx context.Context, token, treasury common.Address, from, to uint64, sent ledger.Micros) error
	LogTransactionsOf(ctx context.Context, sender, logAddress common.Address, from, to uint64, yield func(chain.LogTransaction) error) error
}

// Node is a node of the chain.
type Node interface {
	Chain
	History
}

// Log is the result log in Cloud Storage.
type Log interface {
	// Names yields the objects of the log of that UTC day, YYYY-MM-DD, and later ones.
	Names(ctx context.Context, fromDay string, yield func(name string) error) error
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// Deps are what it works with.
type Deps struct {
	Books      Books
	Parts      Parts
	Store      Store
	Chain      Chain
	History    History
	Second     Node // must show the same; nil: there is none
	Results    Log
	Without    []string // files of the log that are passed over: none of them may be in order
	Policy     recovery.Policy
	Treasuries []common.Address // that paid in the lost time, beside the policy's and those of the books
	LogAddress common.Address
	Senders    []common.Address // who may write receipts
	FromBlock  uint64           // the treasury was empty before
	Now        func() time.Time
	Log        *slog.Logger
}

// Found is what is missing in the books, and what was read to know it.
type Found struct {
	From, To  uint64 // blocks
	Transfers int    // of payouts
	Foreign   int    // that belong to no payout's number: Reconcile tells of them
	Files     int    // of the result log, which the books do not know
	Lines     int    // in them
	LeftOut   []string

	Last time.Time // when the last result of the lost time was accepted, or it began

	SafeAt time.Time // of block To

	Plans   []recovery.Plan // by worker
	Refused []error         // recovery.ErrRefused; of these workers nothing is posted

	first time.Time // of what the books may have forgotten: the backup's, or that of a result before it
	parts []part
	won   map[string][]recovery.Won // cycles of tasks
}

// part is a file that the books do not know.
type part struct {
	resultlog.PartName
	ids  []string
	open bool // a worker of it is refused, or it is left out: it stays unknown
	told bool // the books know it from an earlier recovery, and are compared with it once more
}

func (p part) closing() bool { return !p.open && !p.told }

// Steps is how many payout numbers there are to post something under.
func (f Found) Steps() (n int) {
	for _, p := range f.Plans {
		n += len(p.Steps)
	}
	return n
}

// Closing is how many files will be known.
func (f Found) Closing() (n int) {
	for _, p := range f.parts {
		if p.closing() {
			n++
		}
	}
	return n
}

// chunk is how many results one commit credits: each has some 25 cells, of
// 80,000 at most.
const chunk = 1000

const tasksAtOnce = 200

// Post does what was found. After an error, find and post again.
func (d Deps) Post(ctx context.Context, f Found) error {
	for i, plan := range f.Plans {
		for _, s := range plan.Steps {
			if err := d.step(ctx, plan.Worker, s); err != nil {
				return err
			}
		}
		if (i+1)%100 == 0 {
			d.Log.InfoContext(ctx, "recovering", slog.Int("workers", i+1), slog.Int("of", len(f.Plans)))
		}
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(f.won)), tasksAtOnce) {
		some := map[string][]recovery.Won{}
		for _, id := range ids {
			some[id] = f.won[id]
		}
		if err := d.Store.RecoverTasks(ctx, some, d.Now()); err != nil {
			return err
		}
	}
	// Last, for by them it is known what was not recovered yet.
	for _, p := range f.parts {
		if !p.closing() {
			continue
		}
		if err := d.Parts.RecoverPart(ctx, p.PartName, p.ids, d.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (d Deps) step(ctx context.Context, worker common.Address, s recovery.Step) error {
	for some := range slices.Chunk(s.Results, chunk) {
		if _, err := d.Store.RecoverResults(ctx, worker, s.Seq, some, d.Now()); err != nil {
			return err
		}
	}
	if s.Close == nil {
		return nil
	}
	return d.Store.RecoverPayout(ctx, *s.Close, d.Policy.PayoutPolicy, s.Said, d.Now())
}
