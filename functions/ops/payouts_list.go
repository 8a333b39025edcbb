package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

type payoutsListCmd struct {
	State []string `help:"Only those of these states: pending, authorised, unknown, settled, failed." placeholder:"STATE"`
	Stuck bool     `help:"Only failed ones, and such as were opened more than an hour ago."`
	Limit int      `help:"List at most so many, oldest first." default:"100"`
}

// listed is the answer with --json.
type listed struct {
	Payouts []payoutView `json:"payouts"`
	More    bool         `json:"more"`
}

// Run lists payouts that are not paid. With --stuck, that there are some is
// exit code 3.
func (cmd payoutsListCmd) Run(c console) error {
	states, err := parseStates(cmd.State)
	if err != nil {
		return err
	}
	if cmd.Limit < 1 || cmd.Limit > 10_000 {
		return usageError{fmt.Errorf("--limit is %d; want 1 to 10000", cmd.Limit)}
	}
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	now := c.now()
	find := func(states []ledger.PayoutState, before time.Time) ([]ledger.Payout, bool, error) {
		return db.ListPayouts(c.ctx, ledger.PayoutFilter{States: states, OpenedBefore: before, Limit: cmd.Limit})
	}
	before := now.Add(time.Minute) // of clocks that differ
	if cmd.Stuck {
		before = now.Add(-stuckAfter)
	}
	payouts, more, err := find(states, before)
	if err != nil {
		return err
	}
	if cmd.Stuck && slices.Contains(states, ledger.Failed) {
		young, moreYoung, err := find([]ledger.PayoutState{ledger.Failed}, now.Add(time.Minute))
		if err != nil {
			return err
		}
		for _, p := range young {
			if p.CreatedAt.After(before) {
				payouts = append(payouts, p)
			}
		}
		more = more || moreYoung || len(payouts) > cmd.Limit
		payouts = payouts[:min(cmd.Limit, len(payouts))]
	}
	if err := cmd.print(c, payouts, more); err != nil {
		return err
	}
	if cmd.Stuck && len(payouts) > 0 {
		return errAttention
	}
	return nil
}

func (cmd payoutsListCmd) print(c console, payouts []ledger.Payout, more bool) error {
	now := c.now()
	if c.json {
		out := listed{Payouts: make([]payoutView, len(payouts)), More: more}
		for i, p := range payouts {
			out.Payouts[i] = view(p, now)
		}
		return c.printJSON(out)
	}
	if len(payouts) == 0 {
		c.printf("none\n")
		return nil
	}
	err := c.table(func(line func(...string)) {
		line("PAYOUT", "STATE", "USDC", "AGE", "NEXT LOOK", "WHY")
		for _, p := range payouts {
			line(payoutRow(p, now)...)
		}
	})
	if more {
		c.printf("and more: --limit %d shows more\n", 10*cmd.Limit)
	}
	return err
}

func parseStates(texts []string) ([]ledger.PayoutState, error) {
	all := ledger.Unpaid()
	if len(texts) == 0 {
		return all, nil
	}
	var out []ledger.PayoutState
	for _, text := range texts {
		s := ledger.PayoutState(text)
		if !slices.Contains(all, s) {
			return nil, usageError{fmt.Errorf("--state %q: want one of %v (what is confirmed is paid, and not listed)", text, all)}
		}
		out = append(out, s)
	}
	return out, nil
}
