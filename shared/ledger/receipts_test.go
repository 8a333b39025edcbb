package ledger

import (
	"errors"
	"math/big"
	"reflect"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

func openBatch() ReceiptBatch {
	return ReceiptBatch{BatchKey: BatchKey{common.HexToAddress("0x5e"), 4}, LogAddress: common.HexToAddress("0x10"),
		Calldata: []byte("receipts"), ReceiptCount: 2, State: BatchOpen, CreatedAt: t0}
}

func TestBatchIsConfirmedOnceByOneOfItsOwn(t *testing.T) {
	b := openBatch()
	fee, more := big.NewInt(100), big.NewInt(110)
	step := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	step(b.Broadcast(txA, fee, big.NewInt(1), t0))
	step(b.Broadcast(txA, fee, big.NewInt(1), t0)) // the first answer was lost
	step(b.Broadcast(txB, more, big.NewInt(2), t0))
	if !reflect.DeepEqual(b.TxHashes, []common.Hash{txA, txB}) || b.FeeCap != more {
		t.Errorf("recorded %v at %v", b.TxHashes, b.FeeCap)
	}
	if changed, err := b.Confirm(common.HexToHash("0xcc"), 9); changed || !errors.Is(err, ErrConflict) {
		t.Errorf("confirmed by a stranger: %t, %v", changed, err)
	}
	if changed, err := b.Confirm(txA, 9); !changed || err != nil || b.State != BatchConfirmed || b.LogTx != txA || b.LogBlock != 9 {
		t.Errorf("%t, %v: %+v", changed, err, b)
	}
	old := b
	if changed, err := b.Confirm(txA, 9); changed || err != nil {
		t.Errorf("again: %t, %v", changed, err)
	}
	if changed, err := b.Confirm(txB, 9); changed || !errors.Is(err, ErrConflict) {
		t.Errorf("by its other transaction: %t, %v", changed, err)
	}
	if err := b.Broadcast(common.HexToHash("0xcc"), fee, fee, t0); !errors.Is(err, ErrFinal) {
		t.Errorf("sent after it was confirmed: %v", err)
	}
	if _, err := b.Reassign(5, t0); !errors.Is(err, ErrFinal) {
		t.Errorf("reassigned after it was confirmed: %v", err)
	}
	if !reflect.DeepEqual(b, old) {
		t.Errorf("a refused verb changed %+v", b)
	}
}

func TestReassignedBatchCarriesTheSameReceipts(t *testing.T) {
	b := openBatch()
	if err := b.Broadcast(txA, big.NewInt(1), big.NewInt(1), t0); err != nil {
		t.Fatal(err)
	}
	for _, nonce := range []uint64{0, 4} {
		if _, err := b.Reassign(nonce, t0); err == nil {
			t.Errorf("reassigned to nonce %d, which is used", nonce)
		}
	}
	fresh, err := b.Reassign(7, t0)
	want := openBatch()
	want.AccountNonce = 7
	if err != nil || !reflect.DeepEqual(fresh, want) || b.State != BatchReplaced || b.ReplacedBy != 7 {
		t.Errorf("%+v, %v in place of %+v", fresh, err, b)
	}
	if changed, err := b.Confirm(txA, 9); changed || !errors.Is(err, ErrFinal) {
		t.Errorf("replaced, then confirmed: %t, %v", changed, err)
	}
	if err := b.Broadcast(txB, big.NewInt(1), big.NewInt(1), t0); !errors.Is(err, ErrFinal) {
		t.Errorf("replaced, then sent: %v", err)
	}
}

func TestBroadcastRefusesHalfFacts(t *testing.T) {
	b := openBatch()
	one := big.NewInt(1)
	for _, err := range []error{b.Broadcast(common.Hash{}, one, one, t0), b.Broadcast(txA, nil, one, t0), b.Broadcast(txA, one, nil, t0)} {
		if err == nil || len(b.TxHashes) > 0 {
			t.Errorf("%v, recorded %v", err, b.TxHashes)
		}
	}
}

func TestPayoutPolicyIsChecked(t *testing.T) {
	good := PayoutPolicy{ChainID: 8453, Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x7e"), Threshold: 1}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, bend := range map[string]func(*PayoutPolicy){
		"no chain":          func(p *PayoutPolicy) { p.ChainID = 0 },
		"no token":          func(p *PayoutPolicy) { p.Token = common.Address{} },
		"no treasury":       func(p *PayoutPolicy) { p.Treasury = common.Address{} },
		"token is treasury": func(p *PayoutPolicy) { p.Treasury = p.Token },
		"no threshold":      func(p *PayoutPolicy) { p.Threshold = 0 },
		"negative grace":    func(p *PayoutPolicy) { p.PublishGrace = -1 },
	} {
		p := good
		bend(&p)
		if p.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
