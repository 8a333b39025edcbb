package reconcile

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// How many findings are read at once, and in all: most are of payouts under
// way, and must not hide the others.
const (
	findingsPage = 1000
	maxFindings  = 20 * findingsPage
)

// open are the findings, and whether there are more.
func (r *run) open(ctx context.Context) (all []ledger.Finding, more bool, err error) {
	for after := ""; len(all) < maxFindings; after = all[len(all)-1].Subject {
		page, err := r.Store.Findings(ctx, r.name, after, findingsPage)
		if all = append(all, page...); err != nil || len(page) < findingsPage {
			return all, false, err
		}
	}
	return all, true, nil
}

// again compares anew, by look-ups of their own, what did not agree before, or
// just now. So an alarm has been looked at twice, and in two ways. Should there
// be no time for all, each run begins elsewhere.
func (r *run) again(ctx context.Context) error {
	open, _, err := r.open(ctx)
	if err != nil {
		return err
	}
	if n := len(open); n > 0 {
		from := rand.New(rand.NewPCG(uint64(r.began.UnixNano()), 0)).IntN(n)
		open = slices.Concat(open[from:], open[:from])
	}
	clear(r.logs) // what was looked up may have been a lagging node's word
	for part := range slices.Chunk(open, 100) {
		found := findings{at: r.began}
		var settled []string
		for _, f := range part {
			s, err := parseSubject(f.Subject)
			if err != nil || s.kind == inBooks {
				continue // an operator's own row, or for books to say
			}
			if r.over() {
				break
			}
			v, known, err := r.judge(ctx, s)
			switch {
			case err != nil:
				return err
			case !known: // the node does not show it any more: nothing follows from that
			case v == (verdict{}):
				settled = append(settled, f.Subject)
			default:
				found.add(s, v)
			}
		}
		if len(found.all)+len(settled) == 0 {
			continue
		}
		if err := r.save(ctx, r.at, found.all, settled); err != nil {
			return err
		}
	}
	return nil
}

// judge compares one subject. known is false when the chain, or the books, do
// not have it.
func (r *run) judge(ctx context.Context, s subject) (v verdict, known bool, err error) {
	switch s.kind {
	case aTransfer:
		t, found, err := r.transferIn(ctx, s.tx, func(t chain.Transfer) bool { return t.LogIndex == s.index })
		if err != nil || !found {
			return verdict{}, false, err
		}
		rows, err := r.Payouts.PayoutsByNonce(ctx, nonceOf(t))
		return judgeTransfer(t, first(rows)), true, err
	case aPayout:
		rows, err := r.Payouts.PayoutsByID(ctx, []ledger.PayoutID{s.payout})
		if err != nil || len(rows) == 0 {
			return verdict{}, false, err
		}
		t, found, err := r.transferIn(ctx, rows[0].UsdcTx, func(t chain.Transfer) bool { return t.Nonce == rows[0].Nonce })
		if err != nil {
			return verdict{}, false, err
		}
		v, err := r.judgeConfirmed(ctx, rows[0], t, found)
		return v, true, err
	}
	l, err := r.logTransaction(ctx, s.tx)
	if err != nil || l == nil {
		return verdict{}, false, err
	}
	if s.kind == aLog {
		if l.err == nil {
			return verdict{}, true, nil
		}
		return verdictf(UnreadableReceipt, "%v", l.err), true, nil
	}
	x, found := l.of(s.payout)
	if !found {
		return verdict{}, false, nil
	}
	rows, err := r.Payouts.PayoutsByID(ctx, []ledger.PayoutID{s.payout})
	return judgeReceipt(l, x, first(rows)), true, err
}

func first(rows []ledger.Payout) *ledger.Payout {
	if len(rows) == 0 {
		return nil
	}
	return &rows[0]
}

// nonceOf is the transfer's nonce, if it has one.
func nonceOf(t chain.Transfer) []common.Hash {
	if t.Nonce == (common.Hash{}) {
		return nil
	}
	return []common.Hash{t.Nonce}
}
