package processpayout

import (
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

func TestDecideBatch(t *testing.T) {
	policy := DefaultLogPolicy()
	fees := func(cap, tip int64) chain.Fees {
		return chain.Fees{FeeCap: big.NewInt(cap), TipCap: big.NewInt(tip)}
	}
	market := fees(1000, 10)
	sent := func(ago time.Duration, feeCap int64) ledger.ReceiptBatch {
		return ledger.ReceiptBatch{
			BatchKey: ledger.BatchKey{AccountNonce: 7}, State: ledger.BatchOpen, TxHashes: []common.Hash{tx1},
			FeeCap: big.NewInt(feeCap), TipCap: big.NewInt(10), SentAt: t0.Add(-ago),
		}
	}
	fresh := ledger.ReceiptBatch{BatchKey: ledger.BatchKey{AccountNonce: 7}, State: ledger.BatchOpen}
	const stuck, old = 2 * time.Minute, 2 * time.Hour
	tests := []struct {
		name string
		view BatchView
		want BatchStep
	}{
		{"safe", BatchView{Batch: sent(stuck, 1000), Mined: &chain.Mined{Tx: tx1, Block: 9, Safe: true}, Safe: 8, Latest: 8}, LogConfirm{Tx: tx1, Block: 9}},
		{"reverted", BatchView{Batch: sent(stuck, 1000), Mined: &chain.Mined{Tx: tx1, Block: 9, Safe: true, Reverted: true}, Safe: 8, Latest: 8}, LogConfirm{Tx: tx1, Block: 9, Reverted: true}},
		{"mined, not safe", BatchView{Batch: sent(old, 1000), Mined: &chain.Mined{Tx: tx1, Block: 9}, Safe: 7, Latest: 8}, LogWait{}},
		{"new", BatchView{Batch: fresh, Safe: 7, Latest: 7}, LogSend{market}},
		{"new, others before it", BatchView{Batch: fresh, Safe: 3, Latest: 5}, LogSend{market}},
		{"on its way", BatchView{Batch: sent(time.Second, 1000), Safe: 7, Latest: 7}, LogResend{fees(1000, 10)}},
		{"stuck", BatchView{Batch: sent(stuck, 1000), Safe: 7, Latest: 7}, LogSend{fees(1125, 12)}},
		{"stuck, the market is higher", BatchView{Batch: sent(stuck, 100), Safe: 7, Latest: 7}, LogSend{fees(1000, 12)}},
		{"stuck at the highest fee, the market is low", BatchView{Batch: sent(stuck, 9_999_999_999), Safe: 7, Latest: 7}, LogSend{market}},
		{"overtaken, not safe", BatchView{Batch: sent(old, 1000), Safe: 7, Latest: 8}, LogWait{}},
		{"overtaken for good", BatchView{Batch: sent(time.Second, 1000), Safe: 8, Latest: 8}, LogAdopt{}},
		{"overtaken before anything was signed", BatchView{Batch: fresh, Safe: 8, Latest: 9}, LogAdopt{}},
		{"overtaken before anything was signed, not safe", BatchView{Batch: fresh, Safe: 7, Latest: 9}, LogWait{}},
	}
	for _, tt := range tests {
		tt.view.Now, tt.view.Market = t0, market
		got := policy.DecideBatch(tt.view)
		if w, ok := got.(LogWait); ok && w.Reason != "" {
			got = LogWait{}
		}
		if !sameBatchStep(got, tt.want) {
			t.Errorf("%s: %#v, want %#v", tt.name, got, tt.want)
		}
	}
}

func sameBatchStep(a, b BatchStep) bool {
	same := func(a, b chain.Fees) bool { return a.FeeCap.Cmp(b.FeeCap) == 0 && a.TipCap.Cmp(b.TipCap) == 0 }
	switch a := a.(type) {
	case LogSend:
		b, ok := b.(LogSend)
		return ok && same(a.Fees, b.Fees)
	case LogResend:
		b, ok := b.(LogResend)
		return ok && same(a.Fees, b.Fees)
	}
	return a == b
}

// While the first log transactions never get mined, fees rise by at least a
// tenth each time, the data and the nonce stay, and in the end one is mined.
func TestStuckLogTransactionIsReplaced(t *testing.T) {
	w := newWorld(t, 1)
	w.chain.stuck[w.keys.log.Address()] = true
	id := w.open(simWorker(1))
	var last *big.Int
	rises := 0
	for range 80 {
		w.round()
		for _, b := range w.store.openBatches(w.keys.log.Address()) {
			if last != nil && b.FeeCap.Cmp(last) > 0 {
				rises++
				if tenth := new(big.Int).Div(new(big.Int).Mul(last, big.NewInt(11)), big.NewInt(10)); b.FeeCap.Cmp(tenth) < 0 {
					t.Fatalf("from %v to %v is less than a tenth more", last, b.FeeCap)
				}
			}
			last = b.FeeCap
			if b.AccountNonce != 0 {
				t.Fatalf("another account nonce, %d", b.AccountNonce)
			}
		}
	}
	if rises < 3 {
		t.Fatalf("fees rose %d times in 20 minutes", rises)
	}
	if p := w.store.payouts[id]; p.State != ledger.Confirmed {
		t.Errorf("without a receipt the payout is %s", p.State)
	}
	w.chain.stuck = nil
	w.quiet(40)
}

// Receipts that wait are written by the payout that makes the batch full, and
// a failure to do so leaves the payout confirmed.
func TestAfterConfirm(t *testing.T) {
	for _, broken := range []bool{false, true} {
		w := newWorld(t, 1)
		w.logPolicy.BatchMin = 2
		w.chain.safeDepth = 0
		if broken {
			w.fault = func(name string) fault {
				if name == "Broadcast" || name == "SuggestFees" {
					return failBefore
				}
				return healthy
			}
		}
		for i := range int64(2) {
			id := w.open(simWorker(i))
			rec := w.post("POST", push(t, `{"payout":"`+id.String()+`"}`))
			if p := w.store.payouts[id]; rec.Code != 200 || p.State != ledger.Confirmed {
				t.Fatalf("broken %t: answered %d, payout %s is %s", broken, rec.Code, id, p.State)
			}
			if n, want := len(w.store.batches), int(i); n != want {
				t.Errorf("broken %t: after %d payouts %d batches, want %d", broken, i+1, n, want)
			}
		}
		w.fault = func(string) fault { return healthy }
		w.queue = nil
		w.quiet(40)
		for _, b := range w.store.batches {
			if b.ReceiptCount != 2 {
				t.Errorf("broken %t: a batch of %d", broken, b.ReceiptCount)
			}
		}
	}
}

// Somebody else who has the log sender's key uses a batch's account nonce: its
// receipts move to another batch as soon as that is safe, and are on chain once.
func TestForeignTransactionTakesTheNonce(t *testing.T) {
	for _, sent := range []bool{false, true} {
		w := newWorld(t, 1)
		id := w.open(simWorker(1))
		w.reserveOnly(sent)
		foreign := chain.Tx{ChainID: 84532, To: simWorker(9), Gas: 21_000, Fees: chain.Fees{FeeCap: big.NewInt(5_000_000), TipCap: big.NewInt(5_000)}}
		raw, _, err := chain.BuildTx(t.Context(), w.keys.log, foreign)
		if err != nil {
			t.Fatal(err)
		}
		if said, err := w.chain.broadcast(raw); err != nil || said != chain.Accepted {
			t.Fatalf("the foreign transaction: %s, %v", said, err)
		}
		w.goOn()
		taken := w.now
		w.quiet(30)
		if took := w.now.Sub(taken); took > 6*time.Minute {
			t.Errorf("it took %v", took)
		}
		first := w.store.batches[ledger.BatchKey{Sender: w.keys.log.Address()}]
		if p := w.store.payouts[id]; first.State != ledger.BatchAdopted || first.ReceiptCount != 0 || p.ReceiptBatch.AccountNonce != 1 {
			t.Errorf("sent %t: the first batch is %+v, the receipt in that of nonce %d", sent, first, p.ReceiptBatch.AccountNonce)
		}
	}
}

// reserveOnly runs until a batch is reserved, or sent, that is not mined.
func (w *world) reserveOnly(sent bool) {
	w.chain.stuck = map[common.Address]bool{w.keys.log.Address(): true}
	if !sent {
		w.fault = func(name string) fault {
			if name == "RecordBroadcast" {
				return failBefore
			}
			return healthy
		}
	}
	for len(w.store.openBatches(w.keys.log.Address())) == 0 {
		w.round()
	}
}

// goOn ends what reserveOnly began.
func (w *world) goOn() {
	w.chain.stuck = nil
	w.chain.tick(w.now)
	w.fault = func(string) fault { return healthy }
}

// A log transaction is on chain, and what was recorded of it is lost with the
// hour that the database was set back: it is found by its account nonce.
func TestLogTransactionIsFoundOnChain(t *testing.T) {
	w := newWorld(t, 1)
	id := w.open(simWorker(1))
	w.reserveOnly(false)
	before := w.store.clone()
	w.goOn()
	w.quiet(30)
	want := w.store.payouts[id].LogTx
	*w.store = before // reserved, never recorded
	w.quiet(30)
	if p := w.store.payouts[id]; p.LogTx != want || w.store.batches[*p.ReceiptBatch].State != ledger.BatchConfirmed || len(w.store.batches) != 1 {
		t.Errorf("its receipt is in %s, want %s; batches %+v", p.LogTx, want, w.store.batches)
	}
}
