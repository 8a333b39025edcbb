// Package processpayout is the function that pays: payout -> transfer ->
// receipt. Pub/Sub pushes it hints; each is for one payout, which it moves on
// as far as it can go now, or for the receipts of confirmed payouts.
//
// It alone holds the treasury's key and the log sender's. Decide (decide.go)
// holds the rules of payments.md and is pure; the other files carry out its
// steps. Whatever it was doing when it died, the next hint takes up from the
// row and the chain.
package processpayout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

type handler struct{ Deps }

// New is the function. 200 acknowledges the message; any other status brings
// it again.
func New(d Deps) http.Handler {
	h := handler{d}
	return web.Endpoint{Name: "ProcessPayout", Method: http.MethodPost, MaxBody: hint.MaxPushBytes, Log: d.Log, Serve: h.serve}
}

// answer is the body of the 200 answer, for people who read along.
type answer struct {
	Hint    string `json:"hint,omitempty"`
	Outcome string `json:"outcome"`
}

func (h handler) serve(r *http.Request) (any, error) {
	ctx := r.Context()
	d, err := readPush(r)
	if errors.Is(err, hint.ErrMalformed) {
		h.Log.ErrorContext(ctx, "message dropped: it is no hint; what needs work is found by the sweep",
			slog.String("message", d.MessageID), slog.Any("error", err))
		return answer{Outcome: "dropped: " + err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.AttemptTime)
	defer cancel()
	ctx, end := telemetry.Follow(ctx, d.Sent(ctx), "hint", attribute.String("hint", d.Hint.String()))
	answer, err := h.follow(ctx, d.Hint)
	end(err)
	return answer, err
}

// follow does what the hint is at.
func (h handler) follow(ctx context.Context, at hint.Hint) (answer, error) {
	if at.Receipts {
		return answer{at.String(), h.Receipts.Try(ctx)}, nil
	}
	outcome, err := h.pay(ctx, *at.Payout)
	if why, ack := h.acknowledge(ctx, *at.Payout, err); ack {
		return answer{at.String(), why}, nil
	}
	return answer{at.String(), outcome}, err
}

func readPush(r *http.Request) (hint.Delivery, error) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return hint.Delivery{}, fmt.Errorf("%w: larger than %d bytes", hint.ErrMalformed, large.Limit)
	}
	if err != nil {
		return hint.Delivery{}, fmt.Errorf("%w: reading the message: %w", web.ErrUnavailable, err)
	}
	return hint.DecodePush(body)
}

// acknowledged are the errors that delivering the message again cannot mend.
// For those with alert a person is needed.
var acknowledged = []struct {
	err   error
	alert bool
}{
	{ledger.ErrFinal, false},
	{ledger.ErrNotFound, false},
	{ledger.ErrConflict, true},
	{ledger.ErrBooks, true},
	{x402.ErrAuthorization, true},
}

func (h handler) acknowledge(ctx context.Context, id ledger.PayoutID, err error) (outcome string, ack bool) {
	for _, a := range acknowledged {
		if !errors.Is(err, a.err) {
			continue
		}
		if a.alert {
			h.Log.ErrorContext(ctx, "payout needs a person", slog.String("payout", id.String()), slog.Any("error", err))
		} else {
			h.Log.InfoContext(ctx, "nothing to do", slog.String("payout", id.String()), slog.Any("error", err))
		}
		return a.err.Error(), true
	}
	return "", false
}
