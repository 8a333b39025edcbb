package reconcile

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// confirmed compares the payouts that were confirmed since, a page at a time,
// with the chain.
func (r *run) confirmed(ctx context.Context) error {
	until := r.began.Add(-r.Pace.Lag)
	for !r.over() {
		page, err := r.Payouts.ConfirmedPayouts(ctx, r.at.Confirmed, until, r.Pace.Page)
		if err != nil {
			return err
		}
		full := len(page) == r.Pace.Page
		if judged := r.safeOnly(page); len(judged) < len(page) {
			page, full = judged, false // this node is behind: later
		}
		if len(page) == 0 {
			return nil
		}
		found := findings{at: r.began}
		if err := r.judgePage(ctx, page, &found); err != nil {
			return err
		}
		last, after := page[len(page)-1], r.at
		after.Confirmed = ledger.ConfirmedMark{At: last.ConfirmedAt, ID: last.ID}
		if err := r.save(ctx, after, found.all, nil); err != nil {
			return err
		}
		if !full {
			return nil
		}
	}
	return nil
}

// safeOnly is the page up to the first payout of a block that is not safe.
func (r *run) safeOnly(page []ledger.Payout) []ledger.Payout {
	for i, p := range page {
		if r.Scope.owns(p) && p.UsdcBlock > r.safe {
			return page[:i]
		}
	}
	return page
}

func (r *run) judgePage(ctx context.Context, page []ledger.Payout, found *findings) error {
	transfers, err := r.transfersOf(ctx, page)
	if err != nil {
		return err
	}
	for _, p := range page {
		if !r.Scope.owns(p) {
			continue
		}
		r.report.Payouts++
		t, ok := transfers[p.Nonce]
		if !ok {
			if t, ok, err = r.transferIn(ctx, p.UsdcTx, func(t chain.Transfer) bool { return t.Nonce == p.Nonce }); err != nil {
				return err
			}
		}
		v, err := r.judgeConfirmed(ctx, p, t, ok)
		if err != nil {
			return err
		}
		found.add(subject{kind: aPayout, payout: p.ID}, v)
	}
	return nil
}

// spanSteps is how many steps of blocks are read to find all transfers of a
// page; payouts that are further apart are looked up one by one.
const spanSteps = 50

// transfersOf finds the transfers of most payouts of a page with few requests:
// those confirmed together were paid together. What it does not find proves
// nothing.
func (r *run) transfersOf(ctx context.Context, page []ledger.Payout) (map[common.Hash]chain.Transfer, error) {
	wanted := map[common.Hash]bool{}
	var from, to uint64
	for _, p := range page {
		if !r.Scope.owns(p) {
			continue
		}
		if len(wanted) == 0 {
			from, to = p.UsdcBlock, p.UsdcBlock
		}
		wanted[p.Nonce] = true
		from, to = min(from, p.UsdcBlock), max(to, p.UsdcBlock)
	}
	found := map[common.Hash]chain.Transfer{}
	if len(wanted) == 0 || to-from > spanSteps*r.Pace.Step {
		return found, nil
	}
	err := r.Chain.TransfersFrom(ctx, r.Scope.Token, r.Scope.Treasury, from, to, func(t chain.Transfer) error {
		if wanted[t.Nonce] {
			found[t.Nonce] = t
		}
		return nil
	})
	return found, err
}

// transferIn is the transfer in a transaction that is meant, if there is one.
func (r *run) transferIn(ctx context.Context, tx common.Hash, meant func(chain.Transfer) bool) (chain.Transfer, bool, error) {
	all, err := r.Transactions.TransfersIn(ctx, r.Scope.Token, r.Scope.Treasury, tx)
	if err != nil {
		return chain.Transfer{}, false, err
	}
	for _, t := range all {
		if meant(t) {
			return t, true, nil
		}
	}
	return chain.Transfer{}, false, nil
}

func (r *run) judgeConfirmed(ctx context.Context, p ledger.Payout, t chain.Transfer, found bool) (verdict, error) {
	var made *chain.Transfer
	if found {
		made = &t
	}
	var l *logged
	if p.LogTx != (common.Hash{}) {
		var err error
		if l, err = r.logTransaction(ctx, p.LogTx); err != nil {
			return verdict{}, err
		}
	}
	return judgePayout(p, made, l, r.Scope.known), nil
}

// logTransaction looks up a log transaction, nil if there is none on chain.
// One holds the receipts of many payouts.
func (r *run) logTransaction(ctx context.Context, tx common.Hash) (*logged, error) {
	if l, known := r.logs[tx]; known {
		return l, nil
	}
	found, err := r.Transactions.LogTransaction(ctx, r.Scope.LogAddress, tx)
	if err != nil {
		return nil, err
	}
	r.logs[tx] = nil
	if found != nil {
		l := decode(*found)
		r.logs[tx] = &l
	}
	return r.logs[tx], nil
}
