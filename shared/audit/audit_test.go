package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
)

var (
	alice  = common.HexToAddress("0xa11ce00000000000000000000000000000000001")
	bob    = common.HexToAddress("0xb0b0000000000000000000000000000000000002")
	sender = common.HexToAddress("0x5e4de40000000000000000000000000000000003")
	other  = common.HexToAddress("0x5e4de40000000000000000000000000000000004")

	scope = Scope{
		ChainID: 84532, Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x77"),
		LogAddress: common.HexToAddress("0x10"), Senders: []common.Address{sender},
	}
)

// fakeChain holds transfers and log transactions; hidden transfers are left
// out of ranges, and fail fails a reading.
type fakeChain struct {
	moved, hidden []chain.Transfer
	logs          []chain.LogTransaction
	fail          func(reading string) error
}

func (f *fakeChain) TransfersFrom(_ context.Context, token, treasury common.Address, from, to uint64, yield func(chain.Transfer) error) error {
	if token != scope.Token || treasury != scope.Treasury {
		return errors.New("asked for another token or treasury")
	}
	for _, m := range f.moved {
		if m.Block >= from && m.Block <= to {
			if err := yield(m); err != nil {
				return err
			}
		}
	}
	return f.failure("transfers")
}

func (f *fakeChain) LogTransactions(_ context.Context, logAddress common.Address, from, to uint64, yield func(chain.LogTransaction) error) error {
	if logAddress != scope.LogAddress {
		return errors.New("asked for another log address")
	}
	byBlock := func(a, b chain.LogTransaction) int { return cmp.Compare(a.Block, b.Block) }
	for _, l := range slices.SortedStableFunc(slices.Values(f.logs), byBlock) {
		if l.Block >= from && l.Block <= to {
			if err := yield(l); err != nil {
				return err
			}
		}
	}
	return f.failure("logs")
}

func (f *fakeChain) LogTransactionsOf(ctx context.Context, sender, logAddress common.Address, from, to uint64, yield func(chain.LogTransaction) error) error {
	return f.LogTransactions(ctx, logAddress, from, to, func(l chain.LogTransaction) error {
		if l.Sender != sender {
			return nil
		}
		return yield(l)
	})
}

func (f *fakeChain) TransfersIn(_ context.Context, token, treasury common.Address, tx common.Hash) (found []chain.Transfer, err error) {
	if token != scope.Token || treasury != scope.Treasury {
		return nil, errors.New("asked for another token or treasury")
	}
	for _, m := range append(f.moved, f.hidden...) {
		if m.Tx == tx {
			found = append(found, m)
		}
	}
	return found, f.failure("transaction")
}

func (f *fakeChain) failure(reading string) error {
	if f.fail == nil {
		return nil
	}
	return f.fail(reading)
}

func id(worker common.Address, seq int64) ledger.PayoutID {
	return ledger.PayoutID{Worker: worker, Seq: seq}
}

// pay adds the transfer of a payout and returns its true receipt.
func (f *fakeChain) pay(block uint64, p ledger.PayoutID, amount ledger.Micros) receipt.Receipt {
	tx := common.BytesToHash([]byte{0xee, byte(block), byte(len(f.moved))})
	f.moved = append(f.moved, chain.Transfer{
		Block: block, Tx: tx, To: p.Worker, Value: amount, Nonce: ledger.PayoutNonce(scope.ChainID, scope.Treasury, p),
	})
	return receipt.Receipt{PayoutID: p, AmountMicros: amount, ResultCount: 7, ResultsHash: strings.Repeat("ab", 32), PayoutTxHash: tx, TS: 1}
}

func (f *fakeChain) log(t *testing.T, block uint64, from common.Address, rs ...receipt.Receipt) common.Hash {
	t.Helper()
	encode := receipt.EncodeJSON
	if block%2 == 0 {
		encode = receipt.EncodeCompact
	}
	calldata, err := encode(rs)
	if err != nil {
		t.Fatal(err)
	}
	return f.logRaw(block, from, calldata)
}

func (f *fakeChain) logRaw(block uint64, from common.Address, calldata []byte) common.Hash {
	tx := common.BytesToHash([]byte{0x10, byte(block), byte(len(f.logs))})
	f.logs = append(f.logs, chain.LogTransaction{Block: block, Index: uint64(len(f.logs)), Tx: tx, Sender: from, Calldata: calldata})
	return tx
}

func walk(t *testing.T, f *fakeChain, s Scope, to uint64) Report {
	t.Helper()
	trail := New(s)
	if err := trail.Walk(t.Context(), f, 0, to); err != nil {
		t.Fatal(err)
	}
	return trail.Report()
}

func TestAgreement(t *testing.T) {
	f := &fakeChain{}
	a1, b1 := f.pay(3, id(alice, 1), 10_000), f.pay(4, id(bob, 1), 10_200)
	a2 := f.pay(6, id(alice, 2), 12_345)
	first := f.log(t, 5, sender, a1, b1)
	second := f.log(t, 8, sender, a2)
	r := walk(t, f, scope, 9)
	if !r.OK() || r.From != 0 || r.To != 9 || len(r.Waiting) != 0 {
		t.Errorf("report %+v", r)
	}
	want := []Payout{{a1, first, 5, 3}, {b1, first, 5, 4}, {a2, second, 8, 6}}
	if !slices.Equal(r.Payouts, want) {
		t.Errorf("payouts\n got %+v\nwant %+v", r.Payouts, want)
	}
	if !slices.Equal(r.Workers, []Worker{{alice, 2, 14, 22_345}, {bob, 1, 7, 10_200}}) {
		t.Errorf("workers %+v", r.Workers)
	}
}

// Each disagreement is found, named by its kind, and no payout that it touches
// counts as verified.
func TestDisagreements(t *testing.T) {
	for _, c := range []struct {
		name     string
		chain    func(t *testing.T, f *fakeChain, good receipt.Receipt)
		want     []Kind
		verified int // besides alice's payout 1, which is good throughout
	}{
		{"receipt without transfer", func(t *testing.T, f *fakeChain, r receipt.Receipt) {
			r.PayoutID = id(bob, 9)
			f.log(t, 6, sender, r)
		}, []Kind{NoTransfer}, 0},
		{"transfer without receipt", func(_ *testing.T, f *fakeChain, _ receipt.Receipt) { f.pay(5, id(bob, 1), 1) }, []Kind{NoReceipt}, 0},
		{"plain transfer", func(_ *testing.T, f *fakeChain, _ receipt.Receipt) {
			f.moved = append(f.moved, chain.Transfer{Block: 5, Tx: common.Hash{9}, To: bob, Value: 5})
		}, []Kind{NoReceipt}, 0},
		{"two plain transfers", func(_ *testing.T, f *fakeChain, _ receipt.Receipt) {
			f.moved = append(f.moved, chain.Transfer{Block: 5, Tx: common.Hash{9}, To: bob, Value: 5}, chain.Transfer{Block: 5, Tx: common.Hash{9}, To: bob, Value: 5, LogIndex: 1})
		}, []Kind{NoReceipt, NoReceipt}, 0},
		{"more received than sent", func(t *testing.T, f *fakeChain, _ receipt.Receipt) {
			r := f.pay(5, id(bob, 1), 10_000)
			r.AmountMicros++
			f.log(t, 6, sender, r)
		}, []Kind{WrongAmount}, 0},
		{"another recipient", func(t *testing.T, f *fakeChain, _ receipt.Receipt) {
			r := f.pay(5, id(bob, 1), 10_000)
			f.moved[len(f.moved)-1].To = alice
			f.log(t, 6, sender, r)
		}, []Kind{WrongRecipient}, 0},
		{"another transaction", func(t *testing.T, f *fakeChain, good receipt.Receipt) {
			r := f.pay(5, id(bob, 1), 10_000)
			r.PayoutTxHash = good.PayoutTxHash
			f.log(t, 6, sender, r)
		}, []Kind{WrongTransaction}, 0},
		{"somebody else's payout number", func(t *testing.T, f *fakeChain, _ receipt.Receipt) {
			r := f.pay(5, id(bob, 1), 10_000)
			r.PayoutID.Seq = 2
			f.log(t, 6, sender, r)
		}, []Kind{NoTransfer, NoReceipt}, 0},
		{"the same receipt twice", func(t *testing.T, f *fakeChain, good receipt.Receipt) { f.log(t, 6, sender, good) }, []Kind{DoubleReceipt}, 0},
		{"a second receipt with other numbers", func(t *testing.T, f *fakeChain, good receipt.Receipt) {
			good.ResultCount++
			f.log(t, 7, sender, good)
		}, []Kind{DoubleReceipt}, 0},
		{"a receipt by a stranger", func(t *testing.T, f *fakeChain, good receipt.Receipt) { f.log(t, 6, other, good) }, []Kind{UnknownSender}, 0},
		{"noise by a stranger", func(_ *testing.T, f *fakeChain, _ receipt.Receipt) { f.logRaw(6, other, []byte("gm")) }, nil, 0},
		{"noise by the sender", func(_ *testing.T, f *fakeChain, _ receipt.Receipt) { f.logRaw(6, sender, []byte("gm")) }, []Kind{Unreadable}, 0},
		{"nothing from the sender", func(_ *testing.T, f *fakeChain, _ receipt.Receipt) { f.logRaw(6, sender, nil) }, []Kind{Unreadable}, 0},
		{"a good one after a bad one", func(t *testing.T, f *fakeChain, _ receipt.Receipt) {
			f.logRaw(5, sender, []byte("{"))
			f.log(t, 6, sender, f.pay(5, id(bob, 1), 10_000))
		}, []Kind{Unreadable}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeChain{}
			good := f.pay(2, id(alice, 1), 10_000)
			f.log(t, 3, sender, good)
			c.chain(t, f, good)
			r := walk(t, f, scope, 9)
			var kinds []Kind
			for _, d := range r.Disagreements {
				kinds = append(kinds, d.Kind)
				if s := d.String(); !strings.Contains(s, string(d.Kind)) || !strings.Contains(s, d.Tx.Hex()) {
					t.Errorf("%q does not say what and where", s)
				}
			}
			if !slices.Equal(kinds, c.want) || r.OK() != (len(c.want) == 0) || len(r.Payouts) != 1+c.verified {
				t.Errorf("kinds %q, want %q; %d payouts verified, want %d\n%v", kinds, c.want, len(r.Payouts), 1+c.verified, r.Disagreements)
			}
		})
	}
}

// A young payout may wait for its receipt; a plain transfer may not, for none
// will ever come.
func TestGrace(t *testing.T) {
	s := scope
	s.Grace = 3
	f := &fakeChain{}
	f.pay(7, id(alice, 1), 1) // block 7 of 0 to 9 is the third newest but one
	f.pay(6, id(alice, 2), 2)
	f.moved = append(f.moved, chain.Transfer{Block: 9, To: bob, Value: 5})
	r := walk(t, f, s, 9)
	if len(r.Waiting) != 1 || r.Waiting[0].Block != 7 || len(r.Disagreements) != 2 {
		t.Errorf("waiting %+v, disagreements %v", r.Waiting, r.Disagreements)
	}
}

// Walking in steps, with failures on the way, comes out like walking at once.
func TestWalkInSteps(t *testing.T) {
	f := &fakeChain{}
	for seq := range int64(20) {
		r := f.pay(uint64(seq*4), id(alice, seq+1), ledger.Micros(10_000+seq))
		f.log(t, uint64(seq*4+2), sender, r)
	}
	f.logRaw(30, sender, []byte("x"))
	want := walk(t, f, scope, 99)

	trail := New(scope)
	broken := errors.New("node gone")
	calls := 0
	f.fail = func(string) error {
		calls++
		if calls%3 == 0 {
			return broken
		}
		return nil
	}
	failures := 0
	for trail.Next() < 100 {
		from := trail.Next()
		err := trail.Walk(t.Context(), f, from, min(from+6, 99))
		if errors.Is(err, broken) {
			failures++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got := trail.Report()
	if failures == 0 || !slices.Equal(got.Payouts, want.Payouts) || !slices.Equal(got.Workers, want.Workers) || !slices.Equal(got.Disagreements, want.Disagreements) || got.To != want.To {
		t.Errorf("after %d failures:\n got %+v\nwant %+v", failures, got, want)
	}
	for _, r := range [][2]uint64{{101, 110}, {99, 110}, {100, 99}} {
		if err := trail.Walk(t.Context(), f, r[0], r[1]); !errors.Is(err, ErrGap) {
			t.Errorf("blocks %v after 99: %v", r, err)
		}
	}
}
