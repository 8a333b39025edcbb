package ledger

import "math"

// The books of a network that has run for years are too many to be read at
// once. They are walked through in slices, of which each is a snapshot of its
// own: workers in the order of their addresses, and payouts in that of their
// numbers, so that a slice may also end amid one worker's.

// BooksMark is a place in such a walk: what was checked last. The zero value is
// before all.
type BooksMark struct {
	ID     PayoutID // its Seq is AllPayouts when all of that worker's were checked
	Opened Micros   // what that worker's payouts up to it add up to
}

// AllPayouts is above the number of every payout.
const AllPayouts = math.MaxInt64

// BooksSlice is what a slice of the books says.
type BooksSlice struct {
	Report BooksReport
	Next   BooksMark // where the next slice begins
	Done   bool      // there is none
	Rows   int       // that were read, or a little more
}

// AddPart counts and checks those payouts of a worker that stand after a mark,
// and, when closed says that they are the last of them, the worker's books.
// What results it holds are of these payouts and, when closed, of those that
// are in none. It returns the mark that the next part begins at.
//
// Of a worker whose payouts fit into one part everything is checked that
// AddWorker checks. Of another one, payouts may be confirmed between the parts;
// but what was opened stays as it is, so the sum of all payouts, paid or in
// flight, is exact for it, too.
func (r *BooksReport) AddPart(from BooksMark, b WorkerBooks, closed bool) BooksMark {
	mark := BooksMark{ID: PayoutID{Worker: b.Worker}}
	if from.ID.Worker == b.Worker {
		mark = from
	}
	if closed && mark.ID.Seq == 0 {
		r.AddWorker(b)
		return BooksMark{ID: PayoutID{b.Worker, AllPayouts}}
	}
	r.Payouts += int64(len(b.Payouts))
	sums := r.addResults(b)
	for _, p := range b.Payouts {
		r.inOrder(p, PayoutID{b.Worker, b.after(mark.ID.Seq)})
		r.addPayout(p, b.of(p, sums))
		mark.ID.Seq = p.ID.Seq
		mark.Opened += p.Amount
	}
	if !closed {
		return mark
	}
	r.addCredits(b)
	if sum := b.Credits.InFlight + b.Credits.TotalPaid; sum != mark.Opened {
		r.sayer(CanonicalAddress(b.Worker))("in flight and paid are %d != %d, the sum of all payouts", sum, mark.Opened)
	}
	r.closeWorker(b, mark.ID.Seq, sums)
	return BooksMark{ID: PayoutID{b.Worker, AllPayouts}}
}
