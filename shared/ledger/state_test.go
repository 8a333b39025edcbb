package ledger

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

var states = []PayoutState{Pending, Authorised, Unknown, Settled, Confirmed, Failed}

// TestMoves is the whole matrix: rows move to columns where there is an x.
func TestMoves(t *testing.T) {
	matrix := map[PayoutState]string{
		//          p a u s c f
		Pending:    ". x . x . x",
		Authorised: ". . x x . x",
		Unknown:    ". x . x . x",
		Settled:    ". . x . x .",
		Confirmed:  ". . . . . .",
		Failed:     "x . . . . .",
	}
	for _, from := range states {
		row := strings.Fields(matrix[from])
		for i, to := range states {
			if got, want := from.CanMove(to), row[i] == "x"; got != want {
				t.Errorf("%s -> %s: %t, want %t", from, to, got, want)
			}
		}
		if got, want := from.Final(), from == Confirmed || from == Failed; got != want {
			t.Errorf("%s is final: %t", from, got)
		}
	}
	if PayoutState("lost").CanMove(Pending) || Pending.CanMove("lost") {
		t.Error("an unknown state moves")
	}
}

var (
	t0       = time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	txA, txB = common.HexToHash("0xaa"), common.HexToHash("0xbb")
	hash64   = strings.Repeat("ab", 32)
	wide     = PayoutCaps{PerPayout: 1_000_000, PerDay: 1_000_000}
)

// payoutIn is a payout in the given state, reached by legal moves only, and
// the books it belongs to.
func payoutIn(t *testing.T, state PayoutState) (Payout, Credits) {
	t.Helper()
	c := Credits{Pending: 10_000, TotalEarned: 10_000, PayoutSeq: 1, PendingResults: 4}
	o, err := c.OpenPayout(10_000)
	if err != nil || o == nil {
		t.Fatal(o, err)
	}
	p := NewPayout(common.HexToAddress("0x77"), *o, PayoutPolicy{ChainID: 84532, Treasury: common.HexToAddress("0x99"), PublishGrace: time.Minute}, t0)
	step := func(changed bool, err error) {
		if err != nil || !changed {
			t.Fatalf("on the way to %s: %t, %v", state, changed, err)
		}
	}
	switch state {
	case Authorised, Unknown, Settled, Confirmed:
		_, changed, err := p.Authorise(signed(1), wide, 0, t0)
		step(changed, err)
	case Failed:
		step(p.Fail(0, "the recipient is on USDC's blacklist"))
	}
	switch state {
	case Unknown:
		step(true, p.Record(Unknown, "no answer", common.Hash{}, t0))
	case Settled:
		step(true, p.Record(Settled, "", txA, t0))
	case Confirmed:
		step(p.Confirm(&c, txA, 7, t0))
	}
	if p.State != state {
		t.Fatalf("made a payout in state %s, want %s", p.State, state)
	}
	return p, c
}

func signed(mark byte) AuthorizationRecord {
	sig := make([]byte, 65)
	sig[0] = mark
	return AuthorizationRecord{ResultsHash: hash64, ValidBefore: t0.Add(time.Hour).Unix(), Signature: sig, Block: uint64(mark)}
}

// TestVerbsInEveryState drives each verb from each state; what is not listed
// must fail with ErrMove or ErrFinal and change nothing.
func TestVerbsInEveryState(t *testing.T) {
	type outcome struct {
		state PayoutState
		err   error
	}
	no := func(err error) outcome { return outcome{err: err} }
	to := func(s PayoutState) outcome { return outcome{state: s} }
	verbs := []struct {
		name string
		do   func(*Payout, *Credits) error
		want [6]outcome // in the order of states
	}{
		{"lease", func(p *Payout, _ *Credits) error { return p.Lease("me", t0, time.Minute) },
			[6]outcome{to(Pending), to(Authorised), to(Unknown), to(Settled), no(ErrFinal), no(ErrFinal)}},
		{"authorise", func(p *Payout, _ *Credits) error { _, _, err := p.Authorise(signed(2), wide, 0, t0); return err },
			[6]outcome{to(Authorised), to(Authorised), to(Unknown), to(Settled), no(ErrFinal), no(ErrFinal)}},
		{"record pending", record(Pending, common.Hash{}),
			[6]outcome{to(Pending), no(ErrMove), no(ErrMove), no(ErrMove), no(ErrFinal), no(ErrFinal)}},
		{"record authorised", record(Authorised, common.Hash{}),
			[6]outcome{no(ErrMove), to(Authorised), no(ErrMove), no(ErrMove), no(ErrFinal), no(ErrFinal)}},
		{"record unknown", record(Unknown, common.Hash{}),
			[6]outcome{no(ErrMove), to(Unknown), to(Unknown), to(Unknown), no(ErrFinal), no(ErrFinal)}},
		{"record settled", record(Settled, txB),
			[6]outcome{to(Settled), to(Settled), to(Settled), to(Settled), no(ErrFinal), no(ErrFinal)}},
		{"record confirmed", record(Confirmed, txB),
			[6]outcome{no(ErrMove), no(ErrMove), no(ErrMove), no(ErrMove), no(ErrFinal), no(ErrFinal)}},
		{"record failed", record(Failed, common.Hash{}),
			[6]outcome{no(ErrMove), no(ErrMove), no(ErrMove), no(ErrMove), no(ErrFinal), no(ErrFinal)}},
		{"confirm", func(p *Payout, c *Credits) error { _, err := p.Confirm(c, txA, 9, t0); return err },
			[6]outcome{to(Confirmed), to(Confirmed), to(Confirmed), to(Confirmed), to(Confirmed), no(ErrFinal)}},
		{"fail", func(p *Payout, _ *Credits) error { _, err := p.Fail(p.ValidBefore, "why"); return err },
			[6]outcome{to(Failed), to(Failed), to(Failed), no(ErrMove), no(ErrFinal), to(Failed)}},
		{"requeue", func(p *Payout, _ *Credits) error { _, err := p.Requeue(t0); return err },
			[6]outcome{to(Pending), to(Authorised), to(Unknown), to(Settled), no(ErrFinal), to(Pending)}},
	}
	for _, v := range verbs {
		for i, from := range states {
			p, c := payoutIn(t, from)
			oldP, oldC := p, c
			err := v.do(&p, &c)
			if want := v.want[i]; want.err != nil {
				if !errors.Is(err, want.err) || !reflect.DeepEqual(p, oldP) || c != oldC {
					t.Errorf("%s in %s: %v, want %v and no change", v.name, from, err, want.err)
				}
			} else if err != nil || p.State != want.state {
				t.Errorf("%s in %s: %s, %v; want %s", v.name, from, p.State, err, want.state)
			}
			if p.Nonce != oldP.Nonce || p.Amount != oldP.Amount || p.ID != oldP.ID {
				t.Errorf("%s in %s changed who is paid what: %+v", v.name, from, p)
			}
			if p.State.Final() != p.WorkAt.IsZero() {
				t.Errorf("%s in %s: %s, due %v", v.name, from, p.State, p.WorkAt)
			}
			if err := c.Check(); err != nil {
				t.Errorf("%s in %s: %v", v.name, from, err)
			}
		}
	}
}

func record(next PayoutState, tx common.Hash) func(*Payout, *Credits) error {
	return func(p *Payout, _ *Credits) error { return p.Record(next, "why", tx, t0) }
}

func TestRecordRefusesHalfFacts(t *testing.T) {
	for name, do := range map[string]func(*Payout) error{
		"settled without a transaction": func(p *Payout) error { return p.Record(Settled, "", common.Hash{}, t0) },
		"unknown with a transaction":    func(p *Payout) error { return p.Record(Unknown, "x", txA, t0) },
		"waiting for no time":           func(p *Payout) error { return p.Record(Unknown, "x", common.Hash{}, time.Time{}) },
		"failed without a reason":       func(p *Payout) error { _, err := p.Fail(p.ValidBefore, ""); return err },
	} {
		p, _ := payoutIn(t, Authorised)
		old := p
		if err := do(&p); err == nil || !reflect.DeepEqual(p, old) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALostBlockTakesTheTransactionBack(t *testing.T) {
	p, _ := payoutIn(t, Settled)
	if err := p.Record(Unknown, "its block is gone", common.Hash{}, t0); err != nil || p.UsdcTx != (common.Hash{}) {
		t.Errorf("unknown with transaction %s, %v", p.UsdcTx, err)
	}
}

func TestLeaseIsForOneOwnerUntilItsEnd(t *testing.T) {
	p, _ := payoutIn(t, Pending)
	lease := func(owner string, at, ttl time.Duration, want error, attempts int64) {
		t.Helper()
		if err := p.Lease(owner, t0.Add(at), ttl); !errors.Is(err, want) || p.Attempts != attempts {
			t.Errorf("%s at %v: %v (%d attempts), want %v (%d)", owner, at, err, p.Attempts, want, attempts)
		}
	}
	lease("a", 0, 30*time.Second, nil, 1)
	if !p.WorkAt.Equal(t0.Add(30 * time.Second)) {
		t.Errorf("a leased payout is due at %v, want the lease's end", p.WorkAt)
	}
	lease("b", 29*time.Second, time.Minute, ErrLeased, 1)
	lease("a", 29*time.Second, time.Minute, nil, 1) // the same attempt goes on
	lease("b", 31*time.Second, time.Minute, ErrLeased, 1)
	due := p.WorkAt
	if p.Release("b") || p.Release("") || !p.Release("a") || p.Release("a") {
		t.Error("a lease is ended by its owner, once, and by nobody else")
	}
	if !p.WorkAt.Equal(due) {
		t.Errorf("released, it is due at %v, before at %v", p.WorkAt, due)
	}
	lease("b", 40*time.Second, time.Minute, nil, 2)
	lease("c", 100*time.Second, time.Minute, nil, 3) // the first moment after b's
}

// Whoever decides that an authorization is dead fails that one only, and not
// the one that another attempt has signed in between.
func TestFailIsForWhatWasSeen(t *testing.T) {
	p, _ := payoutIn(t, Pending)
	none := p.ValidBefore
	if _, _, err := p.Authorise(signed(1), wide, 0, t0); err != nil {
		t.Fatal(err)
	}
	first := p.ValidBefore
	if changed, err := p.Fail(none, "results do not add up"); changed || !errors.Is(err, ErrMove) {
		t.Errorf("an attempt that saw nothing signed: %t, %v", changed, err)
	}
	again := signed(2)
	again.ValidBefore, again.ReplaceExpired = t0.Add(5*time.Hour).Unix(), true
	if _, _, err := p.Authorise(again, wide, 0, t0.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if changed, err := p.Fail(first, "blocked"); changed || !errors.Is(err, ErrMove) || p.State != Authorised {
		t.Errorf("an attempt that saw the first authorization dead: %t, %v, %s", changed, err, p.State)
	}
	if changed, err := p.Fail(again.ValidBefore, "blocked"); !changed || err != nil || p.State != Failed {
		t.Errorf("an attempt that saw the second one dead: %t, %v, %s", changed, err, p.State)
	}
	if changed, err := p.Fail(first, "blocked"); changed || err != nil {
		t.Errorf("when it has failed: %t, %v", changed, err)
	}
}

// A hint that comes before its time does not move the time, and can be told
// from one that is due.
func TestEarlyHint(t *testing.T) {
	p, _ := payoutIn(t, Authorised)
	wait := t0.Add(10 * time.Minute)
	if err := p.Record(Unknown, "no answer", common.Hash{}, wait); err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration, early bool, due time.Time) {
		t.Helper()
		now := t0.Add(d)
		if err := p.Lease("a", now, time.Minute); err != nil {
			t.Fatal(err)
		}
		if p.Early(now) != early || !p.WorkAt.Equal(due) {
			t.Errorf("at %v: early %t, due at %v", d, p.Early(now), p.WorkAt)
		}
	}
	at(time.Minute, true, wait)
	p.Release("a")
	at(2*time.Minute, true, wait)
	at(10*time.Minute, false, t0.Add(11*time.Minute))
	at(10*time.Minute+time.Second, false, t0.Add(11*time.Minute+time.Second)) // the same attempt goes on
	p, _ = payoutIn(t, Pending)
	p.WorkAt = wait // the sweep leaves it to the first hint so long
	at(time.Minute, false, t0.Add(2*time.Minute))
}

func TestConfirmBooksOnce(t *testing.T) {
	p, c := payoutIn(t, Settled)
	if changed, err := p.Confirm(&c, txA, 9, t0); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if c.InFlight != 0 || c.TotalPaid != 10_000 || !p.ReceiptDueAt.Equal(t0) || p.UsdcBlock != 9 || p.LeaseOwner != "" {
		t.Errorf("books %+v, payout %+v", c, p)
	}
	oldP, oldC := p, c
	if changed, err := p.Confirm(&c, txA, 10, t0.Add(time.Hour)); changed || err != nil {
		t.Errorf("again: %t, %v", changed, err)
	}
	if changed, err := p.Confirm(&c, txB, 9, t0); changed || !errors.Is(err, ErrConflict) {
		t.Errorf("by another transaction: %t, %v", changed, err)
	}
	if !reflect.DeepEqual(p, oldP) || c != oldC {
		t.Errorf("a second confirmation changed %+v, %+v", p, c)
	}
	p, c = payoutIn(t, Settled)
	if changed, err := p.Confirm(&c, common.Hash{}, 9, t0); changed || err == nil {
		t.Errorf("without a transaction: %t, %v", changed, err)
	}
	c.InFlight--
	if changed, err := p.Confirm(&c, txA, 9, t0); changed || !errors.Is(err, ErrBooks) || p.State != Settled {
		t.Errorf("on bent books: %t, %v", changed, err)
	}
}
