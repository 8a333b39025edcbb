package ledger

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// WorkerBooks is all that the database says about one worker's money, read in
// one snapshot.
type WorkerBooks struct {
	Worker  common.Address
	Credits Credits
	Payouts []Payout    // all, in order of Seq
	Results []ResultSum // one for each payout number that stands on a result, in order
	Lost    []ResultSum // what payouts were paid for beyond those (LostResults); of nothing: the number is passed over
}

// lost is what is lost of a payout number.
func (b WorkerBooks) lost(seq int64) (s ResultSum, known bool) {
	for _, l := range b.Lost {
		if l.Seq == seq {
			return l, true
		}
	}
	return ResultSum{}, false
}

// after is the payout number that follows on seq.
func (b WorkerBooks) after(seq int64) int64 {
	for seq++; ; seq++ {
		if l, known := b.lost(seq); !known || l.Count > 0 {
			return seq
		}
	}
}

// ResultSum adds up the results that are stamped with one payout number.
type ResultSum struct {
	Seq   int64
	Count int64
	Sum   Micros
}

// BatchBooks is a receipt batch and the payouts that say they are in it.
type BatchBooks struct {
	Batch   ReceiptBatch
	Payouts []PayoutReceipt
}

// PayoutReceipt is what a payout says of its receipt.
type PayoutReceipt struct {
	ID    PayoutID
	LogTx common.Hash // zero until the batch is confirmed
}

// Disagreement is one thing in the books that contradicts another.
type Disagreement struct {
	Subject string // a worker's address, a payout's id, a batch, a day
	Problem string
}

func (d Disagreement) String() string { return d.Subject + ": " + d.Problem }

// BooksReport says whether the books of the whole network balance, and what
// they add up to.
type BooksReport struct {
	Workers, Payouts, Results, Batches int64

	Credits       Credits // summed over all workers; PayoutSeq means nothing here
	Disagreements []Disagreement
}

// Err is nil when the books balance, else ErrBooks with every disagreement,
// one a line.
func (r BooksReport) Err() error {
	if len(r.Disagreements) == 0 {
		return nil
	}
	lines := make([]string, len(r.Disagreements))
	for i, d := range r.Disagreements {
		lines[i] = d.String()
	}
	return fmt.Errorf("%w, in %d places:\n%s", ErrBooks, len(lines), strings.Join(lines, "\n"))
}

// AddWorker counts one worker's books and checks them (product.md, Money).
func (r *BooksReport) AddWorker(b WorkerBooks) {
	say := r.sayer(CanonicalAddress(b.Worker))
	r.addCredits(b)
	r.Payouts += int64(len(b.Payouts))
	sums := r.addResults(b)
	var inFlight, paid Micros
	last := int64(0)
	for _, p := range b.Payouts {
		if !r.inOrder(p, PayoutID{b.Worker, b.after(last)}) {
			return
		}
		last = p.ID.Seq
		if p.State == Confirmed {
			paid += p.Amount
		} else {
			inFlight += p.Amount
		}
		r.addPayout(p, b.of(p, sums))
	}
	if inFlight != b.Credits.InFlight {
		say("in flight %d != %d, the sum of the payouts that are not confirmed", b.Credits.InFlight, inFlight)
	}
	if paid != b.Credits.TotalPaid {
		say("paid %d != %d, the sum of the confirmed payouts", b.Credits.TotalPaid, paid)
	}
	r.closeWorker(b, last, sums)
}

// of is what a payout's results are, those that are lost among them.
func (b WorkerBooks) of(p Payout, sums map[int64]ResultSum) ResultSum {
	s := sums[p.ID.Seq]
	l, _ := b.lost(p.ID.Seq)
	return ResultSum{p.ID.Seq, s.Count + l.Count, s.Sum + l.Sum}
}

func (r *BooksReport) addCredits(b WorkerBooks) {
	if err := b.Credits.Check(); err != nil {
		r.sayer(CanonicalAddress(b.Worker))("%v", err)
	}
	r.Workers++
	r.Credits.Pending += b.Credits.Pending
	r.Credits.InFlight += b.Credits.InFlight
	r.Credits.TotalEarned += b.Credits.TotalEarned
	r.Credits.TotalPaid += b.Credits.TotalPaid
	r.Credits.PendingResults += b.Credits.PendingResults
}

// addResults counts the results of one worker, by their payout.
func (r *BooksReport) addResults(b WorkerBooks) map[int64]ResultSum {
	say := r.sayer(CanonicalAddress(b.Worker))
	sums := map[int64]ResultSum{}
	for _, s := range b.Results {
		r.Results += s.Count
		sums[s.Seq] = s
		if s.Seq < 1 || s.Seq > b.Credits.PayoutSeq {
			say("%d results are stamped with payout %d, which cannot exist yet (next is %d)", s.Count, s.Seq, b.Credits.PayoutSeq)
		}
	}
	return sums
}

// inOrder checks that no payout is missing before p.
func (r *BooksReport) inOrder(p Payout, want PayoutID) bool {
	if p.ID != want {
		r.sayer(CanonicalAddress(want.Worker))("payout %s stands where %s should", p.ID, want)
	}
	return p.ID == want
}

// closeWorker checks what is left when the payouts, of which last is the last
// one, have been checked.
func (r *BooksReport) closeWorker(b WorkerBooks, last int64, sums map[int64]ResultSum) {
	say := r.sayer(CanonicalAddress(b.Worker))
	if b.after(last) != b.Credits.PayoutSeq {
		say("%d payouts, but the next one is number %d", last, b.Credits.PayoutSeq)
	}
	for _, l := range b.Lost {
		if l.Seq < 1 || l.Seq >= b.Credits.PayoutSeq || l.Count < 0 || (l.Count == 0) != (l.Sum == 0) || l.Count == 0 && sums[l.Seq].Count > 0 {
			say("%d lost results worth %d of payout %d, next is %d", l.Count, l.Sum, l.Seq, b.Credits.PayoutSeq)
		}
	}
	if open := sums[b.Credits.PayoutSeq]; open.Sum != b.Credits.Pending || open.Count != b.Credits.PendingResults {
		say("pending %d of %d results != %d of %d, the results in no payout yet", b.Credits.Pending, b.Credits.PendingResults, open.Sum, open.Count)
	}
}

func (r *BooksReport) addPayout(p Payout, results ResultSum) {
	say := r.sayer(p.ID.String())
	if results.Sum != p.Amount || results.Count != p.ResultCount {
		say("%d for %d results, but its results are %d worth %d", p.Amount, p.ResultCount, results.Count, results.Sum)
	}
	if p.Nonce != PayoutNonce(p.ChainID, p.Treasury, p.ID) {
		say("nonce %s is not the one of this payout", p.Nonce)
	}
	if _, known := moves[p.State]; !known && p.State != Confirmed {
		say("unknown state %q", p.State)
	}
	if p.State.Final() != p.WorkAt.IsZero() {
		say("%s, and its work is due at %v", p.State, p.WorkAt)
	}
	if p.State == Failed && p.Reason == "" {
		say("failed without a reason")
	}
	if (p.State == Authorised || p.State == Unknown) && len(p.Signature) == 0 && p.ValidBefore == 0 {
		say("%s without a stored authorization", p.State)
	}
	due, batched := !p.ReceiptDueAt.IsZero(), p.ReceiptBatch != nil
	hasTx := p.UsdcTx != (common.Hash{})
	switch {
	case p.State != Confirmed && (due || batched):
		say("%s, and yet a receipt is due or reserved", p.State)
	case p.State == Confirmed && due == batched:
		say("confirmed: receipt due %t, in a batch %t; exactly one must be", due, batched)
	case p.State == Confirmed && !hasTx:
		say("confirmed without a transaction")
	case p.State == Settled != hasTx && p.State != Confirmed:
		say("%s with transaction %s", p.State, p.UsdcTx)
	}
}

// AddBatch counts one receipt batch and checks it against its payouts.
func (r *BooksReport) AddBatch(b BatchBooks) {
	r.Batches++
	say := r.sayer("receipt batch " + b.Batch.BatchKey.String())
	want, logged := b.Batch.ReceiptCount, b.Batch.LogTx != (common.Hash{})
	// What an adopted one carries may be payouts that a restored database does not have yet.
	if n := int64(len(b.Payouts)); n > want || n < want && b.Batch.State != BatchAdopted {
		say("%s for %d receipts, but %d payouts are in it", b.Batch.State, want, n)
	}
	if logged == (b.Batch.State == BatchOpen) {
		say("%s with log transaction %s", b.Batch.State, b.Batch.LogTx)
	}
	for _, p := range b.Payouts {
		if p.LogTx != b.Batch.LogTx {
			say("payout %s names log transaction %s, the batch %s", p.ID, p.LogTx, b.Batch.LogTx)
		}
	}
}

// Add notes a disagreement that was found elsewhere.
func (r *BooksReport) Add(subject, format string, args ...any) { r.sayer(subject)(format, args...) }

func (r *BooksReport) sayer(subject string) func(format string, args ...any) {
	return func(format string, args ...any) {
		r.Disagreements = append(r.Disagreements, Disagreement{subject, fmt.Sprintf(format, args...)})
	}
}
