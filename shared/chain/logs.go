package chain

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

const getLogs = "eth_getLogs"

// filter says which logs to look for: of one contract, with one of the events
// (topic 0), indexed by first (topic 1), unless any will do, and, unless it is
// nil, second (topic 2).
type filter struct {
	contract common.Address
	events   []common.Hash
	first    common.Hash
	anyFirst bool
	second   *common.Hash
}

func (f filter) matches(l *types.Log) bool {
	return l.Address == f.contract && len(l.Topics) >= 2 && slices.Contains(f.events, l.Topics[0]) && (f.anyFirst || l.Topics[1] == f.first) &&
		(f.second == nil || len(l.Topics) >= 3 && l.Topics[2] == *f.second)
}

// logs yields the logs of blocks from to to, in order, asking for as many
// blocks at once as the node allows.
func (c *Client) logs(ctx context.Context, f filter, from, to uint64, yield func([]*types.Log) error) error {
	for from <= to {
		span := c.span.Load()
		end := to
		if to-from >= span {
			end = from + span - 1
		}
		found, err := c.logsOnce(ctx, f, from, end)
		if tooWide(err) && end > from {
			c.span.CompareAndSwap(span, max(1, min(span, end-from+1)/2))
			continue
		}
		if err != nil {
			return err
		}
		if err := yield(found); err != nil {
			return err
		}
		from = end + 1
	}
	return nil
}

// logsOnce is one eth_getLogs. What was not asked for is an error: such a node
// is not to be relied on for what it leaves out either.
func (c *Client) logsOnce(ctx context.Context, f filter, from, to uint64) ([]*types.Log, error) {
	topics := []any{f.events, f.first}
	if f.anyFirst {
		topics[1] = nil
	}
	if f.second != nil {
		topics = append(topics, *f.second)
	}
	var found []*types.Log
	err := c.call(ctx, &found, getLogs, map[string]any{
		"address": f.contract, "topics": topics,
		"fromBlock": hexutil.Uint64(from), "toBlock": hexutil.Uint64(to),
	})
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		if l == nil || l.Removed || !f.matches(l) || l.BlockNumber < from || l.BlockNumber > to {
			return nil, fmt.Errorf("%w: asked for logs of blocks %d to %d, got another: %+v", ErrInconsistent, from, to, l)
		}
	}
	if !slices.IsSortedFunc(found, inOrder) {
		return nil, fmt.Errorf("%w: logs of blocks %d to %d are out of order", ErrInconsistent, from, to)
	}
	return found, nil
}

func inOrder(a, b *types.Log) int {
	return cmp.Or(cmp.Compare(a.BlockNumber, b.BlockNumber), cmp.Compare(a.Index, b.Index))
}
