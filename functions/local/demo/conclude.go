package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// rows join what the workers were told with what the chain says.
func (t *tour) rows(report audit.Report) []row {
	out := make([]row, 0, len(t.workers))
	for _, w := range t.workers {
		r := row{Name: w.name, Address: w.address}
		r.Checks, r.Earned, _ = w.seen()
		for _, p := range report.Payouts {
			if p.Worker() == w.address {
				r.Payouts++
				r.Paid += p.AmountMicros
				r.Transfer, r.Receipt = p.PayoutTxHash, p.LogTx
			}
		}
		out = append(out, r)
	}
	return out
}

func disagreement(report audit.Report) error {
	lines := make([]string, len(report.Disagreements))
	for i, d := range report.Disagreements {
		lines[i] = "  " + d.String()
	}
	return errors.New("the chain disagrees with itself:\n" + strings.Join(lines, "\n"))
}

// missing says, line by line, what there is still to come.
func (t *tour) missing() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	report, err := t.audit.report(ctx)
	if err != nil {
		return "  a chain that can be read: " + err.Error()
	}
	var b strings.Builder
	for i, r := range t.rows(report) {
		if r.verified() {
			continue
		}
		fmt.Fprintf(&b, "  a verified payout of %s: %s", r.Name, r.stage())
		if status, err := t.net.DB.WorkerStatus(ctx, r.Address, spannerdb.StatusPage{Waiting: 3}); err == nil {
			fmt.Fprintf(&b, "\n    by the books: pending %s, in flight %s, paid %s USDC", status.Credits.Pending, status.Credits.InFlight, status.Credits.TotalPaid)
			for _, p := range status.Waiting {
				fmt.Fprintf(&b, "\n    payout %s is %s: %s", p.ID, p.State, cmp.Or(p.Reason, "nothing is wrong with it so far"))
			}
		}
		if _, _, last := t.workers[i].seen(); last != "" {
			fmt.Fprintf(&b, "\n    it said: %s", last)
		}
		b.WriteByte('\n')
	}
	for _, m := range report.Waiting {
		fmt.Fprintf(&b, "  the receipt of transfer %s of %s USDC to %s\n", m.Tx, m.Value, m.To)
	}
	if b.Len() == 0 {
		b.WriteString("  the confirmation of the last payouts\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// conclude compares the chain with the books, and says what was seen.
func (t *tour) conclude(ctx context.Context, report audit.Report) error {
	if err := t.net.DB.CheckBooks(ctx); err != nil {
		return err
	}
	rows := t.rows(report)
	payouts := 0
	for _, r := range rows {
		status, err := t.net.DB.WorkerStatus(ctx, r.Address, spannerdb.StatusPage{})
		if err != nil {
			return err
		}
		if status.Credits.TotalPaid != r.Paid {
			return fmt.Errorf("%s was paid %s USDC by the books, and %s by the chain", r.Name, status.Credits.TotalPaid, r.Paid)
		}
		payouts += r.Payouts
	}
	t.say("")
	for _, r := range rows {
		t.say("%s  %s  %s, %s USDC earned, %s paid", r.Name, r.Address.Hex(), checks(r.Checks), r.Earned, r.Paid)
	}
	for _, p := range report.Payouts {
		t.say("  %s  %s USDC for %d results\n    transfer %s (block %d)\n    receipt  %s (block %d)",
			p.PayoutID, p.AmountMicros, p.ResultCount, p.PayoutTxHash, p.TransferBlock, p.LogTx, p.LogBlock)
	}
	t.say("\nDone in %.0f s: %d payouts to %d workers, each receipted, and all verified from chain data alone (blocks %d to %d).",
		time.Since(t.began).Seconds(), payouts, len(rows), report.From, report.To)
	return nil
}
