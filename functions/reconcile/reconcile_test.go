package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// A network in order balances, and what has been compared is not compared
// again.
func TestInOrder(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	for i := range 5 {
		w.confirmed(w.worker(i % 2))
	}
	w.receipts()
	_, err := w.Poison(t.Context(), w.worker(7)) // is nobody's payout
	w.must(err)
	report, line := w.run()
	if !report.Balanced || report.Transfers != 5 || report.Payouts != 5 || report.Receipts != 5 || report.Waiting != 0 || report.More ||
		report.Books == nil || report.Books.Payouts != 5 || report.Books.TotalPaid != 1500 || !report.BooksAt.Equal(w.now) {
		t.Errorf("report %+v", report)
	}
	if line["severity"] != "INFO" || line["message"] != "books balance" || line["disagreements"] != 0.0 {
		t.Errorf("logged %v", line)
	}
	if report, _ = w.run(); !report.Balanced || report.Transfers+report.Payouts+report.Receipts != 0 {
		t.Errorf("again: %+v", report)
	}
	w.done(w.worker(1))
	if report, _ = w.run(); !report.Balanced || report.Transfers != 1 || report.Payouts != 1 || report.Receipts != 1 {
		t.Errorf("after one more: %+v", report)
	}
}

// Payouts at every stage are no disagreement, until they have been there for
// too long; once they are done, nothing is left of it.
func TestUnderWay(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.deps.Books = noBooks{}
	w.open(w.worker(1))
	w.authorise(w.open(w.worker(2)))
	logged := w.confirmed(w.worker(4))
	batch := w.reserved()
	tx, block := w.send(batch) // its receipt is on chain, and not booked
	w.confirmed(w.worker(5))   // no receipt yet
	paid := w.open(w.worker(3))
	w.authorise(paid)
	paidTx, paidBlock := w.transfer(paid) // not booked

	report, line := w.run()
	if !report.Balanced || report.Waiting != 4 || line["message"] != "books balance" {
		t.Errorf("%+v, logged %v", report, line)
	}
	w.later(time.Hour)
	report, line = w.run()
	// Of logged both its receipt and its payout wait.
	want := map[string]int{NotBooked: 1, NoReceipt: 2, ReceiptNotBooked: 1}
	if report.Balanced || fmt.Sprint(report.Kinds) != fmt.Sprint(want) || line["message"] != "books do not balance" {
		t.Errorf("an hour later: %+v, logged %v", report, line)
	}
	w.book(paid, paidTx, paidBlock)
	w.bookReceipts(batch, tx, block)
	w.receipts()
	if report, _ = w.run(); !report.Balanced || report.Waiting != 0 {
		t.Errorf("at last: %+v", report)
	}
	if p := w.payout(logged.ID); p.LogTx != tx {
		t.Errorf("payout %+v", p)
	}
}

// Only what is safe is judged.
func TestSafeOnly(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 4})
	w.deps.Books = noBooks{}
	p := w.open(w.worker(1))
	w.authorise(p)
	tx, block := w.transfer(p)
	_, err := w.Plain(t.Context(), w.worker(9), 5) // two blocks: gas, and the transfer
	w.must(err)
	w.book(p, tx, block) // by somebody whose node is ahead
	for i := range 4 {
		report, _ := w.run()
		// The first transfer is safe once three more blocks are there, the plain one after four.
		if want := i >= 2; (report.Payouts+report.Waiting > 0) != want && i < 2 || report.Disagreements != 0 {
			t.Errorf("with %d blocks on top: %+v", i, report)
		}
		w.must(w.Mine(t.Context(), 1))
	}
	if report, _ := w.run(); report.Disagreements != 1 || report.Kinds[OutsideBooks] != 1 || report.Waiting != 1 {
		t.Errorf("at last: %+v", report)
	}
	// Blocks and payouts that are young are left for later, too.
	w = newWorld(t, devchain.Options{})
	w.deps.Books = noBooks{}
	w.deps.Pace.LagBlocks, w.deps.Pace.Lag = 3, time.Minute
	w.confirmed(w.worker(1))
	if report, _ := w.run(); report.Transfers+report.Payouts+report.Waiting != 0 {
		t.Errorf("young: %+v", report)
	}
	w.must(w.Mine(t.Context(), 3))
	w.later(time.Minute)
	if report, _ := w.run(); report.Transfers != 1 || report.Payouts != 1 || report.Waiting != 1 {
		t.Errorf("older: %+v", report)
	}
}

// damage is a way in which books and chain come to differ; heal, if there is
// one, makes it good.
type damage struct {
	name string
	do   func(w *world) (heal func())
	want []string // kinds
	says string   // in one of the examples
}

var elsewhere = common.HexToAddress("0xb0b")

var damages = []damage{
	{"money leaves outside the books", func(w *world) func() {
		_, err := w.Plain(w.Context(), elsewhere, 5)
		w.must(err)
		return nil
	}, []string{OutsideBooks}, "0.000005 USDC went to 0x0000000000000000000000000000000000000B0b in block"},
	{"a payout that the books do not have", func(w *world) func() {
		_, err := w.Pay(w.Context(), ledger.PayoutID{Worker: w.worker(1), Seq: 7}, 300)
		w.must(err)
		return nil
	}, []string{NoPayout}, "no payout has nonce 0x"},
	{"paid less", func(w *world) func() {
		p := w.open(w.worker(1))
		w.authorise(p)
		_, err := w.Pay(w.Context(), p.ID, 299)
		w.must(err)
		return nil
	}, []string{WrongAmount}, "is 0.000300 USDC, transfer 0x"},
	{"paid somebody else", func(w *world) func() {
		p := w.open(w.worker(1))
		w.authorise(p)
		_, err := w.PayTo(w.Context(), p.ID, elsewhere, 300)
		w.must(err)
		return nil
	}, []string{WrongRecipient}, "went to 0x0000000000000000000000000000000000000B0b"},
	{"booked in another transaction", func(w *world) func() {
		p := w.open(w.worker(1))
		w.authorise(p)
		tx, block := w.transfer(p)
		w.book(p, common.Hash{1}, block)
		return func() { w.set(p, "UsdcTx", tx.Hex()); w.receipts() }
	}, []string{WrongTransaction, NoTransfer}, "is booked in 0x01"},
	{"booked in another block", func(w *world) func() {
		p := w.open(w.worker(1))
		w.authorise(p)
		tx, block := w.transfer(p)
		w.book(p, tx, block-1)
		return func() { w.set(p, "UsdcBlock", int64(block)); w.receipts() }
	}, []string{WrongTransaction, WrongTransaction}, ""},
	{"paid though it failed", func(w *world) func() {
		p := w.open(w.worker(1))
		w.authorise(p)
		w.must(w.db.FailPayout(w.Context(), p.ID, w.payout(p.ID).ValidBefore, "blacklisted", w.now))
		tx, block := w.transfer(p)
		return func() {
			w.must(w.db.RequeuePayout(w.Context(), p.ID, w.now))
			w.book(p, tx, block)
			w.receipts()
		}
	}, []string{PaidThoughFailed}, "requeue it, and it will be booked"},
	{"booked and never paid", func(w *world) func() {
		p := w.open(w.worker(1))
		w.authorise(p)
		w.book(p, common.Hash{2}, 1)
		return nil
	}, []string{NoTransfer}, "0.000300 USDC are booked as paid in 0x02"},
	{"a receipt of no payout", func(w *world) func() {
		r := w.receiptOf(w.done(w.worker(1)))
		r.PayoutID.Seq = 5
		w.logs(r)
		return nil
	}, []string{NoSuchPayout}, "-5 of 0.000300 USDC does not exist"},
	{"a receipt too early", func(w *world) func() {
		r := w.receiptOf(w.done(w.worker(1)))
		r.PayoutID = w.open(w.worker(2)).ID
		w.logs(r)
		return nil
	}, []string{NotConfirmed}, "is pending"},
	{"a second receipt", func(w *world) func() {
		w.logs(w.receiptOf(w.done(w.worker(1))))
		return nil
	}, []string{DoubleReceipt}, "has its receipt in 0x"},
	{"a forged receipt is adopted", func(w *world) func() {
		forged := w.receiptOf(w.confirmed(w.worker(1)))
		forged.AmountMicros++
		nonce := w.accountNonce()
		mined, err := w.Chain.Log(w.Context(), forged) // with the log sender's key
		w.must(err)
		w.must(w.db.AdoptNonce(w.Context(), ledger.NonceUse{
			BatchKey: ledger.BatchKey{Sender: w.Sender(), AccountNonce: nonce}, Tx: mined.TxHash, Block: mined.BlockNumber.Uint64(),
			To: w.LogAddress, Calldata: []byte("forged"), Receipts: []ledger.PayoutID{forged.PayoutID},
		}, w.now))
		b, err := w.db.ReserveReceipts(w.Context(), w.Sender(), w.LogAddress, w.accountNonce(), 100, w.now, nil)
		if w.must(err); b != nil {
			w.Errorf("a second receipt in %+v", b)
		}
		return nil
	}, []string{WrongReceipt, WrongReceipt}, "says {PayoutID:"},
	{"a receipt that says otherwise", func(w *world) func() {
		p := w.done(w.worker(1))
		w.set(p, "ResultsHash", strings.Repeat("cd", 32))
		return func() { w.set(p, "ResultsHash", p.ResultsHash) }
	}, []string{WrongReceipt, WrongReceipt}, "says {PayoutID:"},
	{"calldata that nobody can read", func(w *world) func() {
		_, err := w.Calldata(w.Context(), w.LogSender, []byte("gm"))
		w.must(err)
		return nil
	}, []string{UnreadableReceipt}, "invalid character"},
	{"a receipt by a stranger is booked", func(w *world) func() {
		p := w.confirmed(w.worker(1))
		mined, err := w.LogBy(w.Context(), w.Relayer, w.receiptOf(p))
		w.must(err)
		b := w.reserved()
		w.bookReceipts(b, mined.TxHash, mined.BlockNumber.Uint64())
		return nil
	}, []string{UnknownSender}, "is by 0x"},
	{"a receipt is booked that was never sent", func(w *world) func() {
		w.confirmed(w.worker(1))
		w.bookReceipts(w.reserved(), common.Hash{3}, 9)
		return nil
	}, []string{ReceiptNotMade}, "log transaction 0x03"},
	{"a receipt is booked in another's transaction", func(w *world) func() {
		p, other := w.done(w.worker(1)), w.done(w.worker(2))
		w.set(p, "LogTx", other.LogTx.Hex())
		return func() { w.set(p, "LogTx", p.LogTx.Hex()) }
	}, []string{ReceiptNotMade, DoubleReceipt}, "holds none of payout"},
	{"the books alone", func(w *world) func() {
		w.done(w.worker(1))
		row := map[string]any{"Worker": ledger.CanonicalAddress(w.worker(1)), "PendingResults": 1}
		w.put(spanner.UpdateMap("WorkerCredits", row))
		return func() {
			row["PendingResults"] = 0
			w.put(spanner.UpdateMap("WorkerCredits", row))
		}
	}, []string{BooksDisagree}, "pending 0 of 1 results != 0 of 0"},
}

// Every kind of disagreement is made for real, named in one line of the log,
// and again in each run until it is healed.
func TestDisagreements(t *testing.T) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t, devchain.Options{})
			if d.want[0] != BooksDisagree {
				w.deps.Books = noBooks{}
			}
			heal := d.do(w)
			want := map[string]int{}
			for _, kind := range d.want {
				want[kind]++
			}
			for range 2 {
				report, line := w.run()
				if report.Balanced || fmt.Sprint(report.Kinds) != fmt.Sprint(want) || !strings.Contains(fmt.Sprintf("%+v", report.Examples), d.says) {
					t.Fatalf("report %+v\nwant %v and %q", report, want, d.says)
				}
				if line["severity"] != "ERROR" || line["message"] != "books do not balance" || line["disagreements"] != float64(len(d.want)) ||
					!strings.Contains(fmt.Sprint(line["kinds"]), d.want[0]) || !strings.Contains(fmt.Sprint(line["examples"]), d.says) {
					t.Errorf("logged %v", line)
				}
				w.later(time.Minute)
			}
			if heal == nil {
				return
			}
			heal()
			if report, line := w.run(); !report.Balanced || report.Waiting != 0 || line["message"] != "books balance" {
				t.Errorf("healed: %+v, logged %v", report, line)
			}
		})
	}
}

// Every kind that exists is made by some test.
func TestAllKindsAreMade(t *testing.T) {
	made := map[string]bool{NotBooked: true, ReceiptNotBooked: true, NoReceipt: true} // by TestUnderWay
	for _, d := range damages {
		for _, kind := range d.want {
			made[kind] = true
		}
	}
	for _, kind := range []string{OutsideBooks, NoPayout, WrongAmount, WrongRecipient, WrongTransaction, PaidThoughFailed, NotBooked, NoSuchPayout,
		NotConfirmed, DoubleReceipt, WrongReceipt, ReceiptNotBooked, UnreadableReceipt, NoTransfer, NoReceipt, ReceiptNotMade, UnknownSender, BooksDisagree} {
		if !made[kind] {
			t.Errorf("nothing makes %q", kind)
		}
	}
}

// What an operator has accepted is an alarm no more, but for another reason.
func TestAccepted(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.deps.Books = noBooks{}
	mined, err := w.Plain(t.Context(), elsewhere, 5)
	w.must(err)
	report, _ := w.run()
	subject := report.Examples[0].Subject
	if want := "transfer " + mined.TxHash.Hex() + "/"; !strings.HasPrefix(subject, want) {
		t.Errorf("subject %q, want %q", subject, want)
	}
	w.put(spanner.UpdateMap("ReconcileFindings", map[string]any{"Name": w.deps.Scope.Name(), "Subject": subject, "AcceptedBy": "ann: moved to the vault"}))
	for range 2 {
		if report, line := w.run(); !report.Balanced || report.Accepted != 1 || line["accepted"] != 1.0 {
			t.Errorf("accepted: %+v, %v", report, line)
		}
	}
	_, err = w.Plain(t.Context(), elsewhere, 6)
	w.must(err)
	if report, _ := w.run(); report.Disagreements != 1 || report.Accepted != 1 {
		t.Errorf("another one: %+v", report)
	}
}
