package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// PayoutState is where a payout stands. Only these moves exist:
//
//	pending    -> authorised  a signed payload is stored
//	           -> settled     the chain shows this nonce paid already: the database was restored to an earlier hour
//	           -> failed      nothing was ever signed
//	authorised -> unknown, settled
//	           -> failed      the nonce is known dead
//	unknown    -> settled     found on chain
//	           -> authorised  signed anew, because the stored authorization expired unused
//	           -> failed      the nonce is known dead
//	settled    -> confirmed   its block is safe
//	           -> unknown     its block is gone
//	failed     -> pending     an operator requeues it; same nonce
//
// A transfer that is first seen in a safe block passes settled and confirmed
// in one posting.
type PayoutState string

// The states of a payout.
const (
	Pending    PayoutState = "pending"    // opened; nothing signed since
	Authorised PayoutState = "authorised" // signed payload stored; perhaps sent
	Unknown    PayoutState = "unknown"    // sent, without a definite answer
	Settled    PayoutState = "settled"    // the transfer is on chain, in a block that is not safe yet
	Confirmed  PayoutState = "confirmed"  // the transfer is in a safe block and booked
	Failed     PayoutState = "failed"     // will not be paid; Reason says why; credit stays in flight
)

// Final reports whether ProcessPayout has nothing more to do.
func (s PayoutState) Final() bool { return s == Confirmed || s == Failed }

// Unpaid are all states but confirmed.
func Unpaid() []PayoutState { return []PayoutState{Pending, Authorised, Unknown, Settled, Failed} }

// PayoutFilter says which unpaid payouts an operator looks for.
type PayoutFilter struct {
	States       []PayoutState // none: all that Unpaid lists
	OpenedBefore time.Time
	Limit        int
}

var moves = map[PayoutState][]PayoutState{
	Pending:    {Authorised, Settled, Failed},
	Authorised: {Unknown, Settled, Failed},
	Unknown:    {Settled, Authorised, Failed},
	Settled:    {Confirmed, Unknown},
	Failed:     {Pending},
}

// CanMove reports whether a payout may go from s to next. Staying where it is
// is no move.
func (s PayoutState) CanMove(next PayoutState) bool { return slices.Contains(moves[s], next) }

// Payout is one row of the payout table. Fields after CreatedAt are filled in
// as the payout moves on.
type Payout struct {
	ID          PayoutID
	Amount      Micros
	ResultCount int64
	ChainID     int64
	Token       common.Address
	Treasury    common.Address
	Nonce       common.Hash
	CreatedAt   time.Time

	State           PayoutState
	Reason          string // why it waits or failed; shown to the worker
	ResultsHash     string // hex; empty until authorised
	ValidBefore     int64  // unix seconds, of the stored authorization
	Signature       []byte // 65 bytes, of the stored authorization. A cheque: never log it
	AuthorizedBlock uint64 // chain head when first signed
	Attempts        int64  // leases taken on it
	LeaseOwner      string // who works on it, until LeaseUntil
	LeaseUntil      time.Time
	WorkAt          time.Time // when to look at it; zero: nothing to do

	UsdcTx       common.Hash // its receipt holds the Transfer
	UsdcBlock    uint64
	ConfirmedAt  time.Time
	ReceiptDueAt time.Time   // confirmed and in no receipt batch since; else zero
	ReceiptBatch *BatchKey   // the receipt batch that it is in, or nil
	LogTx        common.Hash // holds its receipt, in a safe block
}

// PayoutPolicy is what a payout is opened with. All of it but the threshold
// and the grace becomes part of the payout for ever.
type PayoutPolicy struct {
	ChainID   int64
	Token     common.Address // USDC
	Treasury  common.Address // the payer
	Threshold Micros         // pending credit at which a payout opens; at least 1

	// PublishGrace is how long after its opening the sweep leaves a payout to
	// the hint that the submission publishes.
	PublishGrace time.Duration
}

// Validate says what is missing for a payout to be opened under this policy.
func (p PayoutPolicy) Validate() error {
	zero := common.Address{}
	switch {
	case p.ChainID <= 0 || p.Token == zero || p.Treasury == zero || p.Token == p.Treasury:
		return fmt.Errorf("ledger: payouts need a chain id (%d), a token (%s) and a treasury (%s), all different", p.ChainID, p.Token, p.Treasury)
	case p.Threshold < 1 || p.PublishGrace < 0:
		return fmt.Errorf("ledger: a payout threshold of %d micros and a grace of %v; want at least 1 micro, and no negative time", p.Threshold, p.PublishGrace)
	}
	return nil
}

// AuthorizationRecord is a signed EIP-3009 authorization, to be stored before
// it is sent anywhere. From, to, value and nonce are the payout's own, and
// validAfter is 0.
type AuthorizationRecord struct {
	ResultsHash string // hex, of the payout's results
	ValidBefore int64  // unix seconds
	Signature   []byte // 65 bytes r, s, v
	Block       uint64 // chain head at signing

	// ReplaceExpired allows this one to take the place of a stored one that has
	// expired. The caller has seen a safe block whose time is at or after the
	// stored ValidBefore and which shows the nonce unused (payments.md, rule 5).
	ReplaceExpired bool
}

// PayoutCaps are the limits above which nothing is signed. Zero allows nothing.
type PayoutCaps struct {
	PerPayout Micros
	PerDay    Micros // of a UTC day, counted when a payout is first authorised
}
