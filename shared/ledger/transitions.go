package ledger

import (
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// NewPayout is the row of a payout that OpenPayout has just fixed.
func NewPayout(worker common.Address, o Opened, p PayoutPolicy, now time.Time) Payout {
	id := PayoutID{Worker: worker, Seq: o.Seq}
	return Payout{
		ID: id, Amount: o.Amount, ResultCount: o.ResultCount,
		ChainID: p.ChainID, Token: p.Token, Treasury: p.Treasury,
		Nonce: PayoutNonce(p.ChainID, p.Treasury, id), CreatedAt: now,
		State: Pending, WorkAt: now.Add(p.PublishGrace),
	}
}

// Lease gives the payout to owner until now + ttl. Its work falls due again
// when the lease ends, so the payout of an owner that died is found; one that
// is leased Early stays due when it was. The owner of a running lease may take
// it again. Errors: ErrFinal, ErrLeased.
func (p *Payout) Lease(owner string, now time.Time, ttl time.Duration) error {
	switch live := now.Before(p.LeaseUntil); {
	case p.State.Final():
		return fmt.Errorf("payout %s is %s: %w", p.ID, p.State, ErrFinal)
	case live && p.LeaseOwner != owner:
		return fmt.Errorf("payout %s is held until %s: %w", p.ID, p.LeaseUntil.UTC().Format(time.RFC3339), ErrLeased)
	case !live:
		p.Attempts++
	}
	if !p.Early(now) {
		p.WorkAt = now.Add(ttl)
	}
	p.LeaseOwner, p.LeaseUntil = owner, now.Add(ttl)
	return nil
}

// Early reports whether the payout was told to wait, by an attempt that said
// why, and that time has not come: a duplicate hint brought somebody here.
func (p Payout) Early(now time.Time) bool {
	return p.Reason != "" && p.WorkAt.After(now) && !p.WorkAt.Equal(p.LeaseUntil)
}

// Release ends owner's lease and reports whether it was owner's to end. The
// time at which the work is due stays.
func (p *Payout) Release(owner string) bool {
	if p.LeaseOwner != owner || owner == "" {
		return false
	}
	p.LeaseOwner, p.LeaseUntil = "", time.Time{}
	return true
}

// Authorise stores a, unless an authorization is stored that is still valid:
// then that one stays, and only that one may be sent. counted is what the
// day's total grows by: the amount, the first time that this payout is
// authorised; today is that total so far. changed is false when the row stays
// as it was. Errors: ErrFinal, ErrMove, ErrExpired, ErrConflict, ErrPayoutCap,
// ErrDailyCap.
func (p *Payout) Authorise(a AuthorizationRecord, caps PayoutCaps, today Micros, now time.Time) (counted Micros, changed bool, err error) {
	first := len(p.Signature) == 0
	if done, err := p.authorised(a, now); done || err != nil {
		return 0, false, err
	}
	if p.Amount > caps.PerPayout {
		return 0, false, fmt.Errorf("payout %s of %s USD, cap %s: %w", p.ID, p.Amount, caps.PerPayout, ErrPayoutCap)
	}
	if !first && p.ValidBefore > now.Unix() { // requeued while its authorization is still good
		p.State, p.Reason = Authorised, ""
		return 0, true, nil
	}
	if first {
		total, err := today.Add(p.Amount)
		if err != nil || total > caps.PerDay {
			return 0, false, fmt.Errorf("payout %s of %s USD, with %s of %s authorised today: %w", p.ID, p.Amount, today, caps.PerDay, ErrDailyCap)
		}
		counted, p.AuthorizedBlock = p.Amount, a.Block
	}
	p.State, p.Reason = Authorised, ""
	p.ResultsHash, p.ValidBefore, p.Signature = a.ResultsHash, a.ValidBefore, a.Signature
	return counted, true, nil
}

// authorised checks a against what is stored; done means that the stored
// authorization stands as it is.
func (p *Payout) authorised(a AuthorizationRecord, now time.Time) (done bool, err error) {
	stored := len(p.Signature) > 0
	switch {
	case p.State.Final():
		return false, fmt.Errorf("payout %s is %s: %w", p.ID, p.State, ErrFinal)
	case len(a.Signature) != 65 || a.ValidBefore <= now.Unix() || len(a.ResultsHash) != 64:
		return false, fmt.Errorf("ledger: authorization of payout %s: want 65 signature bytes, 64 hex digits of results hash, and a validBefore (%d) to come", p.ID, a.ValidBefore)
	case stored && p.ResultsHash != a.ResultsHash:
		return false, fmt.Errorf("payout %s: results hash %s, stored %s: %w", p.ID, a.ResultsHash, p.ResultsHash, ErrConflict)
	case p.State == Settled && stored:
		return true, nil
	case p.State == Settled:
		return false, fmt.Errorf("payout %s is on chain already: %w", p.ID, ErrMove)
	case stored && p.ValidBefore > now.Unix():
		return p.State != Pending, nil
	case stored && !a.ReplaceExpired:
		return false, fmt.Errorf("payout %s, valid before %d: %w", p.ID, p.ValidBefore, ErrExpired)
	}
	return false, nil
}

// Record notes what became of an attempt: a move to unknown or settled, or
// staying put, with the reason for the worker's eyes and the time at which to
// look again. tx is the transfer's transaction and goes with settled only.
// Errors: ErrFinal, ErrMove.
func (p *Payout) Record(next PayoutState, reason string, tx common.Hash, workAt time.Time) error {
	switch {
	case p.State.Final():
		return fmt.Errorf("payout %s is %s: %w", p.ID, p.State, ErrFinal)
	case next != p.State && (next != Unknown && next != Settled || !p.State.CanMove(next)):
		return fmt.Errorf("payout %s: %s -> %s: %w", p.ID, p.State, next, ErrMove)
	case (next == Settled) != (tx != common.Hash{}):
		return fmt.Errorf("ledger: payout %s: %s with transaction %s; only a settled payout has one, and it must", p.ID, next, tx)
	case workAt.IsZero():
		return fmt.Errorf("ledger: payout %s: %s, and no time to look at it again", p.ID, next)
	}
	p.State, p.Reason, p.UsdcTx, p.WorkAt = next, reason, tx, workAt
	return nil
}

// Confirm books the payout as paid by tx, whose transfer is in a safe block.
// changed is false when it was booked before. A second transaction for one
// payout is ErrConflict; a failed payout is ErrFinal: requeue it first.
func (p *Payout) Confirm(c *Credits, tx common.Hash, block uint64, now time.Time) (changed bool, err error) {
	switch {
	case tx == common.Hash{}:
		return false, fmt.Errorf("ledger: payout %s: confirmed without a transaction", p.ID)
	case p.State == Confirmed && p.UsdcTx == tx:
		return false, nil
	case p.State == Confirmed:
		return false, fmt.Errorf("payout %s was paid by %s, now by %s: %w", p.ID, p.UsdcTx, tx, ErrConflict)
	case p.State == Failed:
		return false, fmt.Errorf("payout %s is failed; requeue it to book %s: %w", p.ID, tx, ErrFinal)
	}
	if err := c.ConfirmPayout(p.Amount); err != nil {
		return false, err
	}
	p.State, p.Reason, p.UsdcTx, p.UsdcBlock, p.ConfirmedAt = Confirmed, "", tx, block, now
	p.LeaseOwner, p.LeaseUntil, p.WorkAt = "", time.Time{}, time.Time{}
	p.ReceiptDueAt = now
	return true, nil
}

// Fail ends the payout unpaid, with the reason for the worker's eyes. Its
// credit stays in flight. The caller knows dead what is stored with that
// validBefore, or, with 0, that nothing was ever signed: when something else is
// stored by now, another attempt has signed anew, and it is ErrMove. changed is
// false when it had failed before. Errors: ErrFinal when it was paid, ErrMove
// when its transfer is on chain.
func (p *Payout) Fail(validBefore int64, reason string) (changed bool, err error) {
	switch {
	case reason == "":
		return false, fmt.Errorf("ledger: payout %s: failed without a reason", p.ID)
	case p.State == Failed:
		return false, nil
	case p.State.Final():
		return false, fmt.Errorf("payout %s is %s: %w", p.ID, p.State, ErrFinal)
	case !p.State.CanMove(Failed):
		return false, fmt.Errorf("payout %s: %s -> failed: %w", p.ID, p.State, ErrMove)
	case p.ValidBefore != validBefore:
		return false, fmt.Errorf("payout %s: the authorization until %d is dead, but one until %d is stored: %w", p.ID, validBefore, p.ValidBefore, ErrMove)
	}
	p.State, p.Reason = Failed, reason
	p.LeaseOwner, p.LeaseUntil, p.WorkAt = "", time.Time{}, time.Time{}
	return true, nil
}

// Requeue makes a failed payout pending again, with the same nonce and what
// was stored of its authorization, and one that waits due now. That is all: it
// has ProcessPayout look at it again, which asks the chain first, so it can pay
// nothing twice. changed is false when somebody works on it, or it is due
// already; a paid one is ErrFinal.
func (p *Payout) Requeue(now time.Time) (changed bool, err error) {
	switch {
	case p.State == Confirmed:
		return false, fmt.Errorf("payout %s is paid: %w", p.ID, ErrFinal)
	case p.State == Failed:
		p.State, p.Reason, p.WorkAt = Pending, "", now
		return true, nil
	case now.Before(p.LeaseUntil) || !p.WorkAt.After(now):
		return false, nil
	}
	p.WorkAt = now
	return true, nil
}
