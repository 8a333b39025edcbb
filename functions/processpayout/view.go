package processpayout

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// View is all that one attempt knows about a payout at one moment. What is nil
// has not been looked at, or could not be.
type View struct {
	Payout   ledger.Payout
	Foreign  Foreign
	Now      time.Time
	Early    bool // it was told to wait, and its time has not come
	Chain    *Authorization
	Results  *Results
	Obstacle *Obstacle
	Rails    int      // how many there are
	Sent     *Sending // what this attempt's sending came to
	Paused   *bool    // by the operator; asked anew before each sending
	Capped   error    // ledger.ErrPayoutCap or ErrDailyCap, met when authorising
}

// Foreign says whether a payout was opened under another configuration than
// this instance's.
type Foreign int

// What may be foreign about a payout.
const (
	Ours            Foreign = iota
	ForeignChain            // another chain or token: it cannot even be looked at
	ForeignTreasury         // nothing can be signed for it
)

// Authorization is what the chain says of a payout's nonce.
type Authorization struct {
	Use Use

	// Of a nonce that is used: the transaction that used it, and whether its
	// block is safe.
	Tx    common.Hash
	Block uint64
	Safe  bool

	// Of an unused nonce: the latest block, and the time of the safe block at
	// which it was unused, too.
	Head     uint64
	SafeTime time.Time
}

// Use is what became of a nonce.
type Use int

// The uses of a nonce.
const (
	Unused          Use = iota
	Paid                // the transfer of exactly the amount to exactly the worker
	PaidDifferently     // executed with another recipient or amount
	Canceled            // by cancelAuthorization: it can never be executed
)

// Sending is what the rails said when they were given the authorization. None
// of it proves anything: the chain is the truth.
type Sending struct {
	Asked     int         // rails; all but the last have refused
	Refused   bool        // by the last one, too, before anything was broadcast
	Unreached bool        // it refused because it could not be asked
	Reason    string      // the last rail's, of an open set of codes
	Tx        common.Hash // that the last rail named, or zero; where to look first
}

// Results is what a payout's results add up to.
type Results struct {
	Count int64
	Sum   ledger.Micros
	Hash  string // ledger.ResultsHash
}

// Obstacle is what the token would refuse a transfer for.
type Obstacle int

// The obstacles. Only RecipientBlocked concerns one payout alone.
const (
	NoObstacle Obstacle = iota
	RecipientBlocked
	TreasuryBlocked
	TokenPaused
	TreasuryShort // its balance is below the amount
)

// Step is what to do next for a payout.
type Step interface{ step() }

// The steps. After Count, Inspect, Ask, Authorise and Send the attempt looks again
// at what it then knows; the others end it.
type (
	// Count reads the payout's results.
	Count struct{}
	// Inspect asks the token for an obstacle.
	Inspect struct{}
	// Ask reads whether the operator has paused payouts.
	Ask struct{}
	// Authorise signs and stores an authorization.
	Authorise struct{ ReplaceExpired bool }
	// Send gives the stored authorization to a rail.
	Send struct{ Rail int }
	// Confirm books the payout as paid.
	Confirm struct {
		Tx    common.Hash
		Block uint64
	}
	// Fail ends it unpaid; its credit stays in flight.
	Fail struct{ Reason string }
	// Record notes where it stands and when to look again.
	Record struct {
		State  ledger.PayoutState
		Reason string
		Tx     common.Hash // with ledger.Settled only
		WorkAt time.Time
	}
	// Done: nothing is left to do.
	Done struct{}
)

func (Count) step()     {}
func (Inspect) step()   {}
func (Ask) step()       {}
func (Authorise) step() {}
func (Send) step()      {}
func (Confirm) step()   {}
func (Fail) step()      {}
func (Record) step()    {}
func (Done) step()      {}
