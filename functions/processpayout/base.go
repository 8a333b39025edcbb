package processpayout

import (
	"context"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Node is what Base needs of a chain client.
type Node interface {
	Heads(ctx context.Context) (chain.Heads, error)
	AuthorizationStatus(ctx context.Context, q chain.Query) (chain.Status, error)
}

// TokenState is what Base needs to know of the token.
type TokenState interface {
	Paused(ctx context.Context, token common.Address) (bool, error)
	IsBlacklisted(ctx context.Context, token, a common.Address) (bool, error)
	BalanceOf(ctx context.Context, token, a common.Address) (ledger.Micros, error)
}

// Base is Chain over a client of shared/chain.
type Base struct {
	Node  Node
	Token TokenState
}

// Authorization implements Chain.
func (b Base) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	from := p.AuthorizedBlock
	if from == 0 { // never signed here; if its nonce is used all the same, search backwards from now
		h, err := b.Node.Heads(ctx)
		if err != nil {
			return Authorization{}, err
		}
		from = h.Latest.Number
	}
	s, err := b.Node.AuthorizationStatus(ctx, chain.Query{
		Token: p.Token, Treasury: p.Treasury, Nonce: p.Nonce, Worker: p.ID.Worker, Value: p.Amount, Hint: hint, FromBlock: from,
	})
	if err != nil {
		return Authorization{}, err
	}
	switch s.State {
	case chain.Unused:
		return Authorization{Use: Unused, Head: s.Heads.Latest.Number, SafeTime: time.Unix(s.Heads.Safe.Time, 0)}, nil
	case chain.Paid:
		return Authorization{Use: Paid, Tx: s.Tx, Block: s.Block, Safe: s.Safe, Head: s.Heads.Latest.Number}, nil
	case chain.PaidOther:
		return Authorization{Use: PaidDifferently, Tx: s.Tx, Block: s.Block, Safe: s.Safe, Head: s.Heads.Latest.Number}, nil
	case chain.Canceled:
		return Authorization{Use: Canceled, Tx: s.Tx, Block: s.Block, Safe: s.Safe, Head: s.Heads.Latest.Number}, nil
	default:
		return Authorization{}, fmt.Errorf("processpayout: unknown state %q of authorization %s", s.State, p.Nonce)
	}
}

// Obstacle implements Chain. It names what concerns the payout alone first.
func (b Base) Obstacle(ctx context.Context, p ledger.Payout) (Obstacle, error) {
	checks := []struct {
		what  Obstacle
		holds func() (bool, error)
	}{
		{RecipientBlocked, func() (bool, error) { return b.Token.IsBlacklisted(ctx, p.Token, p.ID.Worker) }},
		{TreasuryBlocked, func() (bool, error) { return b.Token.IsBlacklisted(ctx, p.Token, p.Treasury) }},
		{TokenPaused, func() (bool, error) { return b.Token.Paused(ctx, p.Token) }},
		{TreasuryShort, func() (bool, error) {
			balance, err := b.Token.BalanceOf(ctx, p.Token, p.Treasury)
			return balance < p.Amount, err
		}},
	}
	for _, c := range checks {
		holds, err := c.holds()
		if err != nil {
			return NoObstacle, err
		}
		if holds {
			return c.what, nil
		}
	}
	return NoObstacle, nil
}
