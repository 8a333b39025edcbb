package chain

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// receipt is what is read of eth_getTransactionReceipt.
type receipt struct {
	TxHash      common.Hash    `json:"transactionHash"`
	BlockHash   common.Hash    `json:"blockHash"`
	BlockNumber hexutil.Uint64 `json:"blockNumber"`
	Status      hexutil.Uint64 `json:"status"`
	GasUsed     hexutil.Uint64 `json:"gasUsed"`
	Logs        []*types.Log   `json:"logs"`
}

func (r *receipt) succeeded() bool { return uint64(r.Status) == types.ReceiptStatusSuccessful }

// minedReceipt is the receipt of a transaction that is in a canonical block, or
// nil when the node knows of none. That the receipt is the one asked for and
// that its block is canonical has been checked.
func (c *Client) minedReceipt(ctx context.Context, tx common.Hash) (*receipt, error) {
	var r *receipt
	if err := c.call(ctx, &r, "eth_getTransactionReceipt", tx); err != nil {
		return nil, err
	}
	if r == nil || r.BlockHash == (common.Hash{}) { // unknown, or of the node's pending block
		return nil, nil
	}
	if r.TxHash != tx {
		return nil, fmt.Errorf("%w: asked for the receipt of %s, got that of %s", ErrInconsistent, tx, r.TxHash)
	}
	for _, l := range r.Logs {
		if l == nil || l.Removed || l.TxHash != tx || l.BlockHash != r.BlockHash || l.BlockNumber != uint64(r.BlockNumber) {
			return nil, fmt.Errorf("%w: the receipt of %s holds a log of elsewhere", ErrInconsistent, tx)
		}
	}
	if !slices.IsSortedFunc(r.Logs, inOrder) {
		return nil, fmt.Errorf("%w: the logs in the receipt of %s are out of order", ErrInconsistent, tx)
	}
	if err := c.canonical(ctx, uint64(r.BlockNumber), r.BlockHash); err != nil {
		return nil, err
	}
	return r, nil
}

// Mined is where a transaction stands on the canonical chain.
type Mined struct {
	Tx        common.Hash
	Block     uint64
	Safe      bool // its block is safe
	Finalized bool // and final
	Reverted  bool // it is in its block, but had no effect
	GasUsed   uint64
}

// TxStatus says which of several transactions is mined, or nil if the node
// knows of none: which does not mean that none will be, or is. Meant for those
// ever signed for one account nonce, of which only one can be.
func (c *Client) TxStatus(ctx context.Context, hashes []common.Hash) (*Mined, error) {
	h, err := c.Heads(ctx) // before the receipts: what they say is checked against the chain after it
	if err != nil {
		return nil, err
	}
	for _, tx := range slices.Backward(hashes) { // the latest has the highest fee
		r, err := c.minedReceipt(ctx, tx)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		number := uint64(r.BlockNumber)
		return &Mined{
			Tx: tx, Block: number, Safe: number <= h.Safe.Number, Finalized: number <= h.Finalized.Number,
			Reverted: !r.succeeded(), GasUsed: uint64(r.GasUsed),
		}, nil
	}
	return nil, nil
}
