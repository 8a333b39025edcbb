package recovery

import (
	"fmt"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// settle makes r the payout that the chain shows. What was accepted well after
// the transfer was not paid by it. Of the others, its results are those first
// accepted that are worth what was paid and, where there is a receipt, those that
// it commits to: from the first one after the backup on, or, should the network
// have been open after an earlier restore, from a later one on. When all that are
// known are worth less, the others are lost. rest are those that it did not pay.
func (n *number) settle(r *ledger.Recovered, since time.Time) (rest []resultlog.InPart, err error) {
	r.Tx, r.Block, r.Treasury = n.paid.Tx, n.paid.Block, n.paid.Treasury
	if x := n.receipt; x != nil && (x.AmountMicros != n.paid.Amount || x.PayoutTxHash != n.paid.Tx) {
		return nil, fmt.Errorf("its receipt says %s USDC in %s, the chain %s USDC in %s; look at both before anything else", x.AmountMicros, x.PayoutTxHash, n.paid.Amount, n.paid.Tx)
	}
	if _, err := n.sum(); err != nil {
		return nil, err
	}
	all := n.all()
	known := slices.DeleteFunc(slices.Clone(all), func(x Result) bool { return n.paid.before(x.AcceptedAt) })
	if r.Results = n.of(known); r.Results.Sum < n.paid.Amount {
		if err := n.lost(r, ids(known)); err != nil {
			return nil, err
		}
		return n.rest(all, known)
	}
	if paid := n.paidFor(known, since); paid != nil {
		r.Results, r.ResultsHash = n.of(paid), ledger.ResultsHash(ids(paid))
		return n.rest(all, paid)
	}
	return nil, fmt.Errorf("%s USDC were paid in %s, and no beginning of its %d results, in the order in which they were accepted, is worth that%s; %s",
		n.paid.Amount, n.paid.Tx, len(all), n.committed(), again)
}

// paidFor are those of the known results that were paid for; nil: none fit.
func (n *number) paidFor(known []Result, since time.Time) []Result {
	if paid := n.beginning(nil, known); paid != nil {
		return paid
	}
	first := slices.IndexFunc(known, func(x Result) bool { return x.AcceptedAt.After(since) })
	for from := first + 1; first >= 0 && from < len(known); from++ {
		if paid := n.beginning(known[:first], known[from:]); paid != nil {
			return paid
		}
	}
	return nil
}

// beginning is before with as many of the results that follow as make it what was
// paid.
func (n *number) beginning(before, follow []Result) []Result {
	sum := n.of(before).Sum
	for i := 0; ; i++ {
		if sum == n.paid.Amount {
			if paid := slices.Concat(before, follow[:i]); n.commits(ids(paid)) {
				return paid
			}
		}
		if i == len(follow) {
			return nil
		}
		sum += follow[i].Reward // adds up to no more than n.sum
	}
}

// of adds up some of a number's results: to no more than n.sum.
func (n *number) of(results []Result) ledger.ResultSum {
	s := ledger.ResultSum{Seq: n.seq, Count: int64(len(results))}
	for _, x := range results {
		s.Sum += x.Reward
	}
	return s
}

// commits reports whether the receipt is of these results; without one, nothing
// speaks against it.
func (n *number) commits(ids []string) bool {
	return len(ids) > 0 && (n.receipt == nil || n.receipt.ResultCount == int64(len(ids)) && n.receipt.ResultsHash == ledger.ResultsHash(ids))
}

func (n *number) committed() string {
	if n.receipt == nil {
		return ""
	}
	return fmt.Sprintf(" and what its receipt commits to (%d results)", n.receipt.ResultCount)
}

// lost credits what was paid beyond all results that are known.
func (n *number) lost(r *ledger.Recovered, known []string) error {
	l := &ledger.LostResults{
		Count: 1, Sum: n.paid.Amount - r.Results.Sum,
		Reason: fmt.Sprintf("paid %s USDC in %s before the database was restored; results worth %s of it are known", n.paid.Amount, n.paid.Tx, r.Results.Sum),
	}
	r.Lost, r.ResultsHash = l, ledger.ResultsHash(known)
	if n.receipt == nil {
		return nil
	}
	l.Count, r.ResultsHash = n.receipt.ResultCount-r.Results.Count, n.receipt.ResultsHash
	if l.Count < 1 {
		return fmt.Errorf("%s USDC were paid in %s for %d results, and the %d that are known are worth %s; %s",
			n.paid.Amount, n.paid.Tx, n.receipt.ResultCount, r.Results.Count, r.Results.Sum, again)
	}
	return nil
}

// rest are the lines of results that were not paid for. Such as the books have
// under this number already cannot be moved to another.
func (n *number) rest(all, paid []Result) ([]resultlog.InPart, error) {
	settled := map[string]bool{}
	for _, x := range paid {
		settled[x.ID] = true
	}
	var out []resultlog.InPart
	for _, l := range n.lines {
		if !settled[l.ResultID] {
			out = append(out, l)
		}
	}
	if late := len(all) - len(paid); len(out) < late {
		return nil, fmt.Errorf("it was paid in %s without %d results that the books have under its number; %s", n.paid.Tx, late-len(out), again)
	}
	return out, nil
}

func ids(results []Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.ID
	}
	return out
}
