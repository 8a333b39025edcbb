package ledger

import (
	"errors"
	"testing"
	"time"
)

// Requeueing changes when a payout is looked at, and a failed one's state; never
// what may be signed or sent for it.
func TestRequeue(t *testing.T) {
	now := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	soon, past := now.Add(time.Hour), now.Add(-time.Minute)
	for name, c := range map[string]struct {
		state         PayoutState
		workAt, lease time.Time
		want          PayoutState
		due           time.Time
		changed       bool
		err           error
	}{
		"failed":               {Failed, time.Time{}, time.Time{}, Pending, now, true, nil},
		"waits":                {Unknown, soon, time.Time{}, Unknown, now, true, nil},
		"waits, lease is over": {Settled, soon, past, Settled, now, true, nil},
		"due":                  {Pending, past, time.Time{}, Pending, past, false, nil},
		"worked on":            {Authorised, soon, soon, Authorised, soon, false, nil},
		"paid":                 {Confirmed, time.Time{}, time.Time{}, Confirmed, time.Time{}, false, ErrFinal},
	} {
		p := Payout{State: c.state, Reason: "why", WorkAt: c.workAt, LeaseUntil: c.lease, ValidBefore: 7, Signature: []byte{1}, Amount: 5}
		before := p
		changed, err := p.Requeue(now)
		if changed != c.changed || !errors.Is(err, c.err) || p.State != c.want || !p.WorkAt.Equal(c.due) {
			t.Errorf("%s: %t, %v: %+v", name, changed, err, p)
		}
		if p.ValidBefore != before.ValidBefore || len(p.Signature) != 1 || p.Amount != before.Amount || p.Nonce != before.Nonce || p.ID != before.ID {
			t.Errorf("%s changed more: %+v", name, p)
		}
	}
}
