package main

import (
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

type payoutsPauseCmd struct {
	Reason string `help:"Why, for who asks for the status. Of payouts that are paused already it is added to the reason; since when and by whom they are stays." placeholder:"TEXT"`
}

type payoutsResumeCmd struct{}

type payoutsStatusCmd struct{}

// switchView is the operator's switch with --json.
type switchView struct {
	Paused    bool       `json:"paused"`
	Reason    string     `json:"reason,omitempty"`
	ChangedBy string     `json:"changedBy,omitempty"`
	ChangedAt *time.Time `json:"changedAt,omitempty"`

	// Of status alone: unpaid payouts by state, counted up to a limit.
	States map[ledger.PayoutState]int `json:"states,omitempty"`
	Stuck  int                        `json:"stuck"`
	More   bool                       `json:"more,omitempty"` // there are more than were counted
}

func viewSwitch(s ledger.PayoutSwitch) switchView {
	v := switchView{Paused: s.Paused, Reason: s.Reason, ChangedBy: s.ChangedBy}
	if !s.ChangedAt.IsZero() {
		v.ChangedAt = &s.ChangedAt
	}
	return v
}

// Run pauses. Nobody is asked: to stop is never wrong.
func (cmd payoutsPauseCmd) Run(c console) error { return c.setSwitch(true, cmd.Reason) }

// Run resumes, once it was said what waits.
func (payoutsResumeCmd) Run(c console) error { return c.setSwitch(false, "") }

func (c console) setSwitch(paused bool, reason string) error {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	before, err := db.PayoutSwitch(c.ctx)
	if err != nil {
		return err
	}
	if !paused && before.Paused {
		if !c.json {
			c.printf("paused %s by %s: %s\n", ago(c.now(), before.ChangedAt), before.ChangedBy, orNothing(before.Reason))
		}
		if err := c.confirm("Resume payouts?"); err != nil {
			return err
		}
	}
	after, err := db.SetPayoutSwitch(c.ctx, paused, reason, c.who, c.now())
	if err != nil {
		return fmt.Errorf("%w\nit may have been done all the same: ask \"payouts status\", or do it again, which is harmless", err)
	}
	if c.json {
		return c.printJSON(viewSwitch(after))
	}
	switch {
	case paused && before.Paused:
		c.printf("payouts have been paused since %s, by %s: %s\n", after.ChangedAt.Format(time.RFC3339), after.ChangedBy, orNothing(after.Reason))
		if after.Reason == before.Reason {
			c.printf("nothing was changed\n")
		} else {
			c.printf("your reason was added; nothing else was changed\n")
		}
	case paused:
		c.printf("payouts are paused: nothing is signed or sent any more. What is with a facilitator is booked, and receipts are written.\n")
	case before.Paused:
		c.printf("payouts go on, within some three minutes\n")
	default:
		c.printf("payouts were not paused\n")
	}
	return nil
}

// counted is how many payouts status looks at.
const counted = 1000

// Run says whether payouts are paused and what waits; stuck or failed payouts,
// or a pause, are exit code 3.
func (payoutsStatusCmd) Run(c console) error {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := db.PayoutSwitch(c.ctx)
	if err != nil {
		return err
	}
	payouts, more, err := db.ListPayouts(c.ctx, ledger.PayoutFilter{OpenedBefore: c.now().Add(time.Minute), Limit: counted})
	if err != nil {
		return err
	}
	v := viewSwitch(s)
	v.States, v.More = map[ledger.PayoutState]int{}, more
	for _, p := range payouts {
		v.States[p.State]++
		if p.State == ledger.Failed || c.now().Sub(p.CreatedAt) > stuckAfter {
			v.Stuck++
		}
	}
	if err := c.printStatus(v, len(payouts)); err != nil {
		return err
	}
	if v.Paused || v.Stuck > 0 {
		return errAttention
	}
	return nil
}

func (c console) printStatus(v switchView, unpaid int) error {
	if c.json {
		return c.printJSON(v)
	}
	if v.Paused {
		c.printf("payouts are PAUSED since %s, by %s: %s\n", v.ChangedAt.Format(time.RFC3339), v.ChangedBy, orNothing(v.Reason))
	} else {
		c.printf("payouts go out\n")
	}
	plus := ""
	if v.More {
		plus = " or more"
	}
	c.printf("%d%s unpaid, %d of them failed or older than an hour\n", unpaid, plus, v.Stuck)
	for _, state := range ledger.Unpaid() {
		if n := v.States[state]; n > 0 {
			c.printf("  %-10s %d\n", state, n)
		}
	}
	return nil
}
