package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Head is one block, as far as its place and time go.
type Head struct {
	Number uint64
	Hash   common.Hash
	Time   int64 // unix seconds
}

// Heads are the newest block, the newest safe one and the newest finalized
// one: on Base some 2 and 20 minutes old.
type Heads struct{ Latest, Safe, Finalized Head }

// ErrInconsistent means that a node's answers contradict each other: it lies,
// or they come from nodes that are not at the same block, or the chain has just
// reorganised. Nothing follows from them; ask again later.
var ErrInconsistent = errors.New("chain: the node's answers contradict each other")

// Heads reads the three.
func (c *Client) Heads(ctx context.Context) (Heads, error) {
	var h Heads
	var err error
	// The oldest first, so that a chain that grows in between stays in order.
	if h.Finalized, err = c.head(ctx, "finalized"); err != nil {
		return Heads{}, err
	}
	if h.Safe, err = c.head(ctx, "safe"); err != nil {
		return Heads{}, err
	}
	if h.Latest, err = c.head(ctx, "latest"); err != nil {
		return Heads{}, err
	}
	if h.Finalized.Number > h.Safe.Number || h.Safe.Number > h.Latest.Number {
		return Heads{}, fmt.Errorf("%w: latest is block %d, safe %d, finalized %d", ErrInconsistent, h.Latest.Number, h.Safe.Number, h.Finalized.Number)
	}
	return h, nil
}

// HeadAt is the canonical block with that number.
func (c *Client) HeadAt(ctx context.Context, number uint64) (Head, error) {
	h, err := c.head(ctx, hexutil.EncodeUint64(number))
	if err == nil && h.Number != number {
		return Head{}, fmt.Errorf("%w: asked for block %d, got %d", ErrInconsistent, number, h.Number)
	}
	return h, err
}

// head reads the block with that tag or number. Its hash is the node's word:
// a rollup's header may have fields that this code does not know.
func (c *Client) head(ctx context.Context, tag string) (Head, error) {
	var b *block
	if err := c.call(ctx, &b, "eth_getBlockByNumber", tag, false); err != nil {
		return Head{}, err
	}
	return b.head(tag)
}

// block is what is read of eth_getBlockByNumber.
type block struct {
	Number    *hexutil.Uint64 `json:"number"`
	Hash      *common.Hash    `json:"hash"`
	Timestamp *hexutil.Uint64 `json:"timestamp"`
	BaseFee   *hexutil.Big    `json:"baseFeePerGas"`
}

func (b *block) head(tag string) (Head, error) {
	if b == nil || b.Number == nil || b.Hash == nil || b.Timestamp == nil {
		return Head{}, fmt.Errorf("chain: the node has no block %s", tag)
	}
	return Head{uint64(*b.Number), *b.Hash, int64(*b.Timestamp)}, nil
}

// canonical checks that the block with that number has that hash.
func (c *Client) canonical(ctx context.Context, number uint64, hash common.Hash) error {
	h, err := c.HeadAt(ctx, number)
	if err != nil {
		return err
	}
	if h.Hash != hash {
		return fmt.Errorf("%w: block %d is %s, not %s", ErrInconsistent, number, h.Hash, hash)
	}
	return nil
}
