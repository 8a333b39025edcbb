package recovery

import (
	"fmt"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// settle makes r the payout that the chain shows: its results are those first
// accepted that are worth what was paid and, where there is a receipt, those that
// it commits to. When all that are known are worth less, the others are lost.
// rest are those accepted later, under the same number.
func (n *number) settle(r *ledger.Recovered) (rest []resultlog.InPart, err error) {
	r.Tx, r.Block, r.Treasury = n.paid.Tx, n.paid.Block, n.paid.Treasury
	if x := n.receipt; x != nil && (x.AmountMicros != n.paid.Amount || x.PayoutTxHash != n.paid.Tx) {
		return nil, fmt.Errorf("its receipt says %s USDC in %s, the chain %s USDC in %s; look at both before anything else", x.AmountMicros, x.PayoutTxHash, n.paid.Amount, n.paid.Tx)
	}
	all := n.all()
	if known, err := n.sum(); err != nil {
		return nil, err
	} else if known.Sum < n.paid.Amount {
		r.Results = known
		return nil, n.lost(r, ids(all))
	}
	r.Results = ledger.ResultSum{Seq: n.seq}
	for i := 0; ; i++ {
		if r.Results.Sum == n.paid.Amount && n.commits(ids(all[:i])) {
			r.ResultsHash = ledger.ResultsHash(ids(all[:i]))
			return n.rest(ids(all[i:]))
		}
		if i == len(all) {
			break
		}
		r.Results.Count++
		r.Results.Sum += all[i].Reward // adds up to no more than n.sum
	}
	return nil, fmt.Errorf("%s USDC were paid in %s, and no beginning of its %d results, in the order in which they were accepted, is worth that%s; %s",
		n.paid.Amount, n.paid.Tx, len(all), n.committed(), again)
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
func (n *number) rest(late []string) ([]resultlog.InPart, error) {
	wanted := map[string]bool{}
	for _, id := range late {
		wanted[id] = true
	}
	var out []resultlog.InPart
	for _, l := range n.lines {
		if wanted[l.ResultID] {
			out = append(out, l)
		}
	}
	if len(out) < len(late) {
		return nil, fmt.Errorf("it was paid in %s without %d results that the books have under its number; %s", n.paid.Tx, len(late)-len(out), again)
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
