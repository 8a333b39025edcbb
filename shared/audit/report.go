package audit

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
)

// Report is what the chain says of a range of blocks.
type Report struct {
	From, To uint64 // blocks, both included

	Payouts       []Payout         // verified: a receipt and its transfer, in full agreement; in the order of the log
	Workers       []Worker         // totals of those, by address
	Waiting       []chain.Transfer // made too recently to have a receipt
	Disagreements []Disagreement
	Strange       int // transactions to the log address by strangers that claim nothing
}

// OK reports whether everything agrees.
func (r Report) OK() bool { return len(r.Disagreements) == 0 }

// Payout is a verified one.
type Payout struct {
	receipt.Receipt
	LogTx         common.Hash // holds the receipt
	LogBlock      uint64
	TransferBlock uint64
}

// Worker is what one worker was verifiably paid.
type Worker struct {
	Address common.Address
	Payouts int
	Results int64
	Paid    ledger.Micros
}

// Kind is a way in which the chain can disagree with itself.
type Kind string

// The kinds of disagreement.
const (
	NoTransfer       Kind = "receipt without transfer"
	NoReceipt        Kind = "transfer without receipt"
	WrongAmount      Kind = "wrong amount"
	WrongRecipient   Kind = "wrong recipient"
	WrongTransaction Kind = "wrong transaction"
	DoubleReceipt    Kind = "double receipt"
	UnknownSender    Kind = "unknown sender"
	Unreadable       Kind = "unreadable receipt" // by a known sender
)

// Disagreement is one finding.
type Disagreement struct {
	Kind   Kind
	Payout ledger.PayoutID // zero where none is named
	Tx     common.Hash     // the log transaction, or the transfer for NoReceipt
	Block  uint64
	Detail string
}

func (d Disagreement) String() string {
	what := ""
	if d.Payout != (ledger.PayoutID{}) {
		what = " of payout " + d.Payout.String()
	}
	return fmt.Sprintf("%s%s in transaction %s (block %d): %s", d.Kind, what, d.Tx, d.Block, d.Detail)
}
