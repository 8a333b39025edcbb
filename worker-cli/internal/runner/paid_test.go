package runner

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// What is paid while the worker runs is told once, with its transaction; what
// was paid before is no news, nor is an API that does not tell.
func TestPaymentsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(1)} // 100 micros each half minute
		w := newWorker(n)
		payouts := []api.PayoutStatus{{Seq: 1, State: api.PayoutConfirmed, UsdcTx: "0xold"}}
		var asked []time.Time
		opened, confirmed := time.Time{}, time.Time{}
		w.Standing = func(context.Context) (api.WorkerStatus, error) {
			asked = append(asked, time.Now())
			if len(asked) == 2 {
				return api.WorkerStatus{}, away
			}
			pending := int64(len(n.accepted))*reward - int64(len(payouts)-1)*2000
			if pending >= 2000 {
				opened = time.Now()
				payouts = append([]api.PayoutStatus{{Seq: int64(len(payouts) + 1), State: api.PayoutPending, Amount: api.Amount{Micros: 2000}, ResultCount: 20, ChainID: 8453}}, payouts...)
				pending -= 2000
			} else if payouts[0].State == api.PayoutPending {
				confirmed = time.Now()
				payouts[0].State, payouts[0].UsdcTx = api.PayoutConfirmed, fmt.Sprint("0xtx", payouts[0].Seq)
			}
			s := api.WorkerStatus{Missing: api.Amount{Micros: 2000 - pending}, Payouts: append([]api.PayoutStatus{}, payouts...)}
			for _, p := range payouts {
				if p.State == api.PayoutPending {
					s.Waiting = append(s.Waiting, p)
				}
			}
			return s, nil
		}
		w.runFor(t, 35*time.Minute)
		got := events[Paid](w)
		if len(got) == 0 || got[0] != (Paid{Payout: 2, Amount: 2000, Checks: 20, ChainID: 8453, Tx: "0xtx2"}) {
			t.Fatalf("%+v", got)
		}
		seen := map[int64]bool{1: true}
		for _, p := range got {
			if seen[p.Payout] {
				t.Errorf("payout %d is told twice, or was paid before", p.Payout)
			}
			seen[p.Payout] = true
		}
		if len(asked) < 6 || len(asked) > 15 || confirmed.Sub(opened) > 4*time.Minute && len(got) < 2 {
			t.Errorf("asked %d times in 35 minutes; opened %v, confirmed %v", len(asked), opened, confirmed)
		}
		if !asked[0].After(n.polledAt[0]) {
			t.Error("it asked before it polled")
		}
	})
}

// Credit that reaches the threshold is a reason to ask sooner.
func TestAThresholdIsAReasonToAsk(t *testing.T) {
	now := time.Unix(1764000000, 0)
	for missing, want := range map[client.Micros]time.Duration{0: time.Hour, 100: 3 * time.Minute, 300: 3 * time.Minute, 301: time.Hour} {
		p := payments{at: now.Add(time.Hour), missing: missing}
		p.earned(300, now, 30*time.Second)
		if got := p.at.Sub(now); got != want {
			t.Errorf("%d missing, 300 earned: asks after %v, want %v", missing, got, want)
		}
	}
}
