package reconcile

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
)

// The kinds of findings. They stand in logs and in the database, so they
// never change.
const (
	// Chain to books.
	OutsideBooks      = "transfer outside the books" // of no authorization
	NoPayout          = "transfer without payout"
	WrongAmount       = "wrong amount"
	WrongRecipient    = "wrong recipient"
	WrongTransaction  = "wrong transaction"
	PaidThoughFailed  = "paid though failed"
	NotBooked         = "transfer not booked yet"
	NoSuchPayout      = "receipt without payout"
	NotConfirmed      = "receipt of a payout that is not confirmed"
	DoubleReceipt     = "double receipt"
	WrongReceipt      = "wrong receipt"
	ReceiptNotBooked  = "receipt not booked yet"
	UnreadableReceipt = "unreadable receipt"
	// Books to chain.
	NoTransfer     = "payout without transfer"
	NoReceipt      = "no receipt yet"
	ReceiptNotMade = "receipt not on chain"
	UnknownSender  = "receipt by an unknown sender"
	// Inside the books.
	BooksDisagree = "books disagree with themselves"
	// Of the findings.
	TooMany = "more disagreements than can be looked at"
)

// late are the kinds that most payouts go through: they are disagreements
// only when they last.
var late = map[string]bool{NotBooked: true, ReceiptNotBooked: true, NoReceipt: true}

// verdict is a kind and its detail; the zero value is agreement.
type verdict struct{ kind, detail string }

func verdictf(kind, format string, args ...any) verdict {
	return verdict{kind, fmt.Sprintf(format, args...)}
}

// judgeTransfer compares money that left the treasury with the payout of its
// nonce, nil if there is none.
func judgeTransfer(t chain.Transfer, p *ledger.Payout) verdict {
	switch {
	case t.Nonce == common.Hash{}:
		return verdictf(OutsideBooks, "%s USDC went to %s in block %d, by no authorization", t.Value, t.To, t.Block)
	case p == nil:
		return verdictf(NoPayout, "%s USDC went to %s in block %d, and no payout has nonce %s", t.Value, t.To, t.Block, hexOf(t.Nonce))
	case p.State == ledger.Failed:
		return verdictf(PaidThoughFailed, "payout %s: %s USDC went to %s in block %d; requeue it, and it will be booked", p.ID, t.Value, t.To, t.Block)
	}
	if v := same(t, *p); v != (verdict{}) || p.State == ledger.Confirmed {
		return v
	}
	return verdictf(NotBooked, "payout %s is %s; the transfer is in block %d", p.ID, p.State, t.Block)
}

// same compares a transfer with its payout. Where it was made is compared once
// the payout says.
func same(t chain.Transfer, p ledger.Payout) verdict {
	switch {
	case t.To != p.ID.Worker:
		return verdictf(WrongRecipient, "payout %s: transfer %s went to %s", p.ID, hexOf(t.Tx), t.To)
	case t.Value != p.Amount:
		return verdictf(WrongAmount, "payout %s is %s USDC, transfer %s is %s", p.ID, p.Amount, hexOf(t.Tx), t.Value)
	case p.State == ledger.Confirmed && (p.UsdcTx != t.Tx || p.UsdcBlock != t.Block):
		return verdictf(WrongTransaction, "payout %s is booked in %s (block %d), the transfer is in %s (block %d)", p.ID, hexOf(p.UsdcTx), p.UsdcBlock, hexOf(t.Tx), t.Block)
	}
	return verdict{}
}

// logged is a log transaction and the receipts in it.
type logged struct {
	chain.LogTransaction
	receipts []receipt.Receipt
	err      error // why they cannot be read
}

func decode(tx chain.LogTransaction) logged {
	l := logged{LogTransaction: tx}
	l.receipts, l.err = receipt.Decode(tx.Calldata)
	return l
}

func (l *logged) of(id ledger.PayoutID) (receipt.Receipt, bool) {
	for _, r := range l.receipts {
		if r.PayoutID == id {
			return r, true
		}
	}
	return receipt.Receipt{}, false
}

// judgePayout compares a confirmed payout with its transfer and the log
// transaction that it names, nil where the chain has none. known says who may
// write receipts.
func judgePayout(p ledger.Payout, t *chain.Transfer, l *logged, known func(common.Address) bool) verdict {
	if t == nil {
		return verdictf(NoTransfer, "%s USDC are booked as paid in %s (block %d), which holds no such transfer", p.Amount, hexOf(p.UsdcTx), p.UsdcBlock)
	}
	if v := same(*t, p); v != (verdict{}) {
		return v
	}
	switch {
	case p.LogTx == common.Hash{}:
		return verdictf(NoReceipt, "paid in block %d", t.Block)
	case l == nil:
		return verdictf(ReceiptNotMade, "log transaction %s is not on chain", hexOf(p.LogTx))
	case !known(l.Sender):
		return verdictf(UnknownSender, "log transaction %s is by %s", hexOf(p.LogTx), l.Sender)
	}
	return sameReceipt(p, l)
}

// sameReceipt compares what a log transaction says of a confirmed payout with
// the payout. Not its time: a payout that was confirmed before the database was
// restored to an earlier hour is confirmed again at another time.
func sameReceipt(p ledger.Payout, l *logged) verdict {
	if l.err != nil {
		return verdictf(UnreadableReceipt, "log transaction %s: %v", hexOf(l.Tx), l.err)
	}
	got, there := l.of(p.ID)
	want, err := receipt.Of(p)
	want.TS = got.TS
	switch {
	case err != nil:
		return verdictf(WrongReceipt, "the payout has none: %v", err)
	case !there:
		return verdictf(ReceiptNotMade, "log transaction %s holds none of payout %s", hexOf(l.Tx), p.ID)
	case got != want:
		return verdictf(WrongReceipt, "log transaction %s says %+v, the payout is %+v", hexOf(l.Tx), got, want)
	}
	return verdict{}
}

// judgeReceipt compares a receipt that a known sender wrote with its payout,
// nil if there is none.
func judgeReceipt(l *logged, r receipt.Receipt, p *ledger.Payout) verdict {
	switch {
	case p == nil:
		return verdictf(NoSuchPayout, "payout %s of %s USDC does not exist", r.PayoutID, r.AmountMicros)
	case p.State != ledger.Confirmed:
		return verdictf(NotConfirmed, "payout %s is %s", p.ID, p.State)
	case p.LogTx == common.Hash{}:
		if v := sameReceipt(*p, l); v != (verdict{}) {
			return v
		}
		return verdictf(ReceiptNotBooked, "of payout %s, in block %d", p.ID, l.Block)
	case p.LogTx != l.Tx:
		return verdictf(DoubleReceipt, "payout %s has its receipt in %s", p.ID, hexOf(p.LogTx))
	}
	return sameReceipt(*p, l)
}
