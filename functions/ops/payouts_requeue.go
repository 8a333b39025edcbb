package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

type payoutsRequeueCmd struct {
	IDs    []string `arg:"" optional:"" name:"id" help:"The payouts, as they are listed: 0x...-7."`
	Failed bool     `help:"All that have failed, up to 1000."`
}

// requeued is what becomes of one payout, with --json.
type requeued struct {
	payoutView
	Action string `json:"action"` // requeue, or why there is nothing to do
	Done   bool   `json:"done"`
	Error  string `json:"error,omitempty"`
}

const actRequeue = "requeue"

// maxRequeued at once: each is a transaction.
const maxRequeued = 1000

// Run shows what it would do with each payout, asks, and does it. The sweep
// finds them within a minute, and ProcessPayout asks the chain before anything
// else: what is paid there is booked, and not paid again.
func (cmd payoutsRequeueCmd) Run(c console) error {
	ids, err := cmd.ids()
	if err != nil {
		return usageError{err}
	}
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	payouts, err := cmd.find(c, db, ids)
	if err != nil {
		return err
	}
	out := make([]requeued, len(payouts))
	todo := 0
	for i, p := range payouts {
		out[i] = requeued{payoutView: view(p, c.now()), Action: whatToDo(p, c.now())}
		if out[i].Action == actRequeue {
			todo++
		}
		if !c.json {
			c.printf("%s  %s  %s USDC, opened %s, %q: %s\n", out[i].ID, out[i].State, p.Amount, ago(c.now(), p.CreatedAt), p.Reason, out[i].Action)
		}
	}
	if todo > 0 {
		err = c.confirm(fmt.Sprintf("Have ProcessPayout look at %d payouts again?", todo))
	}
	if err == nil {
		err = requeueAll(c, db, payouts, out)
	}
	switch {
	case c.json:
		return errors.Join(c.printJSON(out), err)
	case err != nil:
		return err
	case len(payouts) == 0:
		c.printf("no payout has failed; nothing was requeued\n")
	case todo == 0:
		c.printf("nothing was requeued\n")
	default:
		c.printf("%d requeued; the sweep takes them up within a minute\n", todo)
	}
	return nil
}

func (cmd payoutsRequeueCmd) ids() ([]ledger.PayoutID, error) {
	if cmd.Failed == (len(cmd.IDs) > 0) {
		return nil, errors.New("say which payouts: their ids, or --failed")
	}
	if len(cmd.IDs) > maxRequeued {
		return nil, fmt.Errorf("%d payouts; at most %d at once", len(cmd.IDs), maxRequeued)
	}
	var out []ledger.PayoutID
	for _, text := range cmd.IDs {
		id, err := ledger.ParsePayoutID(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// find is each payout, in the order asked for. That one does not exist is the
// operator's mistake.
func (cmd payoutsRequeueCmd) find(c console, db *spannerdb.DB, ids []ledger.PayoutID) ([]ledger.Payout, error) {
	if cmd.Failed {
		payouts, more, err := db.ListPayouts(c.ctx, ledger.PayoutFilter{
			States: []ledger.PayoutState{ledger.Failed}, OpenedBefore: c.now().Add(time.Minute), Limit: maxRequeued,
		})
		if more {
			fmt.Fprintf(c.err, "ops: more than %d have failed; run it again for the rest\n", maxRequeued)
		}
		return payouts, err
	}
	found, err := db.PayoutsByID(c.ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []ledger.Payout
	var missing []error
	for _, id := range ids {
		i := slices.IndexFunc(found, func(p ledger.Payout) bool { return p.ID == id })
		if i < 0 {
			missing = append(missing, fmt.Errorf("payout %s: %w", id, ledger.ErrNotFound))
			continue
		}
		out = append(out, found[i])
	}
	if len(missing) > 0 {
		return nil, usageError{errors.Join(missing...)}
	}
	return out, nil
}

// whatToDo is the ledger's judgement of what requeueing does.
func whatToDo(p ledger.Payout, now time.Time) string {
	copied := p
	changed, err := copied.Requeue(now)
	switch {
	case err != nil:
		return "nothing to do: it is paid"
	case changed:
		return actRequeue
	case now.Before(p.LeaseUntil):
		return "nothing to do: ProcessPayout is at it"
	}
	return "nothing to do: it is due already"
}

// requeueAll goes on after one that fails, and says of each what became of it.
func requeueAll(c console, db *spannerdb.DB, payouts []ledger.Payout, out []requeued) error {
	var errs []error
	for i, p := range payouts {
		if out[i].Action != actRequeue {
			continue
		}
		if err := db.RequeuePayout(c.ctx, p.ID, c.now()); err != nil {
			out[i].Error = err.Error()
			errs = append(errs, err)
			continue
		}
		out[i].Done = true
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w\nrequeueing again is harmless", errors.Join(errs...))
	}
	return nil
}
