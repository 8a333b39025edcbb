// Package recovery finds out what a database that was restored to an earlier
// hour has forgotten of its workers' money, from what was not restored: the
// transfers and receipts on chain, and the result log. It is pure.
//
// A payout of the lost time stands on chain under a nonce that follows from the
// worker and its number, and the restored books give that number again. So before
// anything is credited, each number that was used is posted as it was: with its
// results from the log, and, should the log have been behind, with what the chain
// says was paid beyond them (ledger.LostResults).
package recovery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// Books are what the restored books say of one worker.
type Books struct {
	Worker  common.Address
	Credits ledger.Credits    // of a beginner when there are none
	Open    []Result          // in no payout: stamped with Credits.PayoutSeq
	Stored  map[string]bool   // ids of results of the log that the books have, under whichever number
	Other   map[string]string // by ids of results of the log: which other result of the same task and time the books have
	Whole   map[int64]bool    // numbers of confirmed payouts of which no result is lost, as far as results of the log have them
}

// Result is an accepted result in the books.
type Result struct {
	ID         string
	Reward     ledger.Micros
	AcceptedAt time.Time
}

// Transfer is a payout on chain, in a safe block.
type Transfer struct {
	ID       ledger.PayoutID
	Amount   ledger.Micros
	Tx       common.Hash
	Block    uint64
	Treasury common.Address
	At       time.Time // of the block; zero: not known
}

// before reports whether a result that was accepted then came too late to be paid
// by it. The clocks of the two differ by less than resultlog.OneHistory, and
// whatever a number collects after it was paid it does after a restore.
func (t Transfer) before(accepted time.Time) bool {
	return !t.At.IsZero() && accepted.Sub(t.At) > resultlog.OneHistory
}

// Evidence is what outlived the restore of one worker's payouts.
type Evidence struct {
	Transfers []Transfer                // since a little before the time of the backup
	Rows      []ledger.Payout           // of those, such as the books have
	Receipts  map[int64]receipt.Receipt // by known senders, by payout number
	Lines     []resultlog.InPart        // of files of the log that the books do not know
}

// Policy is under what payouts are opened, and which time is lost.
type Policy struct {
	ledger.PayoutPolicy
	Since time.Time // of the backup: what was accepted later and is not in the log was accepted after the restore
}

// ErrRefused means that a worker's payouts cannot be recovered by themselves. The
// text says why, and what to do.
var ErrRefused = errors.New("not recovered")

// again is what to do when the network was opened too early.
const again = "results were credited after the restore: close the API, restore the same backup once more, and recover before it opens; what was credited since is in the result log, and is brought back with the rest"

// Step is one payout number, in order.
type Step struct {
	Seq     int64
	Results []resultlog.InPart // to be credited under this number
	Close   *ledger.Recovered  // then; nil: the number stays open, and its results pending
	Said    bool               // the log says already what is lost of it
}

// Plan is what to post for one worker.
type Plan struct {
	Worker common.Address
	Steps  []Step
	Booked []ledger.Payout // which the books have, and ProcessPayout books by itself; failed ones have to be requeued
	Moved  int             // results whose number was paid without them; they are credited under the last number
}

// Plan decides. The error is an ErrRefused.
func (p Policy) Plan(b Books, e Evidence) (Plan, error) {
	refuse := func(format string, args ...any) (Plan, error) {
		return Plan{}, fmt.Errorf("worker %s: %w: %s", ledger.CanonicalAddress(b.Worker), ErrRefused, fmt.Sprintf(format, args...))
	}
	plan := Plan{Worker: b.Worker}
	w, err := p.sort(b, e, &plan)
	if err != nil {
		return refuse("%v", err)
	}
	late := w.late
	for seq := b.Credits.PayoutSeq; seq <= w.last; seq++ {
		n := w.numbers[seq]
		if n == nil {
			n = &number{seq: seq}
		}
		step, rest, err := p.close(b.Worker, n, seq < w.last)
		if err != nil {
			return refuse("payout %d: %v", seq, err)
		}
		plan.Steps, late = append(plan.Steps, step), append(late, rest...) // an empty one may be the last
	}
	if len(late) > 0 {
		plan.Moved = len(late)
		if err := p.credit(b, late, w, &plan); err != nil {
			return refuse("%v", err)
		}
	}
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s Step) bool { return len(s.Results) == 0 && s.Close == nil })
	return plan, nil
}

// number is what is known of one payout number that the books have not closed.
type number struct {
	seq     int64
	held    []Result // in the books
	lines   []resultlog.InPart
	paid    *Transfer
	receipt *receipt.Receipt
	said    bool
}

type numbers struct {
	numbers map[int64]*number
	last    int64              // the highest; before the open one, if there are none
	late    []resultlog.InPart // whose numbers were closed without them
}

func (n *numbers) at(seq int64) *number {
	if n.numbers[seq] == nil {
		n.numbers[seq] = &number{seq: seq}
	}
	n.last = max(n.last, seq)
	return n.numbers[seq]
}

// sort puts the evidence in the order of numbers. An error says why the worker is
// refused.
func (p Policy) sort(b Books, e Evidence, plan *Plan) (*numbers, error) {
	w := &numbers{numbers: map[int64]*number{}, last: b.Credits.PayoutSeq - 1}
	logged, err := w.sortLines(b, e)
	if err != nil {
		return nil, err
	}
	rows := map[int64]ledger.Payout{}
	for _, row := range e.Rows {
		rows[row.ID.Seq] = row
	}
	for _, t := range e.Transfers {
		row, known := rows[t.ID.Seq]
		switch {
		case known && row.State == ledger.Confirmed: // Reconcile compares it
		case known && row.Amount == t.Amount:
			plan.Booked = append(plan.Booked, row)
		case known:
			return nil, fmt.Errorf("payout %d is of %s USDC in the books, and was paid as %s USDC in %s; %s", t.ID.Seq, row.Amount, t.Amount, t.Tx, again)
		case t.ID.Seq < b.Credits.PayoutSeq:
			return nil, fmt.Errorf("payout %d was passed over, and then paid as %s USDC in %s; accept what Reconcile says of it", t.ID.Seq, t.Amount, t.Tx)
		case w.at(t.ID.Seq).paid != nil:
			return nil, fmt.Errorf("payout %d was paid twice, in %s and %s; find out why before anything else", t.ID.Seq, w.at(t.ID.Seq).paid.Tx, t.Tx)
		default:
			w.at(t.ID.Seq).paid = &t
			if r, there := e.Receipts[t.ID.Seq]; there {
				w.at(t.ID.Seq).receipt = &r
			}
		}
	}
	if err := w.proven(b.Credits.PayoutSeq, e); err != nil || w.last < b.Credits.PayoutSeq {
		return w, err
	}
	open := w.numbers[b.Credits.PayoutSeq]
	for _, r := range b.Open {
		if open != nil && open.paid != nil && r.AcceptedAt.After(p.Since) && !logged[r.ID] {
			return nil, fmt.Errorf("payout %d was paid in %s, and result %s of %s is under its number without having been paid; if --since is the time of the backup, %s", open.seq, open.paid.Tx, r.ID, r.AcceptedAt.UTC().Format(time.RFC3339), again)
		}
	}
	w.at(b.Credits.PayoutSeq).held = b.Open
	return w, nil
}

// sortLines puts the lines of the log under their numbers, and returns the ids of
// their results.
func (w *numbers) sortLines(b Books, e Evidence) (logged map[string]bool, err error) {
	paid := map[int64]Transfer{}
	for _, t := range e.Transfers {
		paid[t.ID.Seq] = t
	}
	logged = map[string]bool{}
	checks := map[check]bool{}
	inOrder := slices.SortedStableFunc(slices.Values(e.Lines), func(a, b resultlog.InPart) int { return a.AcceptedAt.Compare(b.AcceptedAt) })
	for _, l := range inOrder {
		if l.Lost != nil {
			if l.Payout.Seq >= b.Credits.PayoutSeq {
				w.at(l.Payout.Seq).said = true
			}
			continue
		}
		c := check{l.Result.TaskID, l.Result.Timestamp}
		if checks[c] {
			continue // exported twice, or accepted again, after an earlier restore: it counts once
		}
		checks[c], logged[l.ResultID] = true, true
		if other, there := b.Other[l.ResultID]; there {
			return nil, fmt.Errorf("the log has result %s, and the books %s of the same check; %s", l.ResultID, other, again)
		}
		switch {
		case b.Stored[l.ResultID]:
			w.at(max(l.Payout.Seq, b.Credits.PayoutSeq)) // it was perhaps credited by a run that went no further
		case b.Whole[l.Payout.Seq], l.Payout.Seq < b.Credits.PayoutSeq && paid[l.Payout.Seq].before(l.AcceptedAt):
			w.late = append(w.late, l)
		case l.Payout.Seq < b.Credits.PayoutSeq:
			return nil, fmt.Errorf("the books have closed payout %d without result %s of the log; %s", l.Payout.Seq, l.ResultID, again)
		default:
			w.at(l.Payout.Seq).lines = append(w.at(l.Payout.Seq).lines, l)
		}
	}
	return logged, nil
}

// check is what is credited once for ever, whatever else differs (protocol.md).
type check struct {
	task string
	at   int64
}

// gaps is how many numbers of one worker may have been opened without anything
// being known of them.
const gaps = 1000

// proven refuses what is said of numbers that the chain says nothing of: to open
// one anew that was paid all the same, unseen, would be to pay it twice.
func (n *numbers) proven(next int64, e Evidence) error {
	if known := int64(len(e.Lines) + len(e.Transfers)); n.last-next > known+gaps {
		return fmt.Errorf("the log tells of payout %d, and the next one is number %d; look who wrote that", n.last, next)
	}
	const unseen = "no transfer of it was found: was --since too late, was it another treasury's (--treasury), or does the node leave it out?"
	for _, seq := range slices.Sorted(maps.Keys(e.Receipts)) {
		if x := n.numbers[seq]; seq >= next && (x == nil || x.paid == nil) {
			return fmt.Errorf("payout %d has a receipt, of %s USDC in %s, and %s", seq, e.Receipts[seq].AmountMicros, e.Receipts[seq].PayoutTxHash, unseen)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(n.numbers)) {
		if x := n.numbers[seq]; x.said && x.paid == nil {
			return fmt.Errorf("payout %d was paid, says the result log, and %s", seq, unseen)
		}
	}
	return nil
}

// close says what to do with one number; closed, that there are later ones. rest
// are results that it was paid without.
func (p Policy) close(worker common.Address, n *number, closed bool) (step Step, rest []resultlog.InPart, err error) {
	r := &ledger.Recovered{ID: ledger.PayoutID{Worker: worker, Seq: n.seq}}
	step = Step{Seq: n.seq, Results: n.lines, Said: n.said}
	if n.paid != nil {
		if rest, err = n.settle(r, p.Since); err != nil {
			return Step{}, nil, err
		}
		step.Results = without(n.lines, rest)
		step.Close = r
		return step, rest, nil
	}
	if r.Results, err = n.sum(); err != nil {
		return Step{}, nil, err
	}
	switch {
	case r.Results.Count == 0 && closed:
		r.Skip = true
		r.Lost = &ledger.LostResults{Reason: fmt.Sprintf("restored to %s: later payouts were made, and of this one nothing is on chain or in the result log", p.Since.UTC().Format(time.RFC3339))}
		step.Close = r
	case r.Results.Sum == 0 && closed:
		return Step{}, nil, errors.New("its results are worth nothing, and it was opened; this should not be")
	case closed || r.Results.Sum >= p.Threshold:
		step.Close = r
	}
	return step, nil, nil
}

// sum adds up the results of a number.
func (n *number) sum() (ledger.ResultSum, error) {
	s := ledger.ResultSum{Seq: n.seq, Count: int64(len(n.held) + len(n.lines))}
	for _, x := range n.all() {
		var err error
		if s.Sum, err = s.Sum.Add(x.Reward); err != nil {
			return s, err
		}
	}
	return s, nil
}

// all are the results of a number, in the order in which they were accepted.
func (n *number) all() []Result {
	all := slices.Clone(n.held)
	for _, l := range n.lines {
		all = append(all, Result{l.ResultID, l.Reward, l.AcceptedAt})
	}
	slices.SortStableFunc(all, func(a, b Result) int { return a.AcceptedAt.Compare(b.AcceptedAt) })
	return all
}

func without(lines, rest []resultlog.InPart) []resultlog.InPart {
	if len(rest) == 0 {
		return lines
	}
	late := map[string]bool{}
	for _, l := range rest {
		late[l.ResultID] = true
	}
	return slices.DeleteFunc(slices.Clone(lines), func(l resultlog.InPart) bool { return late[l.ResultID] })
}

// credit has results that no paid number collects credited under the last one, or
// the one behind it.
func (p Policy) credit(b Books, late []resultlog.InPart, w *numbers, plan *Plan) error {
	n := &number{seq: w.last + 1}
	if n.seq == b.Credits.PayoutSeq {
		n.held = b.Open
	}
	if last := len(plan.Steps) - 1; last >= 0 && plan.Steps[last].Close == nil {
		n, plan.Steps = w.numbers[w.last], plan.Steps[:last]
	}
	n.lines = append(slices.Clone(n.lines), late...)
	step, _, err := p.close(b.Worker, n, false)
	plan.Steps = append(plan.Steps, step)
	return err
}
