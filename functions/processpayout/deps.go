package processpayout

import (
	"context"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Payouts leases a payout and reads its results. Errors are those of
// ledger/errors.go.
type Payouts interface {
	LeasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (ledger.Payout, error)
	ReleasePayout(ctx context.Context, id ledger.PayoutID, owner string, now time.Time) error
	PayoutResults(ctx context.Context, id ledger.PayoutID) (ids []string, sum ledger.Micros, err error)
}

// Cheques stores a signed authorization before it is sent, and answers with
// the payout as it then stands: what it holds, and nothing else, may be sent.
type Cheques interface {
	AuthorisePayout(ctx context.Context, id ledger.PayoutID, a ledger.AuthorizationRecord, caps ledger.PayoutCaps, now time.Time) (ledger.Payout, error)
}

// Switch is the operator's: while payouts are paused, nothing is sent.
// AuthorisePayout looks at it by itself.
type Switch interface {
	PayoutsPaused(ctx context.Context) (bool, error)
}

// Outcomes records where a payout stands.
type Outcomes interface {
	RecordOutcome(ctx context.Context, id ledger.PayoutID, state ledger.PayoutState, reason string, tx common.Hash, workAt, now time.Time) error
	ConfirmPayout(ctx context.Context, id ledger.PayoutID, tx common.Hash, block uint64, now time.Time) error
	FailPayout(ctx context.Context, id ledger.PayoutID, validBefore int64, reason string, now time.Time) error
}

// Chain reads Base. An error means that it could not be read, never that
// something is not there.
type Chain interface {
	// Authorization is what became of the payout's nonce. Hint is a transaction
	// to look at first, or zero.
	Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error)
	// Obstacle is what the token would refuse the payout's transfer for.
	Obstacle(ctx context.Context, p ledger.Payout) (Obstacle, error)
}

// Rail brings a stored authorization onto the chain: a facilitator, or the
// operator's own relayer. Any number of rails may be given the same payment,
// any number of times: USDC executes its nonce once. A rail refuses what it
// surely did not send; everything else that is not a success is unknown.
type Rail interface {
	Name() string
	Settle(ctx context.Context, p x402.Payment) x402.Outcome
}

// Deps are what the function works with.
type Deps struct {
	Payouts  Payouts
	Cheques  Cheques
	Switch   Switch
	Outcomes Outcomes
	Chain    Chain
	Rails    []Rail      // in order of preference
	Signer   x402.Signer // the treasury's key
	Domain   usdc.Domain // of the token that is paid
	Caps     ledger.PayoutCaps
	Policy   Policy
	Receipts *Receipts

	Now   func() time.Time
	NewID func() string // names one attempt of one instance, a new one at every call
	Log   *slog.Logger

	// AttemptTime bounds one attempt; a facilitator may take 100 s to answer.
	// LeaseTTL must be longer, so that the lease outlives the attempt.
	AttemptTime, LeaseTTL time.Duration
}
