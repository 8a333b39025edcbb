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
	if !reflect.DeepEqual(b, old) {
		t.Errorf("a refused verb changed %+v", b)
	}
}

// What used a batch's account nonce decides what becomes of it: a transaction
// with its own receipts confirms it, recorded or not; any other takes its place.
func TestAdopt(t *testing.T) {
	use := func(change func(*NonceUse)) NonceUse {
		b := openBatch()
		u := NonceUse{BatchKey: b.BatchKey, Tx: txB, Block: 9, To: b.LogAddress, Calldata: b.Calldata, Receipts: []PayoutID{{Seq: 1}, {Seq: 2}}}
		change(&u)
		return u
	}
	sent := func() ReceiptBatch {
		b := openBatch()
		if err := b.Broadcast(txA, big.NewInt(1), big.NewInt(1), t0); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range []struct {
		name    string
		batch   ReceiptBatch
		use     NonceUse
		carried bool
		hashes  []common.Hash
	}{
		{"its own, which the node forgot", sent(), use(func(u *NonceUse) { u.Tx = txA }), true, []common.Hash{txA}},
		{"its receipts, in a transaction that is not recorded", sent(), use(func(*NonceUse) {}), true, []common.Hash{txA, txB}},
		{"its receipts, never recorded at all", openBatch(), use(func(*NonceUse) {}), true, []common.Hash{txB}},
		{"other receipts", sent(), use(func(u *NonceUse) { u.Calldata = []byte("others") }), false, []common.Hash{txB}},
		{"to somewhere else", sent(), use(func(u *NonceUse) { u.To[0] = 9; u.Receipts = nil }), false, []common.Hash{txB}},
	} {
		b := tt.batch
		changed, carried, err := b.Adopt(tt.use, t0)
		state := BatchAdopted
		if tt.carried {
			state = BatchConfirmed
		}
		if err != nil || !changed || carried != tt.carried || b.State != state || b.LogTx != tt.use.Tx || b.LogBlock != 9 || !reflect.DeepEqual(b.TxHashes, tt.hashes) {
			t.Errorf("%s: %t, %t, %v: %+v", tt.name, changed, carried, err, b)
		}
		if !tt.carried && (b.ReceiptCount != int64(len(tt.use.Receipts)) || (len(b.Calldata) > 0) != (len(tt.use.Receipts) > 0) || b.LogAddress != tt.use.To) {
			t.Errorf("%s: %+v is not what the nonce was used for", tt.name, b)
		}
		old := b
		if changed, _, err := b.Adopt(tt.use, t0); changed || err != nil {
			t.Errorf("%s, again: %t, %v", tt.name, changed, err)
		}
		another := tt.use
		another.Tx = common.HexToHash("0xcc")
		if changed, _, err := b.Adopt(another, t0); changed || !errors.Is(err, ErrConflict) {
			t.Errorf("%s, then another: %t, %v", tt.name, changed, err)
		}
		if changed, err := b.Confirm(common.HexToHash("0xcc"), 9); changed || !errors.Is(err, ErrConflict) {
			t.Errorf("%s, then confirmed by another: %t, %v", tt.name, changed, err)
		}
		if err := b.Broadcast(txA, big.NewInt(1), big.NewInt(1), t0); !errors.Is(err, ErrFinal) {
			t.Errorf("%s, then sent: %v", tt.name, err)
		}
		if !reflect.DeepEqual(b, old) {
			t.Errorf("%s: a refused verb changed %+v", tt.name, b)
		}
	}
	for name, u := range map[string]NonceUse{
		"another nonce":  use(func(u *NonceUse) { u.AccountNonce++ }),
		"no transaction": use(func(u *NonceUse) { u.Tx = common.Hash{} }),
	} {
		b := openBatch()
		if changed, _, err := b.Adopt(u, t0); changed || err == nil || !reflect.DeepEqual(b, openBatch()) {
			t.Errorf("%s: %t, %v", name, changed, err)
		}
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
