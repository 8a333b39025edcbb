package demo

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/chain"
)

// auditor follows the chain and knows nothing but what stands there.
type auditor struct {
	node  *chain.Client
	trail *audit.Trail
}

// grace is unlimited: while workers work there is always a transfer that waits
// for its receipt. At the end none may.
const grace = 1 << 62

func newAuditor(ctx context.Context, m network.Money) (*auditor, error) {
	node, err := chain.Dial(ctx, m.RPC, m.ChainID)
	if err != nil {
		return nil, fmt.Errorf("the demo's auditor: %w", err)
	}
	return &auditor{node, audit.New(audit.Scope{
		ChainID: m.ChainID, Token: m.Token, Treasury: m.Treasury,
		LogAddress: m.LogAddress, Senders: []common.Address{m.LogSender}, Grace: grace,
	})}, nil
}

// report reads the blocks that are new and judges all of them.
func (a *auditor) report(ctx context.Context) (audit.Report, error) {
	heads, err := a.node.Heads(ctx)
	if err != nil {
		return audit.Report{}, fmt.Errorf("the demo's auditor: %w", err)
	}
	if next := a.trail.Next(); next <= heads.Safe.Number {
		if err := a.trail.Walk(ctx, a.node, next, heads.Safe.Number); err != nil {
			return audit.Report{}, fmt.Errorf("the demo's auditor: %w", err)
		}
	}
	return a.trail.Report(), nil
}
