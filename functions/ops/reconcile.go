package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/reconcile"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

type reconcileCmd struct {
	AllBooks bool   `help:"Check all books by themselves, too, and not only the part that is next."`
	Accept   string `help:"Accept a finding, named by its subject, such as 'transfer 0x.../7': it is no disagreement any more." placeholder:"SUBJECT"`
	As       string `help:"Who accepts it, and why." placeholder:"TEXT"`
}

// Run compares as the function does, and prints its report; disagreements are
// exit code 3.
func (cmd reconcileCmd) Run(c console) error {
	switch {
	case cmd.Accept != "":
		return cmd.accept(c)
	case cmd.As != "":
		return usageError{errors.New("--as says who accepts a finding; say which one with --accept")}
	}
	var check config.Reconcile // for an error that says what to do
	if err := c.load(&check); err != nil {
		return err
	}
	d, db, closing, err := reconcile.Open(c.ctx, c.lookup)
	if err != nil {
		return err
	}
	defer closing()
	if err := db.CheckSchema(c.ctx); err != nil {
		return err
	}
	d.Log = slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d.Now, d.Accounts = c.now, nil // balances is a command of its own
	report, busy, err := d.Once(c.ctx, cmd.AllBooks)
	switch {
	case busy:
		return errors.New("another instance compares at the moment; try again in a minute, or read its log")
	case err != nil && report.Disagreements == 0:
		return err
	}
	if c.json {
		if jsonErr := c.printJSON(report); jsonErr != nil {
			return jsonErr
		}
	} else {
		c.printReport(report)
	}
	if err != nil {
		return err
	}
	if !report.Balanced {
		return errAttention
	}
	return nil
}

func (c console) printReport(r reconcile.Report) {
	verdict := "The books balance."
	if !r.Balanced {
		verdict = "THE BOOKS DO NOT BALANCE."
	}
	c.printf("%s\n\n", verdict)
	c.printf("  blocks        %d to %d compared, %d is safe\n", r.Blocks.From, r.Blocks.To, r.Blocks.Safe)
	c.printf("  compared      %d transfers, %d receipts, %d confirmed payouts\n", r.Transfers, r.Receipts, r.Payouts)
	c.printf("  open          %d disagreements, %d under way, %d accepted\n", r.Disagreements, r.Waiting, r.Accepted)
	if b := r.Books; b != nil {
		c.printf("  books         %d workers, %d payouts, %d results: earned %s = pending %s + in flight %s + paid %s USDC\n", b.Workers, b.Payouts, b.Results,
			ledger.Micros(b.TotalEarned), ledger.Micros(b.Pending), ledger.Micros(b.InFlight), ledger.Micros(b.TotalPaid))
	}
	if r.More {
		c.printf("  There was no time for all; run it again.\n")
	}
	for _, e := range r.Examples {
		c.printf("\n  %s, since %s\n    %s\n    --accept '%s'\n", e.Kind, e.FoundAt.Format(time.RFC3339), e.Detail, e.Subject)
	}
	if !r.Balanced {
		c.printf("\ndocs/audit.md says what each kind means and what to do.\n")
	}
}

func (cmd reconcileCmd) accept(c console) error {
	if cmd.As == "" {
		return usageError{errors.New("say who accepts it, and why: --as 'ann: moved to the vault'")}
	}
	var o config.OperatorFindings
	db, network, err := c.openMoney(&o, &o.Database, &o.Money)
	if err != nil {
		return err
	}
	defer db.Close()
	name := reconcile.Scope{ChainID: network.ChainID, Token: network.Token, Treasury: common.Address(o.Money.Treasury)}.Name()
	if err := c.confirm(fmt.Sprintf("Accept %q, as %q?", cmd.Accept, cmd.As)); err != nil {
		return err
	}
	f, err := db.AcceptFinding(c.ctx, name, cmd.Accept, cmd.As)
	if errors.Is(err, ledger.ErrNotFound) {
		return usageError{fmt.Errorf("%w; \"ops reconcile\" lists the subjects of what is open", err)}
	}
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(f)
	}
	c.printf("%s (%s): accepted by %s\n", f.Subject, f.Kind, f.AcceptedBy)
	return nil
}
