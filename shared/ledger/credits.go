package ledger

import (
	"errors"
	"fmt"
)

// Credits are the books of one worker. At every commit
// TotalEarned = Pending + InFlight + TotalPaid, and none is negative.
type Credits struct {
	Pending     Micros // earned, in no payout yet
	InFlight    Micros // in payouts that are not confirmed, failed ones included
	TotalEarned Micros
	TotalPaid   Micros // in confirmed payouts

	// PayoutSeq is the number of the payout that collects what is pending now.
	// An accepted result is stamped with it when it is credited and never
	// changed again: so the list of a payout's results is fixed by the posting
	// that opens the payout, which moves PayoutSeq on.
	PayoutSeq      int64
	PendingResults int64 // results stamped with PayoutSeq
}

// NewCredits are the books of a worker that has earned nothing. Payouts are
// numbered from 1.
func NewCredits() Credits { return Credits{PayoutSeq: 1} }

// ErrBooks means that a worker's books do not balance: a bug or a damaged
// database, never a user's mistake. Nothing may be posted on top of it.
var ErrBooks = errors.New("ledger: books do not balance")

// Check reports whether the invariant of the books holds.
func (c Credits) Check() error {
	if c.Pending < 0 || c.InFlight < 0 || c.TotalEarned < 0 || c.TotalPaid < 0 || c.PendingResults < 0 || c.PayoutSeq < 1 {
		return fmt.Errorf("%w: negative entry in %+v", ErrBooks, c)
	}
	sum, err := c.Pending.Add(c.InFlight)
	if err == nil {
		sum, err = sum.Add(c.TotalPaid)
	}
	if err != nil || sum != c.TotalEarned {
		return fmt.Errorf("%w: earned %d != pending %d + in flight %d + paid %d", ErrBooks, c.TotalEarned, c.Pending, c.InFlight, c.TotalPaid)
	}
	return nil
}

// Credit posts the reward of one accepted result to pending and returns the
// number of the payout that the result is stamped with.
func (c *Credits) Credit(reward Micros) (payoutSeq int64, err error) {
	if reward < 0 {
		return 0, fmt.Errorf("ledger: negative reward %d", reward)
	}
	if err := c.Check(); err != nil {
		return 0, err
	}
	earned, err := c.TotalEarned.Add(reward)
	if err != nil {
		return 0, err
	}
	c.TotalEarned = earned
	c.Pending += reward
	c.PendingResults++
	return c.PayoutSeq, nil
}

// Opened is a payout that OpenPayout has just fixed.
type Opened struct {
	Seq         int64
	Amount      Micros
	ResultCount int64
}

// OpenPayout moves everything pending in flight, as one payout, if it has
// reached the threshold; otherwise it returns nil.
func (c *Credits) OpenPayout(threshold Micros) (*Opened, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Pending < threshold || c.Pending <= 0 {
		return nil, nil
	}
	o := &Opened{Seq: c.PayoutSeq, Amount: c.Pending, ResultCount: c.PendingResults}
	c.InFlight += c.Pending
	c.Pending, c.PendingResults = 0, 0
	c.PayoutSeq++
	return o, nil
}

// ConfirmPayout moves a payout's amount from in flight to paid, once its
// transfer is in a safe block.
func (c *Credits) ConfirmPayout(amount Micros) error {
	if err := c.Check(); err != nil {
		return err
	}
	if amount <= 0 || amount > c.InFlight {
		return fmt.Errorf("%w: confirming %d of %d in flight", ErrBooks, amount, c.InFlight)
	}
	c.InFlight -= amount
	c.TotalPaid += amount
	return nil
}
