package processpayout

import (
	"context"
	"log/slog"

	"github.com/BlockRunAI/worker-network/shared/x402"
)

// send gives the stored authorization to the rails, one after the other, until
// one has not refused it. What it comes to is only a claim.
func (a *attempt) send(ctx context.Context) {
	p := a.view.Payout
	payment := x402.Payment{Domain: a.Domain, Authorization: authorization(p), Signature: p.Signature}
	a.view.Sent = &Sending{Refused: true, Reason: "no_rail"}
	for _, i := range railOrder(p.Attempts, len(a.Rails)) {
		rail := a.Rails[i]
		o := rail.Settle(ctx, payment)
		a.Log.InfoContext(ctx, "sent", slog.String("payout", a.id.String()), slog.String("rail", rail.Name()),
			slog.String("answer", string(o.Kind)), slog.String("reason", o.Reason), slog.String("detail", o.Detail), slog.String("tx", o.Tx.Hex()))
		a.view.Sent.Reason, a.view.Sent.Tx = o.Reason, o.Tx
		if o.Kind != x402.Refused {
			a.view.Sent.Refused = false
			return
		}
	}
}

// sendsPerRail is how many attempts a rail that gives no clear answer has,
// before another one is asked first.
const sendsPerRail = 2

// railOrder begins with the preferred rail and takes turns when a payout needs
// many attempts: a rail that is down, but does not refuse, must not keep the
// others from being asked.
func railOrder(attempts int64, rails int) []int {
	order := make([]int, rails)
	first := int(max(attempts-1, 0) / sendsPerRail)
	for i := range order {
		order[i] = (first + i) % rails
	}
	return order
}
