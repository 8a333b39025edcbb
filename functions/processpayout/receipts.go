package processpayout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
)

// Batches keeps receipt batches.
type Batches interface {
	ReceiptsDue(ctx context.Context, now time.Time) (count int64, oldest time.Time, err error)
	OpenReceiptBatches(ctx context.Context, sender common.Address) ([]ledger.ReceiptBatch, error)
	ReserveReceipts(ctx context.Context, sender, logAddress common.Address, chainNonce uint64, limit int, now time.Time, encode func([]ledger.Payout) ([]byte, error)) (*ledger.ReceiptBatch, error)
}

// BatchOutcomes records what became of one.
type BatchOutcomes interface {
	RecordBroadcast(ctx context.Context, k ledger.BatchKey, tx common.Hash, feeCap, tipCap *big.Int, now time.Time) error
	ConfirmReceipts(ctx context.Context, k ledger.BatchKey, tx common.Hash, block uint64, now time.Time) error
	AdoptNonce(ctx context.Context, u ledger.NonceUse, now time.Time) error
}

// Account reads an account: the log sender's, or the relayer's.
type Account interface {
	AccountNonces(ctx context.Context, a common.Address) (safe, latest uint64, err error)
	TxStatus(ctx context.Context, hashes []common.Hash) (*chain.Mined, error)
}

// History reads what an account's nonces from first up to next were used for,
// in order, in safe blocks.
type History interface {
	AccountTransactions(ctx context.Context, a common.Address, first, next uint64, yield func(chain.AccountTx) error) error
}

// Mempool takes transactions.
type Mempool interface {
	SuggestFees(ctx context.Context) (chain.Fees, error)
	EstimateGas(ctx context.Context, from, to common.Address, data []byte) (uint64, error)
	Broadcast(ctx context.Context, raw []byte) (chain.Sent, error)
}

// Receipts writes the receipts of confirmed payouts to the chain. Whatever
// fails here, payouts go on, and the next run makes it good.
type Receipts struct {
	Batches  Batches
	Outcomes BatchOutcomes
	Leases   lease.Store
	Account  Account
	History  History
	Mempool  Mempool
	Signer   chain.Signer // the log sender's key
	ChainID  int64
	Address  common.Address // BLOCKRUN_LOG_ADDRESS
	Encode   func([]receipt.Receipt) ([]byte, error)
	Policy   LogPolicy

	Now      func() time.Time
	NewID    func() string
	Log      *slog.Logger
	LeaseTTL time.Duration
}

// Try is Run for a caller that goes on whatever happens: the sweep hints at
// receipts again and again, so nothing is gained by delivering one hint twice.
func (r *Receipts) Try(ctx context.Context) (outcome string) {
	outcome, err := r.Run(ctx)
	if err != nil {
		r.Log.ErrorContext(ctx, "receipts not written; the sweep comes back to them", slog.String("outcome", outcome), slog.Any("error", err))
		return outcome + "; then it failed"
	}
	return outcome
}

// AfterConfirm writes receipts if enough of them wait, or one for long enough.
func (r *Receipts) AfterConfirm(ctx context.Context) {
	count, oldest, err := r.Batches.ReceiptsDue(ctx, r.Now())
	if err != nil {
		r.Log.WarnContext(ctx, "receipts due not known", slog.Any("error", err))
		return
	}
	if count >= r.Policy.BatchMin || count > 0 && r.Now().Sub(oldest) >= r.Policy.BatchWait {
		r.Try(ctx)
	}
}

// Run moves every open batch on, and reserves new ones for all receipts that
// are due. Only one instance at a time does so, since two that chose fees for
// the same account nonce would outbid each other; nothing else depends on it.
func (r *Receipts) Run(ctx context.Context) (outcome string, err error) {
	release, err := lease.Hold(ctx, r.Leases, "receipts/"+ledger.CanonicalAddress(r.Signer.Address()), r.NewID(), r.Now(), r.LeaseTTL, r.Log)
	if errors.Is(err, ledger.ErrLeased) {
		return "another instance is at it", nil
	}
	if err != nil {
		return "", err
	}
	defer release()
	pass := &pass{Receipts: r}
	err = pass.run(ctx)
	return pass.String(), err
}

// pass is one run over all batches.
type pass struct {
	*Receipts
	safe, latest uint64 // the sender's account nonce
	market       *chain.Fees

	confirmed, sent, open int
}

func (p *pass) String() string {
	return fmt.Sprintf("%d confirmed, %d sent, %d open", p.confirmed, p.sent, p.open)
}

func (p *pass) run(ctx context.Context) error {
	sender := p.Signer.Address()
	batches, err := p.Batches.OpenReceiptBatches(ctx, sender)
	if err != nil {
		return err
	}
	if len(batches) == 0 {
		// The account is read only when there is something to write.
		count, _, err := p.Batches.ReceiptsDue(ctx, p.Now())
		if err != nil || count == 0 {
			return err
		}
	}
	if p.safe, p.latest, err = p.Account.AccountNonces(ctx, sender); err != nil {
		return err
	}
	// One batch that cannot be moved on must not keep the others back.
	var errs []error
	for _, b := range batches {
		errs = append(errs, p.advance(ctx, b))
	}
	for p.open < p.Policy.MaxOpen {
		b, err := p.reserve(ctx)
		if err == nil && b != nil {
			err = p.advance(ctx, *b)
		}
		errs = append(errs, err)
		if err != nil || b == nil {
			break
		}
	}
	return errors.Join(errs...)
}

// reserve makes a new batch. When the account has used nonces that the database
// knows nothing of, it is first told what for, once their blocks are safe.
func (p *pass) reserve(ctx context.Context) (*ledger.ReceiptBatch, error) {
	take := func() (*ledger.ReceiptBatch, error) {
		return p.Batches.ReserveReceipts(ctx, p.Signer.Address(), p.Address, p.latest, p.Policy.BatchMax, p.Now(), p.encode)
	}
	b, err := take()
	var gap *ledger.NonceGap
	if !errors.As(err, &gap) {
		return b, err
	}
	if p.safe < gap.To {
		return nil, fmt.Errorf("receipts wait until what is unknown is safe: %w", err)
	}
	if err := p.adopt(ctx, gap.From, gap.To); err != nil {
		return nil, fmt.Errorf("%w: %w", gap, err)
	}
	return take()
}

func (r *Receipts) encode(payouts []ledger.Payout) ([]byte, error) {
	all := make([]receipt.Receipt, len(payouts))
	for i, p := range payouts {
		var err error
		if all[i], err = receipt.Of(p); err != nil {
			return nil, err
		}
	}
	return r.Encode(all)
}
