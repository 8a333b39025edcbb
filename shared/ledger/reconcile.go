package ledger

import "time"

// Reconciled is how far the books have been compared with the chain.
type Reconciled struct {
	NextBlock uint64        // blocks before it have been compared
	Confirmed ConfirmedMark // payouts up to it have been
	BooksAt   time.Time     // when the books were last checked by themselves; zero: never
}

// Equal reports whether the two are the same.
func (r Reconciled) Equal(o Reconciled) bool {
	return r.NextBlock == o.NextBlock && r.BooksAt.Equal(o.BooksAt) && r.Confirmed.ID == o.Confirmed.ID && r.Confirmed.At.Equal(o.Confirmed.At)
}

// ConfirmedMark is a place in the order in which payouts were confirmed. The
// zero value is before all.
type ConfirmedMark struct {
	At time.Time
	ID PayoutID // among those that were confirmed at that moment
}

// Finding is one thing in which the books and the chain do not agree, or not
// yet.
type Finding struct {
	Subject    string // what it is about; at most one finding each
	Kind       string
	Detail     string
	FoundAt    time.Time
	CheckedAt  time.Time // when it was last seen; the store says
	AcceptedBy string    // an operator who knows why; else empty
}
