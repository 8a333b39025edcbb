// Package submitresults is the function behind POST /v1/worker/results:
// result -> credit -> payout intent.
package submitresults

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// Store keeps tasks, assignments, results and the books.
type Store interface {
	// CreditResults judges batch, whose signatures are good, and stores and
	// credits what is accepted, in one transaction, which also opens a payout
	// for every worker whose pending credit has reached the threshold. judged
	// stands side by side with batch.
	CreditResults(ctx context.Context, now time.Time, batch []ledger.SubmittedResult) (judged []ledger.JudgedResult, opened []ledger.PayoutID, err error)
}

// Publisher tells ProcessPayout that a payout may need work.
type Publisher interface {
	PublishPayout(ctx context.Context, id ledger.PayoutID) error
}

// Deps are what the function works with.
type Deps struct {
	Store     Store
	Publisher Publisher
	Now       func() time.Time
	Log       *slog.Logger

	turns *web.Turns
}

// batchesAtOnce is how many batches an instance credits; others wait for
// waitForTurn, longer than polls, as their work is done.
const (
	batchesAtOnce = 16
	waitForTurn   = 8 * time.Second
)

// New is the function. Body: a JSON array of 1 to api.MaxBatch api.Result. It
// answers 200 with an api.SubmitResponse, also when all results are rejected;
// 400 for what is no such array; 413 for a body over api.MaxBodyBytes; 408 for one
// that does not come in time; 405 for any method but POST. Each result is judged by its own signature alone.
//
// After an answer of 500 or 503, or none, the results may have been credited
// or not: to send them again is right, and credits none twice.
func New(d Deps) http.Handler {
	d.turns = web.NewTurns(batchesAtOnce, waitForTurn)
	return web.Endpoint{Name: "SubmitResults", Method: http.MethodPost, MaxBody: api.MaxBodyBytes, Log: d.Log, Serve: d.submit}
}

func (d Deps) submit(r *http.Request) (any, error) {
	ctx := r.Context()
	results, faults, err := api.DecodeResults(r.Body)
	if err != nil {
		return nil, err
	}
	s := verify(results, faults)
	if len(s.batch) > 0 {
		judged, opened, err := d.credit(ctx, s.batch)
		if err != nil {
			return nil, fmt.Errorf("credit %d results: %w", len(s.batch), err)
		}
		d.publish(ctx, opened)
		if err := s.take(judged); err != nil {
			return nil, err
		}
	}
	answer := s.answer()
	count(ctx, answer.Results)
	d.Log.InfoContext(ctx, "results judged", slog.Int("submitted", len(results)), slog.Int("accepted", answer.Accepted),
		slog.Int("rejected", len(answer.Errors)), slog.String("earned", answer.Earned))
	return answer, nil
}

// credit waits for a turn and credits the batch.
func (d Deps) credit(ctx context.Context, batch []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
	ctx, cancel := context.WithTimeout(ctx, web.AnswerWithin)
	defer cancel()
	leave, err := d.turns.Take(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	return d.Store.CreditResults(ctx, d.Now(), batch)
}

// count counts what became of the results. Codes are few: api.Code.
func count(ctx context.Context, outcomes []api.Outcome) {
	for _, o := range outcomes {
		telemetry.ChecksJudged.Add(ctx, 1, attribute.String("outcome", string(o.Status)), attribute.String("code", string(o.Code)))
	}
}
