package processpayout

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/BlockRunAI/worker-network/shared/telemetry"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// send gives the stored authorization to a rail. What it comes to is only a
// claim, and what it says of it may quote the authorization.
func (a *attempt) send(ctx context.Context, rail Rail) {
	p := a.view.Payout
	payment := x402.Payment{Domain: a.Domain, Authorization: authorization(p), Signature: p.Signature}
	settling, end := telemetry.Span(ctx, "settle", attribute.String("rail", rail.Name()))
	o := rail.Settle(settling, payment)
	end(nil) // what it comes to, the chain says
	telemetry.Settlements.Add(ctx, 1, attribute.String("rail", rail.Name()), attribute.String("outcome", string(o.Kind)))
	a.Log.InfoContext(ctx, "sent", slog.String("payout", a.id.String()), slog.String("rail", rail.Name()),
		slog.String("answer", string(o.Kind)), slog.String("reason", o.Reason), slog.String("detail", x402.Mask(o.Detail)), slog.String("tx", o.Tx.Hex()))
	now := Sending{Asked: 1, Refused: o.Kind == x402.Refused, Unreached: slices.Contains(unreached, o.Reason), Reason: o.Reason, Tx: o.Tx}
	if before := a.view.Sent; before != nil {
		now.Asked += before.Asked
	}
	a.view.Sent, a.view.Obstacle, a.view.Paused = &now, nil, nil // what was found before sending is old
}

// unreached are the reasons of refusals that say nothing of the payment: the
// rail could not be asked, and may be in a moment.
var unreached = []string{x402.ReasonUnreachable, reasonNotAsked, reasonRelayerBusy, reasonRelayerDown}
