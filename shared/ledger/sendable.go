package ledger

import "time"

// Sendable says which payouts may be taken along when another one is sent: it
// is their turn, a signed authorization of theirs has been tried before, and
// nobody works on them.
type Sendable struct {
	MinAttempts int64     // made on it so far
	ValidUntil  time.Time // its authorization is good until then at least
	Limit       int       // payouts
}

// Takes reports whether p is one of them at now. That the chain has not
// executed its authorization meanwhile is for the caller to find out.
func (s Sendable) Takes(p Payout, now time.Time) bool {
	return (p.State == Authorised || p.State == Unknown) && len(p.Signature) > 0 && p.ValidBefore >= s.ValidUntil.Unix() &&
		p.Attempts >= s.MinAttempts && !now.Before(p.LeaseUntil) && !p.WorkAt.IsZero() && !now.Before(p.WorkAt)
}
