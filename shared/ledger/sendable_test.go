package ledger

import (
	"testing"
	"time"
)

func TestSendable(t *testing.T) {
	q := Sendable{MinAttempts: 2, ValidUntil: t0.Add(time.Minute), Limit: 1}
	for _, tt := range []struct {
		name   string
		state  PayoutState
		change func(*Payout)
		want   bool
	}{
		{"tried", Authorised, func(*Payout) {}, true},
		{"unknown", Unknown, func(*Payout) {}, true},
		{"lease has ended", Unknown, func(p *Payout) { p.LeaseOwner, p.LeaseUntil = "x", t0 }, true},
		{"just long enough", Unknown, func(p *Payout) { p.ValidBefore = t0.Add(time.Minute).Unix() }, true},

		{"not signed", Pending, func(*Payout) {}, false},
		{"requeued", Authorised, func(p *Payout) { p.State = Pending }, false},
		{"on chain", Settled, func(*Payout) {}, false},
		{"paid", Confirmed, func(p *Payout) { p.WorkAt = t0 }, false},
		{"failed", Failed, func(p *Payout) { p.WorkAt = t0 }, false},
		{"runs out", Unknown, func(p *Payout) { p.ValidBefore = t0.Add(59 * time.Second).Unix() }, false},
		{"not tried often enough", Unknown, func(p *Payout) { p.Attempts = 1 }, false},
		{"in somebody's hands", Unknown, func(p *Payout) { p.LeaseOwner, p.LeaseUntil = "x", t0.Add(time.Second) }, false},
		{"not its turn", Unknown, func(p *Payout) { p.WorkAt = t0.Add(time.Second) }, false},
		{"no signature", Unknown, func(p *Payout) { p.Signature = nil }, false},
	} {
		p, _ := payoutIn(t, tt.state)
		p.Attempts, p.WorkAt = 2, t0
		tt.change(&p)
		if got := q.Takes(p, t0); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
