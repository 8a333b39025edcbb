package runner

import (
	"context"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// How often the network is asked what it has paid, in polls: every five
// minutes, and three after a payout was opened, for then it should be booked.
const (
	paidEvery = 10
	paidAfter = 6
)

// payments watches for what was paid.
type payments struct {
	at      time.Time      // of the next question
	missing client.Micros  // until a payout opens, as last told
	known   bool           // there was an answer
	paid    map[int64]bool // numbers of the payouts that were paid, among the latest
}

// earned expects a payout when what was earned reaches the threshold.
func (p *payments) earned(m client.Micros, now time.Time, interval time.Duration) {
	open := p.missing > 0 && p.missing <= m
	p.missing -= m
	if soon := now.Add(paidAfter * interval); open && p.at.After(soon) {
		p.at = soon
	}
}

// askPayments tells of payouts that were paid since the last answer. What was
// paid before the first one is no news. No answer is no news either.
func (r *Runner) askPayments(ctx context.Context) {
	p := &r.payments
	p.at = time.Now().Add(vary(paidEvery*r.Interval, 0.9, 1.1))
	status, err := r.Standing(ctx)
	if err != nil {
		return
	}
	p.missing = client.Micros(status.Missing.Micros)
	paid := map[int64]bool{}
	for _, x := range slices.Backward(status.Payouts) {
		if x.State != api.PayoutConfirmed {
			continue
		}
		paid[x.Seq] = true
		if p.known && !p.paid[x.Seq] {
			r.Emit(Paid{Payout: x.Seq, Amount: client.Micros(x.Amount.Micros), Checks: x.ResultCount, ChainID: x.ChainID, Tx: x.UsdcTx})
		}
	}
	p.paid, p.known = paid, true
	if len(status.Waiting) > 0 {
		p.at = time.Now().Add(vary(paidAfter*r.Interval, 0.9, 1.1))
	}
}
