package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/restore"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

type payoutsRecoverCmd struct {
	Treasury []string `help:"Another treasury that paid since then: one that was rotated." placeholder:"ADDRESS"`
	Without  []string `help:"A file of the result log that is passed over, as it was tampered with; one that is in order is not." placeholder:"NAME"`

	Since moment `required:"" help:"The time that the database was restored to: that of the backup, such as 2026-11-22T09:00:00Z." placeholder:"TIME"`
}

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText says, of what is no time, how one is written.
func (m *moment) UnmarshalText(text []byte) error {
	if err := m.Time.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is no time such as 2026-11-22T09:00:00Z", text)
	}
	return nil
}

// recoverView is the answer with --json.
type recoverView struct {
	FromBlock int64           `json:"fromBlock"`
	ToBlock   int64           `json:"toBlock"` // the safe one
	Transfers int             `json:"transfers"`
	Foreign   int             `json:"foreignTransfers"` // that are no payout's
	Files     int             `json:"files"`            // of the result log, which the books do not know
	Lines     int             `json:"lines"`
	LeftOut   []string        `json:"leftOut,omitempty"` // files that were tampered with
	Payouts   []recoveredView `json:"payouts"`
	Booked    []string        `json:"leftToProcessPayout,omitempty"`
	Requeue   []string        `json:"requeue,omitempty"` // paid on chain, and failed in the books
	Refused   []string        `json:"refused,omitempty"`
	TooEarly  *time.Time      `json:"tooEarlyUntil,omitempty"` // what was signed in the lost time may be settled until then
	Applied   bool            `json:"applied"`
}

// recoveredView is one payout number.
type recoveredView struct {
	ID           string `json:"payout"`
	Outcome      string `json:"outcome"` // paid, opened, pending, passed over
	Credited     int    `json:"creditedResults"`
	AmountMicros int64  `json:"amountMicros"` // of the payout; pending: that is credited
	Lost         int64  `json:"lostResults,omitempty"`
	LostMicros   int64  `json:"lostMicros,omitempty"`
	Tx           string `json:"tx,omitempty"`
	Reason       string `json:"reason,omitempty"`
}

// Run shows what the restored books have forgotten, asks, and posts it. Posting
// again is harmless, and goes on where it stopped.
func (cmd payoutsRecoverCmd) Run(c console) error {
	var o config.OperatorRecover
	db, _, err := c.openMoney(&o, &o.Database, &o.Money)
	if err != nil {
		return err
	}
	defer db.Close()
	if cmd.Since.After(c.now()) {
		return usageError{fmt.Errorf("--since %s is to come; give the time that the database was restored to", cmd.Since.Format(time.RFC3339))}
	}
	d, closing, err := restore.Open(c.ctx, o, db, cmd.Since.Time, slog.New(slog.NewTextHandler(c.err, nil)))
	if err != nil {
		return err
	}
	defer closing()
	d.Now, d.Without = c.now, cmd.Without
	if d.Treasuries, err = cmd.treasuries(); err != nil {
		return usageError{err}
	}
	found, err := d.Find(c.ctx)
	switch {
	case errors.Is(err, restore.ErrInOrder):
		return usageError{fmt.Errorf("--without: %w", err)}
	case errors.Is(err, restore.ErrLog):
		return fmt.Errorf("%w; find out who can write to the bucket, and then leave it out with --without: what only that file has is booked as lost results if it was paid, and else gone", err)
	case err != nil:
		return err
	}
	v := viewRecover(found, o.Validity)
	todo := found.Steps() + found.Closing()
	err = c.apply(change{
		parts:    todo,
		show:     func() { c.printRecover(v, todo) },
		question: fmt.Sprintf("Post these %d payouts and results, and note %d files of the result log?", found.Steps(), found.Closing()),
		do:       func() error { return post(c.ctx, d, found, db, v) },
		again:    "what was posted stays; recovering again goes on from there",
		json: func(applied bool) any {
			v.Applied = applied && todo > 0
			return v
		},
		done: recoveredText(todo, len(v.Refused)),
	})
	if err == nil && len(v.Refused)+len(v.Requeue) > 0 {
		return errAttention
	}
	return err
}

func (cmd payoutsRecoverCmd) treasuries() (out []common.Address, err error) {
	for _, text := range cmd.Treasury {
		a, err := api.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("--treasury %s: %w", text, err)
		}
		out = append(out, a)
	}
	return out, nil
}

func recoveredText(todo, refused int) string {
	switch {
	case todo == 0 && refused > 0:
		return "nothing was posted"
	case todo == 0:
		return "nothing to do: the books know all that the chain and the result log have"
	}
	return "posted; Reconcile compares all of it once payouts go on"
}

// post makes sure that nothing is paid any more of what is being posted, neither
// by ProcessPayout nor by who has an authorization of the lost time.
func post(ctx context.Context, d restore.Deps, found restore.Found, db *spannerdb.DB, v recoverView) error {
	if found.Steps()+found.Closing() == 0 {
		return nil
	}
	if v.TooEarly != nil {
		return usageError{fmt.Errorf("authorizations of the lost time are still good; recover after %s, once the node's safe block, which is of %s, is younger, and keep the API closed until then",
			v.TooEarly.Format(time.RFC3339), found.SafeAt.Format(time.RFC3339))}
	}
	paused, err := db.PayoutsPaused(ctx)
	if err != nil {
		return err
	}
	if !paused {
		return usageError{errors.New(`payouts are not paused: pause them ("payouts pause"), and keep the API closed, until this is done`)}
	}
	return d.Post(ctx, found)
}

// viewRecover tells of it; validity is how long a signed authorization can be settled.
func viewRecover(f restore.Found, validity time.Duration) recoverView {
	v := recoverView{
		FromBlock: int64(f.From), ToBlock: int64(f.To), Transfers: f.Transfers, Foreign: f.Foreign, Files: f.Files, Lines: f.Lines, LeftOut: f.LeftOut, Payouts: []recoveredView{},
	}
	for _, p := range f.Plans {
		for _, s := range p.Steps {
			v.Payouts = append(v.Payouts, viewStep(p.Worker, s))
		}
		for _, b := range p.Booked {
			if b.State == ledger.Failed {
				v.Requeue = append(v.Requeue, b.ID.String())
			} else {
				v.Booked = append(v.Booked, b.ID.String())
			}
		}
	}
	// Rule 5: what was signed is dead when a safe block says so, and no clock but the chain's.
	if until := f.Last.Add(validity); f.SafeAt.Before(until) {
		v.TooEarly = &until
	}
	for _, err := range f.Refused {
		v.Refused = append(v.Refused, err.Error())
	}
	return v
}

func viewStep(worker common.Address, s recovery.Step) recoveredView {
	v := recoveredView{ID: ledger.PayoutID{Worker: worker, Seq: s.Seq}.String(), Outcome: "pending", Credited: len(s.Results)}
	for _, r := range s.Results {
		v.AmountMicros += int64(r.Reward)
	}
	c := s.Close
	if c == nil {
		return v
	}
	v.Outcome, v.AmountMicros = "opened", int64(c.Amount())
	switch {
	case c.Skip:
		v.Outcome = "passed over"
	case c.Tx != common.Hash{}:
		v.Outcome, v.Tx = "paid", c.Tx.Hex()
	}
	if c.Lost != nil {
		v.Lost, v.LostMicros, v.Reason = c.Lost.Count, int64(c.Lost.Sum), c.Lost.Reason
	}
	return v
}

// shownRecovered is how many are listed for people; JSON has all.
const shownRecovered = 100

func (c console) printRecover(v recoverView, todo int) {
	c.printf("blocks %d to %d have %d transfers of payouts; %d files of the result log, with %d lines, are unknown to the books\n", v.FromBlock, v.ToBlock, v.Transfers, v.Files, v.Lines)
	for _, name := range v.LeftOut {
		c.printf("! %s was left out\n", name)
	}
	for i, p := range v.Payouts {
		if i == shownRecovered {
			c.printf("  and %d more: --json has all\n", len(v.Payouts)-i)
			break
		}
		c.printf("+ %s  %s  %s USDC, %d results credited", p.ID, p.Outcome, ledger.Micros(p.AmountMicros), p.Credited)
		if p.Tx != "" {
			c.printf(", %s", p.Tx)
		}
		c.printf("\n")
		if p.Lost > 0 {
			c.printf("    %d results or more, worth %s USDC, are not in the log: %s\n", p.Lost, ledger.Micros(p.LostMicros), p.Reason)
		} else if p.Reason != "" {
			c.printf("    %s\n", p.Reason)
		}
	}
	if len(v.Booked) > 0 {
		c.printf("%d payouts that the books have are paid on chain: ProcessPayout books them once payouts are resumed\n", len(v.Booked))
	}
	for _, id := range v.Requeue {
		c.printf("! %s failed in the books and is paid on chain: payouts requeue %s\n", id, id)
	}
	if v.Foreign > 0 {
		c.printf("%d transfers are no payout's: reconcile tells of them\n", v.Foreign)
	}
	for _, text := range v.Refused {
		c.printf("! %s\n", text)
	}
	if v.TooEarly != nil {
		c.printf("! too early: what was signed in the lost time can be settled until %s at least\n", v.TooEarly.Format(time.RFC3339))
	}
	if todo > 0 {
		c.printf("\n")
	}
}
