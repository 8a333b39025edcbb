package ledger

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// TestAuthorise starts from a payout of 10,000 micros and checks what is
// stored, what counts into the day, and what the caller is told.
func TestAuthorise(t *testing.T) {
	late := t0.Add(2 * time.Hour) // after the stored authorization's end
	again := func(mark byte, replace bool) AuthorizationRecord {
		a := signed(mark)
		a.ValidBefore, a.ReplaceExpired = late.Add(time.Hour).Unix(), replace
		return a
	}
	other := signed(2)
	other.ResultsHash = hash64[:62] + "00"
	bad := func(change func(*AuthorizationRecord)) AuthorizationRecord {
		a := signed(2)
		change(&a)
		return a
	}
	for name, v := range map[string]struct {
		from    PayoutState
		a       AuthorizationRecord
		caps    PayoutCaps
		today   Micros
		now     time.Time
		err     error
		anyErr  bool
		state   PayoutState
		mark    byte // of the stored signature
		counted Micros
	}{
		"first":                          {from: Pending, a: signed(2), caps: wide, now: t0, state: Authorised, mark: 2, counted: 10_000},
		"at both caps":                   {from: Pending, a: signed(2), caps: PayoutCaps{10_000, 30_000}, today: 20_000, now: t0, state: Authorised, mark: 2, counted: 10_000},
		"above the cap":                  {from: Pending, a: signed(2), caps: PayoutCaps{9_999, 30_000}, now: t0, err: ErrPayoutCap},
		"above the day's":                {from: Pending, a: signed(2), caps: PayoutCaps{10_000, 30_000}, today: 20_001, now: t0, err: ErrDailyCap},
		"no caps":                        {from: Pending, a: signed(2), now: t0, err: ErrPayoutCap},
		"day's total overflows":          {from: Pending, a: signed(2), caps: PayoutCaps{10_000, 1<<63 - 1}, today: 1<<63 - 1, now: t0, err: ErrDailyCap},
		"the stored one stays":           {from: Authorised, a: signed(2), now: t0, state: Authorised, mark: 1},
		"the stored one stays, unknown":  {from: Unknown, a: again(2, true), caps: wide, now: t0, state: Unknown, mark: 1},
		"the stored one stays, on chain": {from: Settled, a: again(2, true), caps: wide, now: late, state: Settled, mark: 1},
		"expired":                        {from: Unknown, a: again(2, false), caps: wide, now: late, err: ErrExpired},
		"expired and shown unused":       {from: Unknown, a: again(2, true), caps: wide, now: late, state: Authorised, mark: 2},
		"expired on its very second":     {from: Authorised, a: again(2, false), caps: wide, now: t0.Add(time.Hour), err: ErrExpired},
		"replaced above a lowered cap":   {from: Unknown, a: again(2, true), caps: PayoutCaps{1, 1}, now: late, err: ErrPayoutCap},
		"replaced on a full day":         {from: Unknown, a: again(2, true), caps: PayoutCaps{10_000, 1}, today: 1, now: late, state: Authorised, mark: 2},
		"another list of results":        {from: Authorised, a: other, caps: wide, now: t0, err: ErrConflict},
		"short signature":                {from: Pending, a: bad(func(a *AuthorizationRecord) { a.Signature = a.Signature[:64] }), caps: wide, now: t0, anyErr: true},
		"no hash":                        {from: Pending, a: bad(func(a *AuthorizationRecord) { a.ResultsHash = "" }), caps: wide, now: t0, anyErr: true},
		"dead on arrival":                {from: Pending, a: bad(func(a *AuthorizationRecord) { a.ValidBefore = t0.Unix() }), caps: wide, now: t0, anyErr: true},
	} {
		p, _ := payoutIn(t, v.from)
		old := p
		counted, changed, err := p.Authorise(v.a, v.caps, v.today, v.now)
		if v.err != nil || v.anyErr {
			if err == nil || v.err != nil && !errors.Is(err, v.err) || counted != 0 || changed || !reflect.DeepEqual(p, old) {
				t.Errorf("%s: %d counted, changed %t, %v; want %v and no change", name, counted, changed, err, v.err)
			}
			continue
		}
		if err != nil || counted != v.counted || p.State != v.state || p.Signature[0] != v.mark || changed == reflect.DeepEqual(p, old) {
			t.Errorf("%s: %d counted, changed %t, %v; %s with signature %d", name, counted, changed, err, p.State, p.Signature[0])
		}
	}
}

func TestResignedKeepsWhereTheSearchStarts(t *testing.T) {
	p, _ := payoutIn(t, Unknown)
	a := signed(9)
	late := t0.Add(2 * time.Hour)
	a.ValidBefore, a.ReplaceExpired = late.Add(time.Hour).Unix(), true
	if _, _, err := p.Authorise(a, wide, 0, late); err != nil {
		t.Fatal(err)
	}
	if p.AuthorizedBlock != 1 || p.ValidBefore != a.ValidBefore {
		t.Errorf("search starts at block %d, valid before %d", p.AuthorizedBlock, p.ValidBefore)
	}
}

// A requeued payout sends the bytes it had, as long as they are good, and
// never counts into a day twice.
func TestRequeuedPayoutKeepsItsAuthorization(t *testing.T) {
	for name, v := range map[string]struct {
		now  time.Time
		mark byte
	}{
		"still good": {t0, 1},
		"expired":    {t0.Add(2 * time.Hour), 2},
	} {
		p, _ := payoutIn(t, Authorised)
		nonce := p.Nonce
		if _, err := p.Fail(p.ValidBefore, "paused"); err != nil {
			t.Fatal(err)
		}
		if changed, err := p.Requeue(v.now); !changed || err != nil || !p.WorkAt.Equal(v.now) {
			t.Fatal(changed, err, p.WorkAt)
		}
		a := signed(2)
		a.ValidBefore, a.ReplaceExpired = v.now.Add(time.Hour).Unix(), true
		counted, changed, err := p.Authorise(a, wide, 0, v.now)
		if counted != 0 || !changed || err != nil || p.State != Authorised || p.Signature[0] != v.mark || p.Nonce != nonce {
			t.Errorf("%s: counted %d, changed %t, %v: %s with signature %d", name, counted, changed, err, p.State, p.Signature[0])
		}
	}
}
