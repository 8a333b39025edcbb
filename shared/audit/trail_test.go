package audit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// busy is a chain with all that can be read of one, in 100 blocks.
func busy(t *testing.T) *fakeChain {
	t.Helper()
	f := &fakeChain{}
	for seq := range int64(20) {
		r := f.pay(uint64(seq*4), id(alice, seq+1), ledger.Micros(10_000+seq))
		by := sender
		if seq%7 == 3 {
			by = other
		}
		f.log(t, uint64(seq*4+2), by, r)
	}
	f.logRaw(30, sender, []byte("x"))
	f.logRaw(31, common.Address{1}, []byte("gm"))
	f.moved = append(f.moved, chain.Transfer{Block: 99, To: bob, Value: 5})
	return f
}

// A trail that is kept and resumed at any block reports what one walk does.
func TestResume(t *testing.T) {
	f := busy(t)
	want := walk(t, f, scope, 99)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	trail, resumed := New(scope), 0
	for trail.Next() < 100 {
		from := trail.Next()
		if err := trail.Walk(t.Context(), f, from, min(from+rng.Uint64N(9), 99)); err != nil {
			t.Fatal(err)
		}
		hash := common.BigToHash(common.Big1)
		text, err := trail.State(hash)
		if err != nil {
			t.Fatal(err)
		}
		s := scope
		s.Senders = slices.Repeat(scope.Senders, 2) // the same question
		var kept common.Hash
		if trail, kept, err = Resume(s, 0, text); err != nil || kept != hash {
			t.Fatalf("hash %s, %v", kept, err)
		}
		resumed++
	}
	if got := trail.Report(); !reflect.DeepEqual(got, want) || resumed < 10 || len(want.Disagreements) < 5 || want.Strange != 1 {
		t.Errorf("seed %d, resumed %d times:\n got %v\nwant %v", seed, resumed, got.Disagreements, want.Disagreements)
	}
}

func TestResumeRefuses(t *testing.T) {
	trail := New(scope)
	if err := trail.Walk(t.Context(), busy(t), 5, 50); err != nil {
		t.Fatal(err)
	}
	text, err := trail.State(common.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Resume(scope, 5, text); err != nil {
		t.Fatal(err)
	}
	graceful := scope
	graceful.Grace = 100 // is of the report alone
	if _, _, err := Resume(graceful, 5, text); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(s *Scope, first *uint64){
		"chain":    func(s *Scope, _ *uint64) { s.ChainID++ },
		"token":    func(s *Scope, _ *uint64) { s.Token = bob },
		"treasury": func(s *Scope, _ *uint64) { s.Treasury = bob },
		"log":      func(s *Scope, _ *uint64) { s.LogAddress = bob },
		"senders":  func(s *Scope, _ *uint64) { s.Senders = append(slices.Clone(s.Senders), bob) },
		"reading":  func(s *Scope, _ *uint64) { s.SendersOnly = true },
		"first":    func(_ *Scope, first *uint64) { *first = 4 },
	} {
		s, first := scope, uint64(5)
		change(&s, &first)
		if _, _, err := Resume(s, first, text); !errors.Is(err, ErrQuestion) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "{", "{}", "null", "[]", strings.Replace(string(text), `"Version":1`, `"Version":2`, 1), string(text[:len(text)-9])} {
		if _, _, err := Resume(scope, 5, []byte(bad)); !errors.Is(err, ErrState) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// Reading the senders' blocks alone finds what counts, in the same order, and
// nothing of strangers.
func TestSendersOnly(t *testing.T) {
	f := busy(t)
	s := scope
	s.Senders = []common.Address{other, sender}
	want := walk(t, f, s, 99)
	s.SendersOnly = true
	got := walk(t, f, s, 99)
	if want.Strange != 1 || got.Strange != 0 {
		t.Errorf("strange %d and %d", want.Strange, got.Strange)
	}
	want.Strange = 0
	if !reflect.DeepEqual(got, want) || len(got.Payouts) != 20 {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	s.Senders = []common.Address{sender}
	if got := walk(t, f, s, 99); slices.ContainsFunc(got.Disagreements, func(d Disagreement) bool { return d.Kind == UnknownSender }) {
		t.Errorf("a stranger's: %v", got.Disagreements)
	}
}

// Strangers cannot make a trail grow without bound.
func TestManyStrangers(t *testing.T) {
	f := &fakeChain{}
	r := f.pay(1, id(alice, 1), 1)
	f.log(t, 2, sender, r)
	for range maxForeign + 7 {
		f.log(t, 3, other, r)
	}
	report := walk(t, f, scope, 9)
	if len(report.Disagreements) != maxForeign || report.Unlisted != 7 || report.OK() || len(report.Payouts) != 1 {
		t.Errorf("%d listed, %d not", len(report.Disagreements), report.Unlisted)
	}
}

// A transfer before the first block is found by the receipt that names it.
func TestComplete(t *testing.T) {
	f := &fakeChain{}
	early, lied := f.pay(3, id(alice, 1), 10_000), f.pay(4, id(bob, 1), 500)
	lied.AmountMicros++
	never := f.pay(20, id(alice, 2), 1)
	f.moved = f.moved[:2]
	f.log(t, 12, sender, early)
	f.log(t, 13, sender, lied)
	f.log(t, 14, sender, never)
	late := f.pay(15, id(bob, 2), 7)
	f.log(t, 16, sender, late)
	trail := New(scope)
	if err := trail.Walk(t.Context(), f, 10, 19); err != nil {
		t.Fatal(err)
	}
	if r := trail.Report(); len(r.Payouts) != 1 || len(r.Disagreements) != 3 {
		t.Errorf("before: %+v", r)
	}
	for range 2 {
		if err := trail.Complete(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	r := trail.Report()
	if len(r.Payouts) != 2 || r.Payouts[0].Receipt != early || r.Payouts[0].TransferBlock != 3 || r.Payouts[1].Receipt != late {
		t.Errorf("payouts %+v", r.Payouts)
	}
	if fmt.Sprint(kinds(r)) != fmt.Sprint([]Kind{WrongAmount, NoTransfer}) {
		t.Errorf("disagreements %v", r.Disagreements)
	}
	f.fail = func(string) error { return errors.New("node gone") }
	if err := trail.Complete(t.Context(), f); err == nil || !strings.Contains(err.Error(), early.PayoutTxHash.Hex()) {
		t.Errorf("without a node: %v", err)
	}
}

// A node whose logs leave out a transfer that it has is not to be relied on.
func TestCompleteNoticesWhatIsLeftOut(t *testing.T) {
	f := &fakeChain{}
	r := f.pay(12, id(alice, 1), 10_000)
	f.log(t, 14, sender, r)
	f.moved, f.hidden = nil, f.moved
	trail := New(scope)
	if err := trail.Walk(t.Context(), f, 10, 19); err != nil {
		t.Fatal(err)
	}
	if err := trail.Complete(t.Context(), f); !errors.Is(err, ErrLeftOut) {
		t.Errorf("error %v", err)
	}
}

func kinds(r Report) (out []Kind) {
	for _, d := range r.Disagreements {
		out = append(out, d.Kind)
	}
	return out
}
