package processpayout

import (
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// While the operator has paused payouts nothing is signed and nothing is sent;
// what the chain shows is booked all the same.
func TestDecideWhilePaused(t *testing.T) {
	fresh, none := unusedAt(2*time.Minute), obstacle(NoObstacle)
	ready := View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: none}
	stored := View{Payout: with(ledger.Unknown, time.Hour), Chain: fresh}
	dead := View{Payout: with(ledger.Unknown, -10*time.Minute), Chain: fresh, Obstacle: none}
	requeued := View{Payout: with(ledger.Pending, time.Hour), Chain: fresh}
	otherRail := View{Payout: with(ledger.Authorised, time.Hour), Chain: fresh, Rails: 2, Sent: refused, Obstacle: none}
	restored := View{Payout: openPayout(worker), Chain: used(Paid, true), Results: rightResults}
	for name, c := range map[string]struct {
		view    View
		running Step
	}{
		"nothing signed":                {ready, Authorise{}},
		"stored":                        {stored, Send{}},
		"dead":                          {dead, Authorise{ReplaceExpired: true}},
		"requeued":                      {requeued, Authorise{}},
		"refused by one, for the other": {otherRail, Send{Rail: 1}},
		"paid, and unknown here":        {restored, Authorise{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := DefaultPolicy()
			v := c.view
			v.Now, v.Rails = t0, max(v.Rails, 1)
			if got := p.Decide(v); got != (Ask{}) {
				t.Errorf("not asked: %#v", got)
			}
			v.Paused = new(false)
			if got := p.Decide(v); got != c.running {
				t.Errorf("running: %#v, want %#v", got, c.running)
			}
			v.Paused = new(true)
			got, ok := p.Decide(v).(Record)
			if !ok || got.State != v.Payout.State || got.Reason != reasonPaused || got.WorkAt.Sub(t0) > 2*p.PauseWait {
				t.Errorf("paused: %#v", got)
			}
		})
	}
	for name, c := range map[string]struct {
		view View
		want Step
	}{
		"paid and safe":   {View{Payout: with(ledger.Unknown, time.Hour), Chain: used(Paid, true)}, Confirm{tx1, 800}},
		"canceled":        {View{Payout: with(ledger.Unknown, time.Hour), Chain: used(Canceled, true)}, Fail{}},
		"blocked, unsent": {View{Payout: openPayout(worker), Chain: fresh, Results: rightResults, Obstacle: obstacle(RecipientBlocked)}, Fail{}},
	} {
		v := c.view
		v.Now, v.Paused = t0, new(true)
		got := DefaultPolicy().Decide(v)
		if f, ok := got.(Fail); ok {
			f.Reason, got = "", Fail{}
		}
		if got != c.want {
			t.Errorf("%s, paused: %#v, want %#v", name, got, c.want)
		}
	}
}

// Payouts are paused between any two effects of an attempt. From there on
// nothing is signed, and nothing is given to a rail that the database has not
// released before (world.unasked). What is with the facilitator is booked, and its receipt is
// written, while it lasts; no message is brought back; and when payouts are
// resumed, all are paid once.
func TestPausedAtEveryStep(t *testing.T) {
	at, hit := 1, true
	for ; hit; at++ {
		hit = false
		w := newWorld(t, uint64(at))
		signed := func() (n int) {
			for _, p := range w.store.payouts {
				if len(p.Signature) > 0 {
					n++
				}
			}
			return n
		}
		seen, before := 0, 0
		w.fault = func(string) fault {
			if seen++; seen == at {
				hit, w.store.paused, before = true, true, signed()
			}
			return healthy
		}
		open := []ledger.PayoutID{w.open(simWorker(1)), w.open(simWorker(2))}
		for range 80 {
			w.round()
		}
		if !hit {
			break
		}
		if n := signed(); n != before {
			w.fatal("%d payouts were signed when they were paused at effect %d, and %d are now", before, at, n)
		}
		if len(w.queue) > 0 {
			w.fatal("%d messages were not acknowledged", len(w.queue))
		}
		transfers := w.chain.transfers()
		for _, id := range open {
			p := w.store.payouts[id]
			switch {
			case len(transfers[p.Nonce]) > 0 && (p.State != ledger.Confirmed || p.LogTx.Big().Sign() == 0):
				w.fatal("payout %s is on chain, and is %s, with its receipt in %s", id, p.State, p.LogTx)
			case len(transfers[p.Nonce]) == 0 && p.Reason != reasonPaused:
				w.fatal("payout %s waits for another reason: %s, %q", id, p.State, p.Reason)
			}
		}
		w.store.paused = false
		w.quiet(60)
		for _, id := range open {
			if p := w.store.payouts[id]; p.State != ledger.Confirmed {
				w.fatal("payout %s is %s in the end", id, p.State)
			}
		}
	}
	if at < 20 {
		t.Errorf("only %d steps", at)
	}
}
