package reconcile

import (
	"context"
	"log/slog"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// AlreadyRunning is the answer while another instance compares.
type AlreadyRunning struct {
	AlreadyRunning bool `json:"alreadyRunning"`
}

// Report is the answer, as JSON.
type Report struct {
	Balanced bool   `json:"balanced"`       // nothing is a disagreement
	More     bool   `json:"more,omitempty"` // there was no time for all; the next run goes on
	Blocks   Blocks `json:"blocks"`

	// Compared in this run.
	Transfers int `json:"transfers"`
	Receipts  int `json:"receipts"`
	Payouts   int `json:"payouts"` // confirmed ones

	// What is open, found in this run or before.
	Disagreements int            `json:"disagreements"`
	Waiting       int            `json:"waiting"`  // under way, and not for too long
	Accepted      int            `json:"accepted"` // disagreements that an operator knows of
	Kinds         map[string]int `json:"kinds,omitempty"`
	Examples      []Example      `json:"examples,omitempty"`

	Books   *BooksSummary `json:"books,omitempty"`   // what was checked of them by themselves in this run
	BooksAt *time.Time    `json:"booksAt,omitempty"` // when the last walk through all of them began that came to its end
}

// Blocks are those that were compared in this run, From to To, and the latest
// safe one.
type Blocks struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	Safe uint64 `json:"safe"`
}

// Example is one disagreement.
type Example struct {
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail"`
	FoundAt time.Time `json:"foundAt"`
}

// BooksSummary is what the books add up to that were read, in micros where it
// is money.
type BooksSummary struct {
	Complete    bool  `json:"complete"` // all was read in this run
	Workers     int64 `json:"workers"`
	Payouts     int64 `json:"payouts"`
	Results     int64 `json:"results"`
	Batches     int64 `json:"batches"`
	Pending     int64 `json:"pendingMicros"`
	InFlight    int64 `json:"inFlightMicros"`
	TotalPaid   int64 `json:"totalPaidMicros"`
	TotalEarned int64 `json:"totalEarnedMicros"`
}

func summary(b ledger.BooksReport) *BooksSummary {
	return &BooksSummary{
		Complete: true, Workers: b.Workers, Payouts: b.Payouts, Results: b.Results, Batches: b.Batches,
		Pending: int64(b.Credits.Pending), InFlight: int64(b.Credits.InFlight),
		TotalPaid: int64(b.Credits.TotalPaid), TotalEarned: int64(b.Credits.TotalEarned),
	}
}

// How many disagreements are given as examples, in the answer and in the log.
const (
	maxExamples = 20
	maxLogged   = 5
)

// conclude counts what is open.
func (r *run) conclude(ctx context.Context) error {
	open, more, err := r.open(ctx)
	if err != nil {
		return err
	}
	r.report.Kinds = map[string]int{}
	if more { // nobody knows what they are
		r.report.Disagreements, r.report.Kinds[TooMany] = 1, 1
	}
	for _, f := range open {
		switch {
		case f.AcceptedBy != "":
			r.report.Accepted++
			continue
		case late[f.Kind] && r.began.Sub(f.FoundAt) < r.Pace.LateAfter:
			r.report.Waiting++
			continue
		}
		r.report.Disagreements++
		r.report.Kinds[f.Kind]++
		if len(r.report.Examples) < maxExamples {
			r.report.Examples = append(r.report.Examples, Example{f.Kind, f.Subject, f.Detail, f.FoundAt})
		}
	}
	r.report.Balanced = r.report.Disagreements == 0
	if !r.at.BooksAt.IsZero() {
		r.report.BooksAt = &r.at.BooksAt
	}
	return nil
}

// log says in one line whether the books balance. Alerts look for its message.
func (r Report) log(ctx context.Context, log *slog.Logger) {
	attrs := []any{
		slog.Int("disagreements", r.Disagreements), slog.Int("waiting", r.Waiting), slog.Int("accepted", r.Accepted),
		slog.Uint64("block", r.Blocks.To), slog.Bool("more", r.More),
	}
	if r.Balanced {
		log.InfoContext(ctx, "books balance", attrs...)
		return
	}
	attrs = append(attrs, slog.Any("kinds", r.Kinds), slog.Any("examples", r.Examples[:min(len(r.Examples), maxLogged)]))
	log.ErrorContext(ctx, "books do not balance", attrs...)
}
