package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// walk is how far the walk through the books is. It is kept as a comparison of
// its own, whose name ends in " books": Confirmed.At is when it began,
// Confirmed.ID what was checked last, NextBlock what the worker's payouts up to
// that one add up to, and BooksAt, once set, says that all workers are done and
// that it is at the receipts.
type walk struct {
	began    time.Time
	mark     ledger.BooksMark
	receipts bool
}

func walkOf(at ledger.Reconciled) walk {
	return walk{at.Confirmed.At, ledger.BooksMark{ID: at.Confirmed.ID, Opened: ledger.Micros(at.NextBlock)}, !at.BooksAt.IsZero()}
}

func (w walk) reconciled() ledger.Reconciled {
	at := ledger.Reconciled{NextBlock: uint64(w.mark.Opened), Confirmed: ledger.ConfirmedMark{At: w.began, ID: w.mark.ID}}
	if w.receipts {
		at.BooksAt = w.began
	}
	return at
}

// next is where the walk goes on after a slice.
func (w walk) next(s ledger.BooksSlice) (_ walk, done bool) {
	switch {
	case !s.Done:
		w.mark = s.Next
	case !w.receipts:
		w.mark, w.receipts = ledger.BooksMark{}, true
	default:
		return w, true
	}
	return w, false
}

// sums are the subjects that only a look at all books at once can find.
var sums = []string{"daily caps", "result log"}

// walk checks so many rows of the books by themselves, and goes on in the next
// run. Once all were checked it rests until it is time for them again.
func (r *run) walk(ctx context.Context) error {
	name := r.name + " books"
	stored, err := r.Store.Reconciled(ctx, name)
	if err != nil {
		return err
	}
	w := walkOf(stored)
	if w.began.IsZero() || w.began.Equal(r.at.BooksAt) {
		if r.Now().Before(r.at.BooksAt.Add(r.Pace.BooksEvery)) {
			return nil
		}
		w = walk{began: r.began}
	}
	began, complete := r.Now(), w.began.Equal(r.began)
	ctx, cancel := context.WithTimeout(ctx, r.Pace.BooksTime)
	defer cancel()
	var sum ledger.BooksReport
	for rows := r.Pace.BooksRows; rows > 0; {
		slice, err := r.slice(ctx, w, rows)
		if err != nil {
			return fmt.Errorf("the books were not checked: %w", err)
		}
		rows -= max(slice.Rows, 1)
		addUp(&sum, slice.Report)
		r.report.Books = summary(sum)
		r.report.Books.Complete = false
		next, done := w.next(slice)
		if done {
			r.report.Books.Complete = complete
			return r.walked(ctx, w)
		}
		if err := r.Store.SaveReconciled(ctx, name, stored, next.reconciled(), nil, nil, r.Now()); err != nil {
			return err
		}
		w, stored = next, next.reconciled()
		if r.Now().Sub(began) >= r.Pace.Budget {
			return nil
		}
	}
	return nil
}

// slice checks the next slice, and keeps what it finds.
func (r *run) slice(ctx context.Context, w walk, rows int) (ledger.BooksSlice, error) {
	read := r.Books.BooksOfWorkers
	if w.receipts {
		read = r.Books.BooksOfReceipts
	}
	s, err := read(ctx, w.mark, rows)
	if err != nil || len(s.Report.Disagreements) == 0 {
		return s, err
	}
	found := findings{at: r.began}
	for _, d := range merged(s.Report.Disagreements) {
		found.add(subject{kind: inBooks, books: d.Subject}, verdict{BooksDisagree, d.Problem})
	}
	return s, r.save(ctx, r.at, found.all, nil)
}

// walked ends a walk: what it has not found again is settled.
func (r *run) walked(ctx context.Context, w walk) error {
	open, _, err := r.open(ctx)
	if err != nil {
		return err
	}
	var settled []string
	for _, f := range open {
		about, inside := strings.CutPrefix(f.Subject, inBooks+" ")
		if inside && f.CheckedAt.Before(w.began) && !slices.Contains(sums, about) {
			settled = append(settled, f.Subject)
		}
	}
	after := r.at
	after.BooksAt = w.began
	return r.save(ctx, after, nil, settled)
}

// addUp adds what a slice counts.
func addUp(sum *ledger.BooksReport, b ledger.BooksReport) {
	sum.Workers += b.Workers
	sum.Payouts += b.Payouts
	sum.Results += b.Results
	sum.Batches += b.Batches
	sum.Credits.Pending += b.Credits.Pending
	sum.Credits.InFlight += b.Credits.InFlight
	sum.Credits.TotalPaid += b.Credits.TotalPaid
	sum.Credits.TotalEarned += b.Credits.TotalEarned
}
