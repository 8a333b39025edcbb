package processpayout

import (
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Decide says what to do next for a payout. It is pure. The rules are those of
// payments.md:
//
//   - Nothing is signed, sent, confirmed or failed before the chain was asked.
//   - What the chain shows counts, whatever a rail has said: a transfer is
//     recorded when it is seen, and booked when its block is safe.
//   - A stored authorization is sent until it expires, when its time has come. A new one takes its
//     place, and a payout that was ever signed fails, only when a safe block at
//     or after its validBefore shows the nonce unused, or a safe block shows
//     the nonce used for something else.
//   - While the operator has paused payouts, nothing is signed and nothing sent.
//   - All else waits, with a reason for the worker and a time to look again.
func (p Policy) Decide(v View) Step {
	switch {
	case v.Payout.State.Final():
		return Done{}
	case v.Foreign == ForeignChain:
		return p.wait(v, reasonForeign, v.Now.Add(jitter(p.PersonWait, v.Payout)))
	case v.Chain == nil:
		return p.wait(v, reasonBlind, p.retryAt(v))
	case v.Chain.Use == Paid:
		return p.paid(v)
	case v.Chain.Use != Unused:
		return p.lost(v)
	}
	return p.unpaid(v)
}

// paid: the transfer is on chain, by whomever it was brought there.
func (p Policy) paid(v View) Step {
	switch {
	case v.Payout.ResultsHash == "":
		return p.adopt(v)
	case v.Chain.Safe:
		return Confirm{Tx: v.Chain.Tx, Block: v.Chain.Block}
	}
	return Record{State: ledger.Settled, Tx: v.Chain.Tx, Reason: reasonNotSafe, WorkAt: v.Now.Add(jitter(p.SafePoll, v.Payout))}
}

// adopt: it was paid, and this database knows nothing of it, because it was
// restored to an earlier hour. The receipt needs the results' hash, which is
// stored with an authorization; one for a nonce that is used harms nobody.
func (p Policy) adopt(v View) Step {
	switch {
	case v.Results == nil:
		return Count{}
	case v.Results.Count != v.Payout.ResultCount || v.Results.Sum != v.Payout.Amount:
		return p.wait(v, reasonResults, v.Now.Add(jitter(p.PersonWait, v.Payout)))
	}
	return p.allowed(v, Authorise{})
}

// lost: the nonce is used, and not for this payout. It can never be paid under
// its nonce, and paying it under another is for a person to decide, who knows
// what the other transaction was. So the books keep the credit in flight.
func (p Policy) lost(v View) Step {
	reason := fmt.Sprintf(reasonCanceled, v.Chain.Tx)
	if v.Chain.Use == PaidDifferently {
		reason = fmt.Sprintf(reasonDifferent, v.Chain.Tx)
	}
	switch {
	case v.Payout.State == ledger.Settled: // the transfer that was seen is gone
		return Record{State: ledger.Unknown, Reason: reason, WorkAt: p.retryAt(v)}
	case !v.Chain.Safe:
		return p.wait(v, reason, v.Now.Add(jitter(p.SafePoll, v.Payout)))
	}
	return Fail{Reason: reason}
}

// unpaid: the nonce is unused.
func (p Policy) unpaid(v View) Step {
	pay := v.Payout
	switch signed := len(pay.Signature) > 0; {
	case pay.State == ledger.Settled:
		return Record{State: ledger.Unknown, Reason: reasonReorg, WorkAt: p.retryAt(v)}
	case !signed:
		return p.sign(v)
	case expiredUnused(pay, *v.Chain):
		return p.renew(v)
	case pay.State == ledger.Pending: // requeued before what is stored was dead
		if !time.Unix(pay.ValidBefore, 0).After(v.Now) {
			return p.awaitExpiry(v)
		}
		return p.allowed(v, Authorise{})
	case v.Sent != nil:
		return p.sent(v)
	}
	return p.send(v)
}

// send: what is stored can be executed, and has not been.
func (p Policy) send(v View) Step {
	if time.Unix(v.Payout.ValidBefore, 0).Sub(v.Now) < p.MinLeft {
		return p.awaitExpiry(v)
	}
	if v.Early && v.Sent == nil {
		return p.wait(v, v.Payout.Reason, v.Payout.WorkAt)
	}
	return p.unlessPaused(v, Send{Rail: p.rail(v)})
}

// expiredUnused is rule 5: USDC executes an authorization only in a block whose
// time is before validBefore, so one that a safe block at or after that time
// shows unused can never be executed.
func expiredUnused(pay ledger.Payout, c Authorization) bool {
	return !c.SafeTime.IsZero() && c.SafeTime.Unix() >= pay.ValidBefore
}

// sign: nothing was ever signed for it.
func (p Policy) sign(v View) Step {
	pay := v.Payout
	if bad := badRecipient(pay); bad != "" {
		return Fail{Reason: bad}
	}
	switch {
	case v.Results == nil:
		return Count{}
	case v.Results.Count != pay.ResultCount || v.Results.Sum != pay.Amount:
		return Fail{Reason: reasonResults}
	}
	return p.authorise(v, Authorise{})
}

// renew: the stored authorization is dead.
func (p Policy) renew(v View) Step {
	if bad := badRecipient(v.Payout); bad != "" {
		return Fail{Reason: bad}
	}
	return p.authorise(v, Authorise{ReplaceExpired: true})
}

// authorise: nothing is out there that could be executed, so this is where a
// payout may fail for good, or wait without a cheque in the world.
func (p Policy) authorise(v View, do Authorise) Step {
	switch {
	case v.Obstacle == nil:
		return Inspect{}
	case *v.Obstacle == RecipientBlocked:
		return Fail{Reason: reasonBlocked}
	case *v.Obstacle != NoObstacle:
		return p.wait(v, obstacleReasons[*v.Obstacle], p.retryAt(v))
	}
	return p.allowed(v, do)
}

// allowed does what is to be done, unless this instance must not.
func (p Policy) allowed(v View, do Step) Step {
	switch {
	case v.Foreign == ForeignTreasury:
		return p.wait(v, reasonForeign, v.Now.Add(jitter(p.PersonWait, v.Payout)))
	case errors.Is(v.Capped, ledger.ErrDailyCap):
		return p.wait(v, reasonDailyCap, p.nextDay(v.Payout, v.Now))
	case errors.Is(v.Capped, ledger.ErrPayoutCap):
		return p.wait(v, reasonPayoutCap, v.Now.Add(jitter(p.PersonWait, v.Payout)))
	}
	return p.unlessPaused(v, do)
}

// unlessPaused does what is to be done, unless the operator has paused payouts.
// What was sent before, and what is on chain, is seen to all the same.
func (p Policy) unlessPaused(v View, do Step) Step {
	switch {
	case v.Paused == nil:
		return Ask{}
	case *v.Paused:
		return p.wait(v, reasonPaused, v.Now.Add(jitter(p.PauseWait, v.Payout)))
	}
	return do
}

// sent: it was given to a rail just now, and the chain does not show it. What one
// rail surely did not send, another may, if the token has nothing against it.
func (p Policy) sent(v View) Step {
	if !v.Sent.Refused {
		return p.wait(v, reasonSent, p.retryAt(v))
	}
	if v.Obstacle == nil {
		return Inspect{}
	}
	reason := obstacleReasons[*v.Obstacle]
	switch *v.Obstacle {
	case NoObstacle:
		if p.otherRail(v) {
			return p.send(v)
		}
		reason = fmt.Sprintf(reasonRefused, plainCode(v.Sent.Reason))
	case RecipientBlocked:
		// It fails once the authorization is dead; sending it again is of no use,
		// unless the block is lifted.
		at := earlier(p.expiryAt(v.Payout), v.Now.Add(p.PersonWait))
		return p.wait(v, reason, later(at, p.retryAt(v)))
	}
	return p.wait(v, reason, p.retryAt(v))
}

// awaitExpiry: too late to send, too early to replace.
func (p Policy) awaitExpiry(v View) Step {
	soonest := v.Now.Add(jitter(p.SafePoll, v.Payout)) // when the chain is late
	return p.wait(v, reasonExpiring, later(p.expiryAt(v.Payout), soonest))
}

// expiryAt is when a safe block past validBefore can be expected.
func (p Policy) expiryAt(pay ledger.Payout) time.Time {
	return time.Unix(pay.ValidBefore, 0).UTC().Add(p.SafeLag)
}

func (p Policy) wait(v View, reason string, at time.Time) Step {
	return Record{State: standing(v), Tx: v.Payout.UsdcTx, Reason: reason, WorkAt: at}
}

// standing is the state in which a payout waits: the one it is in, but once an
// authorization was sent without a clear refusal, it is unknown.
func standing(v View) ledger.PayoutState {
	if v.Payout.State == ledger.Authorised && v.Sent != nil && !v.Sent.Refused {
		return ledger.Unknown
	}
	return v.Payout.State
}

func (p Policy) retryAt(v View) time.Time { return v.Now.Add(p.backoff(v.Payout)) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// badRecipient says why nothing may be paid to the worker's address, or "".
func badRecipient(pay ledger.Payout) string {
	switch pay.ID.Worker {
	case common.Address{}:
		return reasonZero
	case pay.Token:
		return reasonToken
	case pay.Treasury:
		return reasonTreasury
	}
	return ""
}
