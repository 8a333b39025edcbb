package processpayout

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Sendables finds payouts that may be sent along with another one.
type Sendables interface {
	SendablePayouts(ctx context.Context, q ledger.Sendable, now time.Time) ([]ledger.Payout, error)
}

// Rehearsal runs a call on the newest block without a transaction, with as much
// gas as the transaction will have. The error is a *chain.Revert when the
// contract refuses.
type Rehearsal interface {
	CallWithin(ctx context.Context, gas uint64, from, to common.Address, data []byte) ([]byte, error)
}

// RelayPolicy is how the relayer sends.
type RelayPolicy struct {
	BatchMax int           // transfers in one transaction
	MinLeft  time.Duration // what is taken along is good for so long at least
	Poll     time.Duration // between two looks at what became of a transaction
	// StuckAfter is when a transaction that is not mined is replaced by one that
	// offers more, up to MaxFeeCap, in wei per gas. While the market is above that,
	// nothing is sent. MaxTip is the most that a first transaction gives as a tip,
	// and a tenth of what one that replaces it may.
	StuckAfter time.Duration
	MaxFeeCap  *big.Int
	MaxTip     *big.Int
	Within     time.Duration // after that, whatever was sent is left to itself
}

// DefaultRelayPolicy is for Base, with a block every 2 seconds.
func DefaultRelayPolicy() RelayPolicy {
	return RelayPolicy{
		BatchMax: 50, MinLeft: time.Minute, Poll: time.Second, StuckAfter: 10 * time.Second,
		MaxFeeCap: big.NewInt(10_000_000_000), MaxTip: big.NewInt(100_000_000), Within: 30 * time.Second,
	}
}

// Validate reports a policy that could not work.
func (p RelayPolicy) Validate() error {
	if p.BatchMax < 1 || p.Poll <= 0 || p.StuckAfter <= 0 || p.Within < p.StuckAfter || !positive(p.MaxFeeCap, p.MaxTip) {
		return errors.New("processpayout: the relayer needs room for a transfer, and time and fees above 0")
	}
	return nil
}

// Relayer is the operator's own rail: an account with a little ETH that brings
// stored authorizations to the token itself, for when the facilitator refuses
// or is down. Payouts whose turn it is are taken along in the same transaction,
// through Multicall3, where each may fail without the others.
//
// One instance at a time sends, by a lease, and waits for its transaction; so
// the account's nonce is what the newest block says, and nothing of it has to
// be stored. What is replaced, lost or sent twice costs gas and no more: the
// payout is sent again, and USDC executes its nonce once.
type Relayer struct {
	Sendables Sendables
	Leases    lease.Store
	Account   Account
	Mempool   Mempool
	Rehearsal Rehearsal
	Signer    chain.Signer // the relayer's key
	Multicall common.Address
	Policy    RelayPolicy
	Companion int64 // attempts after which a payout is taken along: Policy.RailTries

	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	NewID func() string
	Log   *slog.Logger
	// LeaseTTL is longer than Policy.Within.
	LeaseTTL time.Duration
}

// Name implements Rail.
func (r *Relayer) Name() string { return "relayer" }

// The reasons of the relayer. Refused, before anything was sent:
const (
	reasonRelayerBusy = "relayer_busy"        // another instance sends
	reasonRelayerDown = "relayer_unavailable" // the database or the node cannot be reached
	reasonRelayerPoor = "relayer_without_eth" // an operator has to send it some
	reasonWouldRevert = "transfer_would_revert"
	reasonFees        = "fees_too_high" // above RelayPolicy.MaxFeeCap
)

// Unknown:
const (
	reasonReverted  = "transaction_reverted" // somebody else may have been first
	reasonNonceUsed = "account_nonce_used"
)

// Settle implements Rail.
func (r *Relayer) Settle(ctx context.Context, p x402.Payment) x402.Outcome {
	if err := p.Check(); err != nil {
		return refusal(x402.ReasonInvalidPayment, err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.LeaseTTL)
	defer cancel()
	began := r.Now()
	release, err := lease.Hold(ctx, r.Leases, "relayer/"+ledger.CanonicalAddress(r.Signer.Address()), r.NewID(), began, r.LeaseTTL, r.Log)
	switch {
	case errors.Is(err, ledger.ErrLeased):
		return refusal(reasonRelayerBusy, nil)
	case err != nil:
		return refusal(reasonRelayerDown, err)
	}
	defer release()
	call, err := r.compose(ctx, p)
	var revert *chain.Revert
	switch {
	case errors.As(err, &revert):
		return refusal(reasonWouldRevert, err)
	case err != nil:
		return refusal(reasonRelayerDown, err)
	}
	return r.send(ctx, began, p.Domain.ChainID, call)
}

func refusal(reason string, err error) x402.Outcome {
	o := x402.Outcome{Kind: x402.Refused, Reason: reason}
	if err != nil {
		o.Detail = err.Error()
	}
	return o
}

// relayCall is what one transaction of the relayer does.
type relayCall struct {
	to        common.Address
	calldata  []byte
	gas       uint64
	transfers int
}

// compose makes the call for a payment and whatever can be taken along. It is
// rehearsed: the relayer pays for what reverts.
func (r *Relayer) compose(ctx context.Context, p x402.Payment) (relayCall, error) {
	own, err := transfer(p).Calldata()
	if err != nil {
		return relayCall{}, err
	}
	if call := r.batch(ctx, p, own); call != nil {
		return *call, nil
	}
	token := p.Domain.Contract
	if _, err := r.Rehearsal.CallWithin(ctx, chain.TransferGas, r.Signer.Address(), token, own); err != nil {
		return relayCall{}, err
	}
	return relayCall{to: token, calldata: own, gas: chain.TransferGas, transfers: 1}, nil
}

// batch is the call of Multicall3 for the payment and its companions, those
// that would not fail, or nil when it goes alone.
func (r *Relayer) batch(ctx context.Context, p x402.Payment, own []byte) *relayCall {
	transfers := append([][]byte{own}, r.companions(ctx, p)...)
	if len(transfers) == 1 {
		return nil
	}
	out, err := r.Rehearsal.CallWithin(ctx, batchGas(len(transfers)), r.Signer.Address(), r.Multicall, chain.Aggregate3(p.Domain.Contract, transfers))
	var good []bool
	if err == nil {
		good, err = chain.Aggregate3Results(out, len(transfers))
	}
	if err != nil {
		r.Log.WarnContext(ctx, "nothing is taken along: the rehearsal of the batch failed", slog.String("error", x402.Mask(err.Error())))
		return nil
	}
	if !good[0] {
		return nil // alone, it is told why
	}
	var keep [][]byte
	for i, data := range transfers {
		if good[i] {
			keep = append(keep, data)
		}
	}
	if len(keep) == 1 {
		return nil
	}
	return &relayCall{
		to: r.Multicall, calldata: chain.Aggregate3(p.Domain.Contract, keep), transfers: len(keep),
		gas: batchGas(len(keep)),
	}
}

func batchGas(transfers int) uint64 { return chain.BatchGas + uint64(transfers)*chain.BatchItemGas }

// companions are the transfers of other payouts of the same treasury.
func (r *Relayer) companions(ctx context.Context, p x402.Payment) [][]byte {
	if r.Policy.BatchMax < 2 {
		return nil
	}
	now := r.Now()
	found, err := r.Sendables.SendablePayouts(ctx, ledger.Sendable{
		MinAttempts: r.Companion, ValidUntil: now.Add(r.Policy.MinLeft), Limit: r.Policy.BatchMax - 1,
	}, now)
	if err != nil {
		r.Log.WarnContext(ctx, "nothing is taken along: payouts not readable", slog.Any("error", err))
		return nil
	}
	var out [][]byte
	for _, pay := range found {
		other := x402.Payment{Domain: p.Domain, Authorization: authorization(pay), Signature: pay.Signature}
		foreign := pay.ChainID != p.Domain.ChainID || pay.Token != p.Domain.Contract || pay.Treasury != p.Authorization.From
		if foreign || pay.Nonce == p.Authorization.Nonce || other.Check() != nil {
			continue
		}
		if data, err := transfer(other).Calldata(); err == nil {
			out = append(out, data)
		}
	}
	return out
}

func transfer(p x402.Payment) chain.SignedTransfer {
	a := p.Authorization
	return chain.SignedTransfer{
		From: a.From, To: a.To, Value: a.Value, ValidAfter: a.ValidAfter, ValidBefore: a.ValidBefore, Nonce: a.Nonce, Signature: p.Signature,
	}
}
