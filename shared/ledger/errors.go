package ledger

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

// The reasons for which a verb on payouts, receipts or leases changes
// nothing. Each says what a message handler owes its sender: an acknowledged
// message is gone, any other is delivered again.
var (
	// ErrNotFound: no such row. Acknowledge: rows are committed before anything
	// is published about them, so it will not appear.
	ErrNotFound = errors.New("not found")
	// ErrFinal: it is confirmed, failed or replaced, and there is nothing left to
	// do. Acknowledge.
	ErrFinal = errors.New("already final")
	// ErrLeased: another instance works on it. Do not acknowledge (409): should
	// that instance die, this message or the sweep goes on after the lease.
	ErrLeased = errors.New("leased by another instance")
	// ErrLeaseLost: the lease is another's now. Stop, and start from the row
	// again. Do not acknowledge.
	ErrLeaseLost = errors.New("lease lost to another instance")
	// ErrMove: the state machine has no such move, because somebody else moved
	// on in between. Do not acknowledge: start from the row again.
	ErrMove = errors.New("no such move from its present state")
	// ErrExpired: the stored authorization has expired, and the caller has not
	// shown its nonce unused. Look at the chain, then sign anew. Do not
	// acknowledge.
	ErrExpired = errors.New("stored authorization has expired")
	// ErrConflict: what is stored contradicts what the caller reports, such as a
	// second transaction for one payout. Nothing heals it but a person: alert,
	// and acknowledge.
	ErrConflict = errors.New("contradicts what is stored")
	// ErrPayoutCap: the amount is above the cap per payout. Record the reason,
	// and acknowledge.
	ErrPayoutCap = errors.New("above the cap per payout")
	// ErrNonceGap: account nonces of the log sender were used by transactions that
	// the database does not know. Adopt them first: they may carry receipts.
	ErrNonceGap = errors.New("account nonces used by transactions that are not known")
	// ErrDailyCap: the day's cap is used up. Record the reason, with work due the
	// next UTC day, and acknowledge.
	ErrDailyCap = errors.New("above the day's cap")
)

// NonceGap is an ErrNonceGap that says which: From up to, but without, To.
type NonceGap struct {
	Sender   common.Address
	From, To uint64
}

func (g *NonceGap) Error() string {
	return fmt.Sprintf("%s, nonces %d to %d: %v", CanonicalAddress(g.Sender), g.From, g.To-1, ErrNonceGap)
}

// Unwrap is ErrNonceGap.
func (g *NonceGap) Unwrap() error { return ErrNonceGap }
