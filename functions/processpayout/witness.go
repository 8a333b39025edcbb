package processpayout

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// errDisagree means that two nodes do not say the same of a payout. One of them
// lies or is behind: nothing follows, and the payout waits.
var errDisagree = errors.New("processpayout: the two nodes do not agree")

// Witnessed is a Chain of two nodes. The first one is asked for everything; on
// what a payout is booked, failed or signed anew for, the second must say the
// same. A single node that is wrong, or in the wrong hands, can then make a
// payout wait, and not end it.
type Witnessed struct{ First, Second Chain }

// Authorization implements Chain.
func (w Witnessed) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := w.First.Authorization(ctx, p, hint)
	if err != nil || !conclusive(p, a) {
		return a, err
	}
	b, err := w.Second.Authorization(ctx, p, a.Tx)
	switch {
	case err != nil:
		return Authorization{}, fmt.Errorf("processpayout: ask the second node: %w", err)
	case a.Use != b.Use || a.Tx != b.Tx || a.Block != b.Block:
		return Authorization{}, fmt.Errorf("%w of payout %s: used %d in %s (block %d), and %d in %s (block %d)", errDisagree, p.ID, a.Use, a.Tx, a.Block, b.Use, b.Tx, b.Block)
	}
	// As far as the one that is behind.
	a.Safe = a.Safe && b.Safe
	if b.SafeTime.Before(a.SafeTime) {
		a.SafeTime = b.SafeTime
	}
	return a, nil
}

// conclusive reports whether Decide may end a payout, or sign it anew, because
// of what a node says.
func conclusive(p ledger.Payout, a Authorization) bool {
	if a.Use != Unused {
		return a.Safe
	}
	return len(p.Signature) > 0 && expiredUnused(p, a)
}

// Obstacle implements Chain. Only for a blocked recipient is a payout given up.
func (w Witnessed) Obstacle(ctx context.Context, p ledger.Payout) (Obstacle, error) {
	o, err := w.First.Obstacle(ctx, p)
	if err != nil || o != RecipientBlocked {
		return o, err
	}
	second, err := w.Second.Obstacle(ctx, p)
	if err == nil && second != o {
		err = fmt.Errorf("%w whether the token has blocked %s", errDisagree, p.ID.Worker)
	}
	return o, err
}
