package ledger

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// soundBooks are one worker with a payout in every state and something
// pending, and the batch that carries one receipt.
func soundBooks(t *testing.T) (WorkerBooks, BatchBooks) {
	t.Helper()
	key := BatchKey{common.HexToAddress("0x5e"), 4}
	b := WorkerBooks{Worker: common.HexToAddress("0x77")}
	b.Credits = Credits{Pending: 70, PendingResults: 1, PayoutSeq: int64(len(states)) + 2, TotalEarned: 70}
	for i, state := range append([]PayoutState{Confirmed}, states...) {
		p, c := payoutIn(t, state)
		p.ID.Seq = int64(i) + 1
		p.Nonce = PayoutNonce(p.ChainID, p.Treasury, p.ID)
		if i == 0 {
			p.ReceiptDueAt, p.ReceiptBatch, p.LogTx = time.Time{}, &key, txB
		}
		b.Payouts = append(b.Payouts, p)
		b.Results = append(b.Results, ResultSum{p.ID.Seq, p.ResultCount, p.Amount})
		b.Credits.InFlight += c.InFlight
		b.Credits.TotalPaid += c.TotalPaid
		b.Credits.TotalEarned += c.TotalEarned
	}
	b.Results = append(b.Results, ResultSum{b.Credits.PayoutSeq, 1, 70})
	batch := ReceiptBatch{BatchKey: key, State: BatchConfirmed, ReceiptCount: 1, LogTx: txB}
	return b, BatchBooks{batch, []PayoutReceipt{{b.Payouts[0].ID, txB}}}
}

func TestBooksReport(t *testing.T) {
	var r BooksReport
	w, b := soundBooks(t)
	r.AddWorker(w)
	r.AddBatch(b)
	// One that was adopted, with two payouts that are not known yet.
	r.AddBatch(BatchBooks{Batch: ReceiptBatch{State: BatchAdopted, ReceiptCount: 2, LogTx: txA}})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if r.Workers != 1 || r.Payouts != 7 || r.Results != 29 || r.Batches != 2 || r.Credits.TotalEarned != 70_070 || r.Credits.TotalPaid != 20_000 {
		t.Errorf("totals %+v", r)
	}
}

// TestBooksReportSeesEveryDamage damages sound books in one place at a time.
func TestBooksReportSeesEveryDamage(t *testing.T) {
	at := func(s PayoutState) int { // the payout in that state, the due one of the two confirmed
		for i := len(states); i > 0; i-- {
			if states[i-1] == s {
				return i
			}
		}
		return 0
	}
	for name, damage := range map[string]func(*WorkerBooks, *BatchBooks){
		"the worker's equation":         func(w *WorkerBooks, _ *BatchBooks) { w.Credits.TotalEarned++ },
		"paid for in flight":            func(w *WorkerBooks, _ *BatchBooks) { w.Credits.TotalPaid++; w.Credits.InFlight-- },
		"pending for in flight":         func(w *WorkerBooks, _ *BatchBooks) { w.Credits.Pending++; w.Credits.InFlight-- },
		"pending results":               func(w *WorkerBooks, _ *BatchBooks) { w.Credits.PendingResults++ },
		"a payout is missing":           func(w *WorkerBooks, _ *BatchBooks) { w.Payouts = w.Payouts[:6] },
		"a number is skipped":           func(w *WorkerBooks, _ *BatchBooks) { w.Credits.PayoutSeq++; w.Results[7].Seq++ },
		"a payout is skipped":           func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[6].ID.Seq = 9 },
		"another worker's payout":       func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[0].ID.Worker[0] = 1 },
		"a result too few":              func(w *WorkerBooks, _ *BatchBooks) { w.Results[2].Count-- },
		"a result worth less":           func(w *WorkerBooks, _ *BatchBooks) { w.Results[2].Sum-- },
		"results of a payout to come":   func(w *WorkerBooks, _ *BatchBooks) { w.Results = append(w.Results, ResultSum{99, 1, 0}) },
		"results of payout 0":           func(w *WorkerBooks, _ *BatchBooks) { w.Results = append(w.Results, ResultSum{0, 1, 0}) },
		"a foreign nonce":               func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[3].Nonce[31]++ },
		"an unknown state":              func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Pending)].State = "lost" },
		"confirmed without transaction": func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Confirmed)].UsdcTx = common.Hash{} },
		"pending with transaction":      func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Pending)].UsdcTx = txA },
		"settled without transaction":   func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Settled)].UsdcTx = common.Hash{} },
		"confirmed, receipt forgotten":  func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Confirmed)].ReceiptDueAt = time.Time{} },
		"receipt due and reserved":      func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[0].ReceiptDueAt = t0 },
		"receipt of an unpaid one":      func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Unknown)].ReceiptDueAt = t0 },
		"forgotten by the sweep":        func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Unknown)].WorkAt = time.Time{} },
		"final but due":                 func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Failed)].WorkAt = t0 },
		"failed for no reason":          func(w *WorkerBooks, _ *BatchBooks) { w.Payouts[at(Failed)].Reason = "" },
		"authorised with nothing": func(w *WorkerBooks, _ *BatchBooks) {
			p := &w.Payouts[at(Authorised)]
			p.Signature, p.ValidBefore = nil, 0
		},
		"batch lacks a payout": func(_ *WorkerBooks, b *BatchBooks) { b.Payouts = nil },
		"batch has one more":   func(_ *WorkerBooks, b *BatchBooks) { b.Payouts = append(b.Payouts, b.Payouts[0]) },
		"adopted batch has one more": func(_ *WorkerBooks, b *BatchBooks) {
			b.Batch.State, b.Payouts = BatchAdopted, append(b.Payouts, b.Payouts[0])
		},
		"adopted batch without a tx": func(_ *WorkerBooks, b *BatchBooks) {
			b.Batch.State, b.Batch.LogTx, b.Payouts = BatchAdopted, common.Hash{}, nil
		},
		"open batch with log tx":      func(_ *WorkerBooks, b *BatchBooks) { b.Batch.State = BatchOpen },
		"confirmed batch without one": func(_ *WorkerBooks, b *BatchBooks) { b.Batch.LogTx, b.Payouts[0].LogTx = common.Hash{}, common.Hash{} },
		"payout names another log tx": func(_ *WorkerBooks, b *BatchBooks) { b.Payouts[0].LogTx = txA },
		"payout names no log tx":      func(_ *WorkerBooks, b *BatchBooks) { b.Payouts[0].LogTx = common.Hash{} },
		"balanced twice, but negative": func(w *WorkerBooks, _ *BatchBooks) {
			w.Credits.Pending, w.Credits.TotalEarned = -1, w.Credits.TotalEarned-71
		},
	} {
		w, b := soundBooks(t)
		damage(&w, &b)
		var r BooksReport
		r.AddWorker(w)
		r.AddBatch(b)
		if err := r.Err(); !errors.Is(err, ErrBooks) {
			t.Errorf("%s: not seen", name)
		}
		for cut := range len(w.Payouts) {
			r = addParts(w, cut)
			r.AddBatch(b)
			// Of a worker in parts, what is in flight and what is paid are known as a sum.
			if unseen := cut > 0 && name == "paid for in flight"; (r.Err() == nil) != unseen {
				t.Errorf("%s, in parts after %d payouts: %v", name, cut, r.Err())
			}
		}
	}
}

// addParts adds the first payouts of a worker, and then the others.
func addParts(w WorkerBooks, cut int) (r BooksReport) {
	first, rest := w, w
	first.Payouts, rest.Payouts, first.Results, rest.Results = w.Payouts[:cut], w.Payouts[cut:], nil, nil
	for _, s := range w.Results {
		if s.Seq >= 1 && s.Seq <= int64(cut) {
			first.Results = append(first.Results, s)
		} else {
			rest.Results = append(rest.Results, s)
		}
	}
	var mark BooksMark
	if cut > 0 {
		mark = r.AddPart(mark, first, false)
	}
	r.AddPart(mark, rest, true)
	return r
}

// However a worker's books are cut, they add up to the same.
func TestBooksInParts(t *testing.T) {
	w, _ := soundBooks(t)
	var whole BooksReport
	whole.AddWorker(w)
	for cut := range len(w.Payouts) + 1 {
		if r := addParts(w, cut); r.Err() != nil || !reflect.DeepEqual(r, whole) {
			t.Errorf("after %d payouts: %+v, whole %+v", cut, r, whole)
		}
	}
}

func TestBooksReportListsAllDisagreements(t *testing.T) {
	w, b := soundBooks(t)
	w.Credits.PendingResults++
	w.Payouts[3].Nonce[0]++
	b.Payouts = nil
	var r BooksReport
	r.AddWorker(w)
	r.AddBatch(b)
	r.Add("day 2026-03-01", "%d counted", 5)
	text := r.Err().Error()
	for _, want := range []string{"in 4 places", w.Payouts[3].ID.String() + ": nonce", "pending 70 of 2 results", "receipt batch 0x000000000000000000000000000000000000005e/4", "day 2026-03-01: 5 counted"} {
		if !strings.Contains(text, want) {
			t.Errorf("report lacks %q:\n%s", want, text)
		}
	}
}
