package loadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// account is what the network holds of one worker.
type account struct {
	credits ledger.Credits
	results []string // ids of the accepted ones; nil when they cannot be had
	wrong   []string // what does not agree in itself
}

// bookkeeper knows the network's books.
type bookkeeper interface {
	account(ctx context.Context, worker common.Address) (account, error)
	// books are all invariants of all books, as far as they can be checked.
	books(ctx context.Context) (*ledger.BooksReport, error)
}

// databaseBooks reads the database itself.
type databaseBooks struct{ db *spannerdb.DB }

func (b databaseBooks) account(ctx context.Context, worker common.Address) (account, error) {
	s, err := b.db.WorkerStatus(ctx, worker, spannerdb.StatusPage{Payouts: 1 << 20})
	if err != nil {
		return account{}, err
	}
	a := account{credits: s.Credits, results: []string{}}
	for seq := int64(1); seq <= s.Credits.PayoutSeq; seq++ {
		ids, sum, err := b.db.PayoutResults(ctx, ledger.PayoutID{Worker: worker, Seq: seq})
		if err != nil {
			return account{}, err
		}
		a.results = append(a.results, ids...)
		worth := s.Credits.Pending
		if seq < s.Credits.PayoutSeq && seq <= int64(len(s.Payouts)) { // s.Payouts has the latest first
			worth = s.Payouts[int64(len(s.Payouts))-seq].Amount
		}
		if sum != worth {
			a.wrong = append(a.wrong, fmt.Sprintf("%s: payout %d is of %s, and its results are worth %s", worker, seq, worth, sum))
		}
	}
	if int64(len(s.Payouts)) != s.Credits.PayoutSeq-1 {
		a.wrong = append(a.wrong, fmt.Sprintf("%s has %d payouts, but the open one is number %d", worker, len(s.Payouts), s.Credits.PayoutSeq))
	}
	return a, nil
}

func (b databaseBooks) books(ctx context.Context) (*ledger.BooksReport, error) {
	r, err := b.db.Books(ctx)
	return &r, err
}

// statusBooks are what a running network tells each worker. The results
// themselves cannot be had so.
type statusBooks struct {
	base string
	http *http.Client
}

func (b statusBooks) account(ctx context.Context, worker common.Address) (account, error) {
	query := url.Values{"address": {worker.Hex()}, "payouts": {"0"}, "results": {"0"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+api.StatusPath+"?"+query.Encode(), nil)
	if err != nil {
		return account{}, err
	}
	res, err := b.http.Do(req)
	if err != nil {
		return account{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return account{}, fmt.Errorf("loadtest: the status of %s: %d %.200s: %w", worker, res.StatusCode, body, err)
	}
	var s api.WorkerStatus
	if err := json.Unmarshal(body, &s); err != nil {
		return account{}, fmt.Errorf("loadtest: the status of %s: %w", worker, err)
	}
	return account{credits: ledger.Credits{
		Pending: ledger.Micros(s.Pending.Micros), InFlight: ledger.Micros(s.InFlight.Micros),
		TotalPaid: ledger.Micros(s.Paid.Micros), TotalEarned: ledger.Micros(s.Earned.Micros),
	}}, nil
}

func (statusBooks) books(context.Context) (*ledger.BooksReport, error) { return nil, nil }

// check compares what the workers were told with the books, and says whatever
// does not agree.
func (t *test) check(ctx context.Context, books bookkeeper) (violations []string, all *ledger.BooksReport, err error) {
	say := func(format string, args ...any) { violations = append(violations, fmt.Sprintf(format, args...)) }
	var earned ledger.Micros
	results := 0
	accounts, err := t.accounts(ctx, books)
	if err != nil {
		return nil, nil, err
	}
	for i, w := range t.workers {
		violations = append(violations, w.wrong...)
		a := accounts[i]
		earned += a.credits.TotalEarned
		results += len(a.results)
		violations = append(violations, a.wrong...)
		w.compare(a, say)
	}
	if all, err = books.books(ctx); err != nil || all == nil {
		return violations, nil, err
	}
	for _, d := range all.Disagreements {
		say("the books: %s", d)
	}
	if all.Credits.TotalEarned != earned || all.Results != int64(results) {
		say("the books hold %d results worth %s, of these workers %d worth %s: there are others", all.Results, all.Credits.TotalEarned, results, earned)
	}
	return violations, all, nil
}

// accounts are those of all workers, a few read at a time.
func (t *test) accounts(ctx context.Context, books bookkeeper) ([]account, error) {
	const atATime = 4
	out := make([]account, len(t.workers))
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(atATime)
	for i, w := range t.workers {
		readers.Go(func() (err error) {
			out[i], err = books.account(ctx, w.address)
			return err
		})
	}
	return out, readers.Wait()
}

// compare says where a worker's account is not what it was told.
func (w *worker) compare(a account, say func(format string, args ...any)) {
	if c := a.credits; c.TotalEarned != c.Pending+c.InFlight+c.TotalPaid {
		say("%s: earned %s, which is not %s pending + %s in flight + %s paid", w.address, c.TotalEarned, c.Pending, c.InFlight, c.TotalPaid)
	}
	var told ledger.Micros
	for _, reward := range w.accepted {
		told += reward
	}
	if a.results == nil { // only the sum can be compared
		if a.credits.TotalEarned < told || a.credits.TotalEarned > told && len(w.unknown) == 0 {
			say("%s: was told of %s, and has earned %s", w.address, told, a.credits.TotalEarned)
		}
		return
	}
	slices.Sort(a.results)
	stored := map[string]bool{}
	more := 0 // credited without an answer
	for i, id := range a.results {
		if i > 0 && a.results[i-1] == id {
			say("%s: result %s stands in the database twice", w.address, id)
		}
		stored[id] = true
		if _, ok := w.accepted[id]; !ok {
			more++
			if !w.unknown[id] {
				say("%s: result %s is in the database, but no answer said so", w.address, id)
			}
		}
	}
	for id := range w.accepted {
		if !stored[id] {
			say("%s: result %s was accepted, but is not in the database", w.address, id)
		}
	}
	if c := a.credits; c.TotalEarned < told || c.TotalEarned > told && more == 0 {
		say("%s: was told of %s, and has earned %s", w.address, told, c.TotalEarned)
	}
}

// list is at most the first ten lines of many.
func list(lines []string) string {
	const most = 10
	if len(lines) > most {
		lines = append(slices.Clone(lines[:most]), fmt.Sprintf("and %d more", len(lines)-most))
	}
	return strings.Join(lines, "\n")
}
