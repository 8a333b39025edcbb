package reputation

import (
	"errors"
	"fmt"
	"time"
)

// A Solana wallet is linked to one worker at a time, so what was paid under it
// counts once. A worker may have several: a mnemonic gives one Solana wallet,
// but one person's machines may have different mnemonics.

// MaxLinked is how many Solana wallets one worker may have. All of them are
// read at each submission.
const MaxLinked = 16

// MinLinked is how long a Solana wallet stays a worker's before it may become
// another's. Results are fresh for five minutes: a wallet that could move at any
// time would lend its tier to many workers, each for the moment in which it
// submits what it has gathered.
const MinLinked = time.Hour

// The reasons for which wallets are not linked: 409.
var (
	// ErrLinkedElsewhere: the Solana wallet is another worker's, and the link
	// was not signed as a relink.
	ErrLinkedElsewhere = errors.New("reputation: the Solana wallet is linked to another worker")
	// ErrSuperseded: a link of the Solana wallet that was signed later, or at
	// the same millisecond, is there already.
	ErrSuperseded = errors.New("reputation: a newer link of the Solana wallet is there already")
	// ErrLinkedLately: the Solana wallet became another worker's less than
	// MinLinked ago.
	ErrLinkedLately = errors.New("reputation: the Solana wallet was linked to another worker a short time ago")
	// ErrManyLinked: the worker has MaxLinked Solana wallets.
	ErrManyLinked = errors.New("reputation: the worker has too many Solana wallets")
)

// Link says that what was paid under a Solana wallet counts for a worker. Both
// signed it.
type Link struct {
	Solana string    // canonical
	Worker string    // canonical, an EVM address
	At     time.Time // when they signed it
	Relink bool      // take the Solana wallet from the worker that has it
	Since  time.Time // of a stored link: when the Solana wallet became this worker's
}

// LinkChange is what a link does.
type LinkChange int

// The changes that a link may make.
const (
	NewLink    LinkChange = iota // the Solana wallet was nobody's
	RepeatLink                   // it was this worker's already
	MovedLink                    // it was another worker's
)

// Follows judges l, now, where stored is the link of its Solana wallet, or nil,
// and others is how many other Solana wallets its worker has. A repetition only
// ever moves the time of the stored link on. Errors: ErrLinkedElsewhere,
// ErrSuperseded, ErrLinkedLately, ErrManyLinked.
func (l Link) Follows(stored *Link, others int, now time.Time) (LinkChange, error) {
	switch {
	case stored != nil && stored.Worker == l.Worker:
		return RepeatLink, nil
	case stored != nil && !l.Relink:
		return 0, ErrLinkedElsewhere
	case stored != nil && !l.At.After(stored.At):
		return 0, ErrSuperseded
	case stored != nil && now.Sub(stored.Since) < MinLinked:
		return 0, fmt.Errorf("%w: at %s", ErrLinkedLately, stored.Since.UTC().Format(time.RFC3339))
	case others >= MaxLinked:
		return 0, fmt.Errorf("%w: %d", ErrManyLinked, others)
	case stored != nil:
		return MovedLink, nil
	}
	return NewLink, nil
}

// Lifetime is what was paid for LLM calls for a worker: under its own address,
// and under the Solana wallets that are linked to it.
type Lifetime struct {
	Own    NanoUSD
	Linked []LinkedTotal
}

// LinkedTotal is what was paid under a Solana wallet.
type LinkedTotal struct {
	Wallet string
	Total  NanoUSD
	Since  time.Time // when it was linked
}

// Total is the sum.
func (l Lifetime) Total() NanoUSD {
	total := l.Own
	for _, w := range l.Linked {
		total = total.AddClipped(w.Total)
	}
	return total
}

// Tier is the worker's tier.
func (l Lifetime) Tier() Tier { return TierFor(l.Total()) }
