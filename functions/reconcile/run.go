package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Name is under which the comparison is kept.
func (s Scope) Name() string {
	return fmt.Sprintf("%d/%s/%s", s.ChainID, ledger.CanonicalAddress(s.Token), ledger.CanonicalAddress(s.Treasury))
}

func (s Scope) known(sender common.Address) bool { return slices.Contains(s.Senders, sender) }

// owns reports whether a payout is paid by this treasury.
func (s Scope) owns(p ledger.Payout) bool {
	return p.ChainID == s.ChainID && p.Token == s.Token && p.Treasury == s.Treasury
}

// run is one run.
type run struct {
	Deps
	name   string
	at     ledger.Reconciled // as it is stored
	began  time.Time
	safe   uint64
	logs   map[common.Hash]*logged // log transactions that were looked up
	report Report
}

// Run compares what is new, then again what did not agree before, and goes on
// with its walk through the books, or reads all of them. The report is of
// everything that is open, whatever failed.
func (d Deps) Run(ctx context.Context, allBooks bool) (Report, error) {
	r := &run{Deps: d, name: d.Scope.Name(), began: d.Now(), logs: map[common.Hash]*logged{}}
	var err error
	if r.at, err = d.Store.Reconciled(ctx, r.name); err != nil {
		return Report{}, err
	}
	books := r.walk
	if allBooks {
		books = r.books
	}
	err = errors.Join(r.compare(ctx), books(ctx))
	return r.report, errors.Join(err, r.conclude(ctx))
}

// compare is all that needs the chain.
func (r *run) compare(ctx context.Context) error {
	heads, err := r.Chain.Heads(ctx)
	if err != nil {
		return err
	}
	r.safe = heads.Safe.Number
	r.report.Blocks.Safe = r.safe
	if err := r.blocks(ctx); err != nil {
		return err
	}
	if err := r.confirmed(ctx); err != nil {
		return err
	}
	return r.again(ctx)
}

// over reports whether the time for this run is used up, and notes that there
// may be more to do.
func (r *run) over() bool {
	over := r.Now().Sub(r.began) >= r.Pace.Budget
	r.report.More = r.report.More || over
	return over
}

// maxPut bounds one commit.
const maxPut = 1000

// save notes how far the comparison is now, and what was found on the way.
func (r *run) save(ctx context.Context, after ledger.Reconciled, found []ledger.Finding, settled []string) error {
	now := r.Now()
	for len(found) > maxPut || len(settled) > maxPut {
		f, s := min(len(found), maxPut), min(len(settled), maxPut)
		if err := r.Store.SaveReconciled(ctx, r.name, r.at, r.at, found[:f], settled[:s], now); err != nil {
			return err
		}
		found, settled = found[f:], settled[s:]
	}
	if err := r.Store.SaveReconciled(ctx, r.name, r.at, after, found, settled, now); err != nil {
		return err
	}
	r.at = after
	return nil
}

// findings collects what does not agree.
type findings struct {
	at  time.Time
	all []ledger.Finding
}

func (f *findings) add(s subject, v verdict) {
	if v != (verdict{}) {
		f.all = append(f.all, ledger.Finding{Subject: s.String(), Kind: v.kind, Detail: v.detail, FoundAt: f.at})
	}
}

// blocks compares the blocks that are new and old enough, a step at a time.
func (r *run) blocks(ctx context.Context) error {
	next, last := max(r.at.NextBlock, r.Scope.FromBlock), r.safe-min(r.safe, r.Pace.LagBlocks)
	r.report.Blocks.From, r.report.Blocks.To = next, next
	for next <= last && !r.over() {
		end := next + min(r.Pace.Step-1, last-next)
		found := findings{at: r.began}
		if err := r.transfers(ctx, next, end, &found); err != nil {
			return err
		}
		if err := r.receipts(ctx, next, end, &found); err != nil {
			return err
		}
		after := r.at
		after.NextBlock = end + 1
		if err := r.save(ctx, after, found.all, nil); err != nil {
			return err
		}
		r.report.Blocks.To, next = end, end+1
	}
	return nil
}

// transfers compares each transfer in a range with its payout.
func (r *run) transfers(ctx context.Context, from, to uint64, found *findings) error {
	var all []chain.Transfer
	var sent ledger.Micros
	err := r.Chain.TransfersFrom(ctx, r.Scope.Token, r.Scope.Treasury, from, to, func(t chain.Transfer) (err error) {
		all = append(all, t)
		sent, err = sent.Add(t.Value)
		return err
	})
	if err != nil {
		return err
	}
	// Money that left outside the books must not be hidden by logs cut short.
	if err := r.Chain.CheckTransfers(ctx, r.Scope.Token, r.Scope.Treasury, from, to, sent); err != nil {
		return err
	}
	r.report.Transfers += len(all)
	for part := range slices.Chunk(all, r.Pace.Page) {
		var nonces []common.Hash
		for _, t := range part {
			if t.Nonce != (common.Hash{}) {
				nonces = append(nonces, t.Nonce)
			}
		}
		rows, err := r.Payouts.PayoutsByNonce(ctx, nonces)
		if err != nil {
			return err
		}
		byNonce := map[common.Hash]*ledger.Payout{}
		for _, p := range rows {
			byNonce[p.Nonce] = &p
		}
		for _, t := range part {
			found.add(subject{kind: aTransfer, tx: t.Tx, index: t.LogIndex}, judgeTransfer(t, byNonce[t.Nonce]))
		}
	}
	return nil
}

// receipts compares each receipt in a range with its payout.
func (r *run) receipts(ctx context.Context, from, to uint64, found *findings) error {
	for _, sender := range r.Scope.Senders {
		err := r.Chain.LogTransactionsOf(ctx, sender, r.Scope.LogAddress, from, to, func(tx chain.LogTransaction) error {
			l := decode(tx)
			r.logs[tx.Tx] = &l
			return r.receiptsIn(ctx, &l, found)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) receiptsIn(ctx context.Context, l *logged, found *findings) error {
	if l.err != nil {
		found.add(subject{kind: aLog, tx: l.Tx}, verdictf(UnreadableReceipt, "%v", l.err))
		return nil
	}
	ids := make([]ledger.PayoutID, len(l.receipts))
	for i, x := range l.receipts {
		ids[i] = x.PayoutID
	}
	rows, err := r.Payouts.PayoutsByID(ctx, ids)
	if err != nil {
		return err
	}
	byID := map[ledger.PayoutID]*ledger.Payout{}
	for _, p := range rows {
		byID[p.ID] = &p
	}
	r.report.Receipts += len(ids)
	for _, x := range l.receipts {
		found.add(subject{kind: aReceipt, tx: l.Tx, payout: x.PayoutID}, judgeReceipt(l, x, byID[x.PayoutID]))
	}
	return nil
}
