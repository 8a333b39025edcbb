package reconcile

import (
	"context"
	"fmt"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// maxBooks bounds how many places in the books become findings.
const maxBooks = 100

// books checks all books by themselves.
func (r *run) books(ctx context.Context) error {
	reading, cancel := context.WithTimeout(ctx, r.Pace.BooksTime)
	defer cancel()
	books, err := r.Books.Books(reading)
	if err != nil {
		return fmt.Errorf("the books were not checked: %w", err)
	}
	r.report.Books = summary(books)
	open, _, err := r.open(ctx)
	if err != nil {
		return err
	}
	found := findings{at: r.began}
	stands := map[string]bool{}
	for _, d := range merged(books.Disagreements) {
		s := subject{kind: inBooks, books: d.Subject}
		stands[s.String()] = true
		found.add(s, verdict{BooksDisagree, d.Problem})
	}
	var settled []string
	for _, f := range open {
		if strings.HasPrefix(f.Subject, inBooks+" ") && !stands[f.Subject] {
			settled = append(settled, f.Subject)
		}
	}
	return r.save(ctx, r.at, found.all, settled)
}

// merged is one disagreement for each place, and one for those that are too
// many.
func merged(all []ledger.Disagreement) (out []ledger.Disagreement) {
	at := map[string]int{}
	more := 0
	for _, d := range all {
		i, known := at[d.Subject]
		switch {
		case known:
			out[i].Problem += "; " + d.Problem
		case len(out) == maxBooks:
			more++
		default:
			at[d.Subject] = len(out)
			out = append(out, d)
		}
	}
	if more > 0 {
		out = append(out, ledger.Disagreement{Subject: "elsewhere", Problem: fmt.Sprintf("%d further disagreements", more)})
	}
	return out
}
