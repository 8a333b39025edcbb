// Package audit verifies payouts from chain data alone: it walks the chain,
// decodes every receipt that the known senders wrote to the log address, and
// matches each with the USDC transfer that it tells of. It needs no database
// and trusts nobody but the node that it reads from.
//
// A receipt and a transfer belong together when the transfer was made by the
// authorization whose nonce follows from the receipt's payout id
// (payments.md, rule 2). Then recipient, amount and transaction must agree.
package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
)

// Chain is read in ranges of blocks, both ends included.
type Chain interface {
	LogTransactions(ctx context.Context, logAddress common.Address, from, to uint64, yield func(chain.LogTransaction) error) error
	LogTransactionsOf(ctx context.Context, sender, logAddress common.Address, from, to uint64, yield func(chain.LogTransaction) error) error
	TransfersFrom(ctx context.Context, token, treasury common.Address, from, to uint64, yield func(chain.Transfer) error) error
}

// Scope says whose payouts are verified.
type Scope struct {
	ChainID    int64
	Token      common.Address   // USDC
	Treasury   common.Address   // every transfer that leaves it must be a payout
	LogAddress common.Address   // BLOCKRUN_LOG_ADDRESS
	Senders    []common.Address // whose receipts count: anybody can send calldata to the log address

	// SendersOnly reads only the blocks in which the senders sent something, of a
	// node that knows old state. It finds every receipt that counts, and none by
	// strangers. Else every block is read.
	SendersOnly bool

	// Grace is how many blocks a transfer may be old without a receipt: it is
	// written after the transfer's block is safe, some minutes later on Base.
	Grace uint64
}

// Trail is what was read of the chain so far: what it keeps grows with the
// payouts, not with the blocks. The zero value is not usable; New makes one.
type Trail struct {
	scope    Scope
	first    uint64
	next     uint64
	walked   bool
	receipts []logged
	moved    []chain.Transfer
	earlier  []chain.Transfer // before first, of receipts that were read
	foreign  []Disagreement   // found while reading
	unlisted int              // receipts by strangers beyond maxForeign
	strange  int
	proven   bool
}

// logged is one receipt and where it was written.
type logged struct {
	receipt.Receipt
	Tx    common.Hash
	Block uint64
}

// maxForeign bounds how many log transactions by strangers are remembered one
// by one: anybody can send any number of them.
const maxForeign = 1000

// New begins a trail.
func New(s Scope) *Trail { return &Trail{scope: s} }

// ErrGap means that a range does not follow on the one before.
var ErrGap = errors.New("audit: blocks left out")

// Walk reads blocks from to to. After an error nothing of them is kept, and
// the same range can be walked again. Ranges must follow each other without a
// gap: what is left out could hold anything.
func (t *Trail) Walk(ctx context.Context, c Chain, from, to uint64) error {
	if t.walked && from != t.next || to < from {
		return fmt.Errorf("%w: blocks %d to %d do not follow on block %d", ErrGap, from, to, t.next)
	}
	part := Trail{scope: t.scope}
	err := c.TransfersFrom(ctx, t.scope.Token, t.scope.Treasury, from, to, func(m chain.Transfer) error {
		part.moved = append(part.moved, m)
		return nil
	})
	if err != nil {
		return fmt.Errorf("audit: transfers in blocks %d to %d: %w", from, to, err)
	}
	if err := part.readLog(ctx, c, from, to); err != nil {
		return fmt.Errorf("audit: receipts in blocks %d to %d: %w", from, to, err)
	}
	if !t.walked {
		t.first = from
	}
	t.walked, t.next = true, to+1
	t.receipts = append(t.receipts, part.receipts...)
	t.moved = append(t.moved, part.moved...)
	t.strange += part.strange
	for _, d := range part.foreign {
		if d.Kind == UnknownSender && len(t.foreign) >= maxForeign {
			t.unlisted++
			continue
		}
		t.foreign = append(t.foreign, d)
	}
	return nil
}

// Next is the block that the next Walk begins with, or 0 before the first.
func (t *Trail) Next() uint64 { return t.next }

// readLog reads the transactions to the log address, in the order of the chain.
func (t *Trail) readLog(ctx context.Context, c Chain, from, to uint64) error {
	if !t.scope.SendersOnly {
		return c.LogTransactions(ctx, t.scope.LogAddress, from, to, t.read)
	}
	var all []chain.LogTransaction
	for _, sender := range t.scope.Senders {
		err := c.LogTransactionsOf(ctx, sender, t.scope.LogAddress, from, to, func(tx chain.LogTransaction) error {
			all = append(all, tx)
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b chain.LogTransaction) int {
		return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Index, b.Index))
	})
	for _, tx := range all {
		if err := t.read(tx); err != nil {
			return err
		}
	}
	return nil
}

// read takes one transaction to the log address.
func (t *Trail) read(tx chain.LogTransaction) error {
	known := slices.Contains(t.scope.Senders, tx.Sender)
	found, err := receipt.Decode(tx.Calldata)
	switch {
	case err != nil && known:
		t.foreign = append(t.foreign, Disagreement{Kind: Unreadable, Tx: tx.Tx, Block: tx.Block, Detail: err.Error()})
	case err != nil:
		t.strange++ // no receipt, and nobody we know: it claims nothing
	case !known:
		t.foreign = append(t.foreign, Disagreement{
			Kind: UnknownSender, Payout: found[0].PayoutID, Tx: tx.Tx, Block: tx.Block,
			Detail: fmt.Sprintf("%d in all by %s, who is not a known sender; they prove nothing", len(found), tx.Sender),
		})
	default:
		for _, r := range found {
			t.receipts = append(t.receipts, logged{r, tx.Tx, tx.Block})
		}
	}
	return nil
}

// Report judges what was read.
func (t *Trail) Report() Report { return t.ReportWith(nil) }

// ReportWith judges it, and compares every receipt with the result log, unless
// results is nil.
func (t *Trail) ReportWith(results *Results) Report {
	r := Report{From: t.first, To: t.next - min(t.next, 1), Strange: t.strange, Unlisted: t.unlisted, Proven: t.proven, Disagreements: slices.Clone(t.foreign)}
	byNonce, sums := t.byNonce(), results.sums()
	if results != nil {
		r.Log = &LogReport{}
	}
	seen := make(map[ledger.PayoutID]logged, len(t.receipts))
	claimed := make(map[common.Hash]bool, len(t.receipts)) // nonces that a receipt tells of
	for _, l := range t.receipts {
		if before, twice := seen[l.PayoutID]; twice {
			r.disagree(DoubleReceipt, l, "its first receipt is in transaction %s", before.Tx)
			continue
		}
		seen[l.PayoutID] = l
		nonce := t.nonce(l)
		claimed[nonce] = true
		recomputed := r.recompute(l, sums)
		if m, found := byNonce[nonce]; !found {
			r.disagree(NoTransfer, l, "no transfer from the treasury was authorised for it in these blocks")
		} else if r.agree(l, m) && recomputed {
			r.Payouts = append(r.Payouts, Payout{Receipt: l.Receipt, LogTx: l.Tx, LogBlock: l.Block, TransferBlock: m.Block})
		}
	}
	for _, m := range t.moved {
		switch {
		case m.Nonce != (common.Hash{}) && claimed[m.Nonce]:
		case t.next-m.Block <= t.scope.Grace && m.Nonce != (common.Hash{}):
			r.Waiting = append(r.Waiting, m)
		default:
			r.Disagreements = append(r.Disagreements, Disagreement{
				Kind: NoReceipt, Tx: m.Tx, Block: m.Block,
				Detail: fmt.Sprintf("%s USDC went to %s, and no receipt tells of it", m.Value, m.To),
			})
		}
	}
	r.closeLog(seen, results, sums)
	r.Workers = totals(r.Payouts)
	return r
}

func (t *Trail) nonce(l logged) common.Hash {
	return ledger.PayoutNonce(t.scope.ChainID, t.scope.Treasury, l.PayoutID)
}

func (t *Trail) byNonce() map[common.Hash]chain.Transfer {
	out := make(map[common.Hash]chain.Transfer, len(t.moved)+len(t.earlier))
	for _, list := range [][]chain.Transfer{t.moved, t.earlier} {
		for _, m := range list {
			if m.Nonce != (common.Hash{}) {
				out[m.Nonce] = m
			}
		}
	}
	return out
}

// agree compares a receipt with the transfer of its payout.
func (r *Report) agree(l logged, m chain.Transfer) bool {
	before := len(r.Disagreements)
	if m.To != l.Worker() {
		r.disagree(WrongRecipient, l, "the transfer went to %s", m.To)
	}
	if m.Value != l.AmountMicros {
		r.disagree(WrongAmount, l, "the receipt says %s USDC, the transfer %s", l.AmountMicros, m.Value)
	}
	if m.Tx != l.PayoutTxHash {
		r.disagree(WrongTransaction, l, "the receipt names transaction %s, the transfer is in %s", l.PayoutTxHash, m.Tx)
	}
	return len(r.Disagreements) == before
}

func (r *Report) disagree(k Kind, l logged, format string, args ...any) {
	r.Disagreements = append(r.Disagreements, Disagreement{Kind: k, Payout: l.PayoutID, Tx: l.Tx, Block: l.Block, Detail: fmt.Sprintf(format, args...)})
}

func totals(payouts []Payout) []Worker {
	all := map[common.Address]*Worker{}
	for _, p := range payouts {
		w := all[p.Worker()]
		if w == nil {
			w = &Worker{Address: p.Worker()}
			all[p.Worker()] = w
		}
		w.Payouts++
		w.Results += p.ResultCount
		w.Paid += p.AmountMicros // matched by real transfers: all USDC there is fits
	}
	out := make([]Worker, 0, len(all))
	for _, w := range all {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Worker) int { return a.Address.Cmp(b.Address) })
	return out
}
