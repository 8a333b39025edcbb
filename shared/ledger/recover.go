package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// LostResults are results of a payout that neither the database nor the result
// log has any more: it was restored to an earlier hour. That they were there the
// chain proves, which paid for them.
type LostResults struct {
	Count  int64 // at least 1
	Sum    Micros
	Reason string // for whoever looks at the books
}

// Recovered is a payout number of the time that a restored database lost, as the
// chain and the result log show it.
type Recovered struct {
	ID      PayoutID
	Results ResultSum    // that the books hold under this number by now
	Lost    *LostResults // of a payout that was paid for more than those; else nil

	ResultsHash string         // hex, of all its results; goes with Tx
	Tx          common.Hash    // holds the Transfer; zero: it was opened, and the chain does not show it paid
	Block       uint64         // of Tx, a safe one
	Treasury    common.Address // that paid it; zero: the policy's

	// Skip passes the number over: there are no results, and it was not paid. Lost
	// has the reason, and counts none.
	Skip bool
}

// Amount is what the payout is of.
func (r Recovered) Amount() Micros {
	if r.Lost == nil {
		return r.Results.Sum
	}
	return r.Results.Sum + r.Lost.Sum
}

// Check refuses what cannot be recovered.
func (r Recovered) Check() error {
	paid := r.Tx != common.Hash{}
	switch {
	case r.ID.Seq < 1 || r.Results.Seq != r.ID.Seq:
		return fmt.Errorf("ledger: recover payout %s with the results of number %d", r.ID, r.Results.Seq)
	case r.Skip && (paid || r.Results.Count != 0 || r.Results.Sum != 0 || r.Lost == nil || r.Lost.Count != 0 || r.Lost.Sum != 0):
		return fmt.Errorf("ledger: payout %s is to be passed over, but something is known of it", r.ID)
	case r.Lost != nil && r.Lost.Reason == "":
		return fmt.Errorf("ledger: recover payout %s: results are lost without a reason", r.ID)
	case !r.Skip && r.Lost != nil && (!paid || r.Lost.Count < 1 || r.Lost.Sum < 1):
		return fmt.Errorf("ledger: recover payout %s: %d lost results worth %d, which the chain (%s) must have paid for", r.ID, r.Lost.Count, r.Lost.Sum, r.Tx)
	case paid && len(r.ResultsHash) != 64:
		return fmt.Errorf("ledger: recover payout %s: want 64 hex digits of results hash", r.ID)
	}
	return nil
}

// Recover posts it on top of what is pending: the lost results are credited,
// everything pending is opened as the payout, and booked as paid if it was. It
// returns the payout, or nil when the number is passed over. Error: ErrMove when
// the books hold something else under that number, or are at another one.
func (c *Credits) Recover(r Recovered, policy PayoutPolicy, now time.Time) (*Payout, error) {
	if err := errors.Join(r.Check(), c.Check()); err != nil {
		return nil, err
	}
	if c.PayoutSeq != r.ID.Seq || c.Pending != r.Results.Sum || c.PendingResults != r.Results.Count {
		return nil, fmt.Errorf("recover payout %s of %d results worth %s: the books have %d worth %s under number %d: %w",
			r.ID, r.Results.Count, r.Results.Sum, c.PendingResults, c.Pending, c.PayoutSeq, ErrMove)
	}
	if r.Skip {
		c.PayoutSeq++
		return nil, nil
	}
	if r.Treasury != (common.Address{}) {
		policy.Treasury = r.Treasury
	}
	if r.Lost != nil {
		earned, err := c.TotalEarned.Add(r.Lost.Sum)
		if err != nil {
			return nil, err
		}
		c.TotalEarned = earned
		c.Pending += r.Lost.Sum
		c.PendingResults += r.Lost.Count
	}
	o, err := c.OpenPayout(1)
	if err != nil || o == nil {
		return nil, errors.Join(fmt.Errorf("ledger: recover payout %s of nothing", r.ID), err)
	}
	p := NewPayout(r.ID.Worker, *o, policy, now)
	if r.Tx == (common.Hash{}) {
		return &p, nil
	}
	p.ResultsHash = r.ResultsHash
	_, err = p.Confirm(c, r.Tx, r.Block, now)
	return &p, err
}
