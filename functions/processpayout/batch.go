package processpayout

import (
	"errors"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// LogPolicy is how receipts are written.
type LogPolicy struct {
	// A confirmed payout has its receipt written at once when BatchMin wait for
	// theirs, or the first of them has waited for BatchWait. Else the sweep's hint
	// does it, whose interval is the longest that one waits.
	BatchMin  int64
	BatchWait time.Duration
	BatchMax  int // receipts in one transaction
	MaxOpen   int // transactions on their way at the same time; each takes two minutes until it is safe

	// StuckAfter is when a transaction that is not mined is replaced by one that
	// offers more, up to MaxFeeCap, in wei per gas. While the market is above that,
	// nothing new is sent. MaxTip is the most of it that a first transaction gives
	// as a tip, which is lost however low the base fee really is.
	StuckAfter time.Duration
	MaxFeeCap  *big.Int
	MaxTip     *big.Int
}

// DefaultLogPolicy is for Base.
func DefaultLogPolicy() LogPolicy {
	return LogPolicy{
		BatchMin: 20, BatchWait: 40 * time.Second, BatchMax: 100, MaxOpen: 12,
		StuckAfter: time.Minute, MaxFeeCap: big.NewInt(10_000_000_000), MaxTip: big.NewInt(100_000_000),
	}
}

// Validate reports a policy that could not work.
func (p LogPolicy) Validate() error {
	if p.BatchMax < 1 || p.MaxOpen < 1 || p.StuckAfter <= 0 || !positive(p.MaxFeeCap, p.MaxTip) {
		return errors.New("processpayout: a receipt batch needs room, time and fees above 0")
	}
	return nil
}

// BatchView is all that is known about an open receipt batch at one moment.
type BatchView struct {
	Batch        ledger.ReceiptBatch
	Mined        *chain.Mined // of its own transactions; nil when the node knows of none
	Safe, Latest uint64       // the sender's account nonce at the two blocks
	Market       chain.Fees   // what a new transaction should offer
	Now          time.Time
}

// BatchStep is what to do next for an open receipt batch.
type BatchStep interface{ batchStep() }

// The steps.
type (
	// LogConfirm: its transaction is in a safe block.
	LogConfirm struct {
		Tx       common.Hash
		Block    uint64
		Reverted bool
	}
	// LogSend signs a transaction with these fees, records it and sends it.
	LogSend struct{ Fees chain.Fees }
	// LogResend sends the recorded transaction with these fees again: the one who
	// recorded it may have died before it was sent.
	LogResend struct{ Fees chain.Fees }
	// LogAdopt: its nonce is used, by something else or by one of its own that is
	// not recorded or that the node has lost. What it was, its block says.
	LogAdopt struct{}
	// LogWait: nothing to do now.
	LogWait struct{ Reason string }
)

func (LogConfirm) batchStep() {}
func (LogSend) batchStep()    {}
func (LogResend) batchStep()  {}
func (LogAdopt) batchStep()   {}
func (LogWait) batchStep()    {}

// DecideBatch says what to do next for an open receipt batch. It is pure.
// Every transaction of a batch has the same account nonce and the same data,
// so that at most one of them is ever mined, whoever sent them and how often.
func (p LogPolicy) DecideBatch(v BatchView) BatchStep {
	b := v.Batch
	switch {
	case v.Mined != nil && v.Mined.Safe:
		return LogConfirm{Tx: v.Mined.Tx, Block: v.Mined.Block, Reverted: v.Mined.Reverted}
	case v.Mined != nil:
		return LogWait{"mined, in a block that is not safe yet"}
	case v.Safe > b.AccountNonce:
		return LogAdopt{}
	case v.Latest > b.AccountNonce:
		return LogWait{"its account nonce is used, in a block that is not safe yet"}
	}
	return p.offer(v)
}

// recorded reports whether a transaction may be sent as far as the batch goes.
func recorded(b ledger.ReceiptBatch, tx common.Hash) bool { return slices.Contains(b.TxHashes, tx) }
