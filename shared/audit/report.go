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
	Unlisted      int // further log transactions of kind UnknownSender, which are not listed
	Strange       int // transactions to the log address by strangers that claim nothing

	Proven bool // the treasury's balances account for all transfers: none was left out

	Log *LogReport // nil: no result log was given
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

// The kinds of disagreement on chain.
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

// The kinds of disagreement with the result log, and inside it.
const (
	BadPart        Kind = "bad part"   // a file is not what its name says
	BadResult      Kind = "bad result" // a line is unreadable, or contradicts itself or its signature
	DoubleResult   Kind = "double result"
	DoubleCycle    Kind = "double cycle"    // two results of one cycle of a task were paid
	MissingResults Kind = "missing results" // fewer than the receipt says
	ExtraResults   Kind = "extra results"
	WrongResults   Kind = "wrong results" // as many, and yet another hash
	WrongSum       Kind = "wrong sum"     // of the rewards
)

// Disagreement is one finding.
type Disagreement struct {
	Kind   Kind
	Payout ledger.PayoutID // zero where none is named
	Tx     common.Hash     // the log transaction, or the transfer for NoReceipt; zero for what is wrong inside the result log
	Block  uint64
	Part   string // of the result log, where something is wrong inside it
	Detail string
}

func (d Disagreement) String() string {
	text := string(d.Kind)
	if d.Payout != (ledger.PayoutID{}) {
		text += " of payout " + d.Payout.String()
	}
	if d.Part != "" {
		text += " in " + d.Part
	}
	if d.Tx != (common.Hash{}) {
		text += fmt.Sprintf(" in transaction %s (block %d)", d.Tx, d.Block)
	}
	return text + ": " + d.Detail
}
