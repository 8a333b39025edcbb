package processpayout

import (
	"errors"
	"hash/fnv"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Policy is how long things may take. It decides nothing about safety.
type Policy struct {
	// Validity is how long a new authorization can be executed. While it runs,
	// the same bytes are sent again and again; the longer it is, the longer
	// credit stays bound to an authorization that nobody executes.
	Validity time.Duration
	// MinLeft: an authorization with less time left is not sent any more.
	// Facilitators refuse what is about to expire.
	MinLeft time.Duration
	// SafeLag is how far the safe block is behind: 2 minutes on Base.
	SafeLag time.Duration
	// SafePoll is how often a transfer is looked at that is not safe yet.
	SafePoll time.Duration
	// RetryMin is the wait after the first attempt; it doubles with each further
	// one up to RetryMax.
	RetryMin, RetryMax time.Duration
	// RailTries is how many attempts a rail has that cannot be reached or gives
	// no clear answer, before another one is asked first. One that refuses is
	// followed by the next at once.
	RailTries int64
	// PersonWait is the wait for what only a person or a new day can change.
	PersonWait time.Duration
	// PauseWait is the wait while the operator has paused payouts: how long it
	// may take to go on when they are resumed.
	PauseWait time.Duration
}

// DefaultPolicy is for Base.
func DefaultPolicy() Policy {
	return Policy{
		Validity: time.Hour, MinLeft: time.Minute,
		SafeLag: 2 * time.Minute, SafePoll: 45 * time.Second,
		RetryMin: 10 * time.Second, RetryMax: 10 * time.Minute,
		RailTries: 2, PersonWait: time.Hour, PauseWait: 2 * time.Minute,
	}
}

// Validate reports a policy that could not work.
func (p Policy) Validate() error {
	switch {
	case p.RetryMin <= 0 || p.RetryMax < p.RetryMin || p.SafePoll <= 0 || p.PersonWait <= 0 || p.PauseWait <= 0 || p.SafeLag < 0:
		return errors.New("processpayout: all waits must be positive, and RetryMax at least RetryMin")
	case p.RailTries < 1:
		return errors.New("processpayout: a rail needs at least one try")
	case p.MinLeft < time.Second || p.Validity < 2*p.MinLeft:
		return errors.New("processpayout: an authorization must be valid for at least twice MinLeft, and MinLeft be at least a second")
	}
	return nil
}

// rail is which rail to ask next. The first is preferred; when a payout needs
// many attempts they take turns, since one that is down, but does not refuse,
// must not keep the others from being asked. Within an attempt, those that
// refuse are followed by the others.
func (p Policy) rail(v View) int {
	turn := int(max(v.Payout.Attempts-1, 0) / p.RailTries)
	if v.Sent != nil {
		turn += v.Sent.Asked
	}
	return turn % max(v.Rails, 1)
}

// otherRail reports whether a refusal is worth asking another rail for, now.
// One that could not be reached has more tries first: calls of a rail that
// works are cheaper than a second rail.
func (p Policy) otherRail(v View) bool {
	return v.Sent.Asked < v.Rails && (!v.Sent.Unreached || v.Payout.Attempts >= p.RailTries)
}

// backoff doubles with each attempt, give or take a fifth. The jitter follows
// from the payout and the attempt, so that payouts which failed together do
// not come back together, and a test can tell what will happen.
func (p Policy) backoff(pay ledger.Payout) time.Duration {
	wait := p.RetryMin
	for i := int64(1); i < pay.Attempts && wait < p.RetryMax; i++ {
		wait *= 2
	}
	return jitter(min(wait, p.RetryMax), pay)
}

func jitter(d time.Duration, pay ledger.Payout) time.Duration {
	h := fnv.New32a()
	h.Write(pay.Nonce[:])
	h.Write([]byte{byte(pay.Attempts), byte(pay.Attempts >> 8)})
	const parts = 1000
	return d * (4*parts + time.Duration(h.Sum32()%(2*parts))) / (5 * parts)
}

// nextDay is a little after the next UTC midnight, or PersonWait from now when
// that is earlier: the cap may have been raised.
func (p Policy) nextDay(pay ledger.Payout, now time.Time) time.Time {
	midnight := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	return now.Add(jitter(min(midnight.Sub(now)+time.Minute, p.PersonWait), pay))
}
