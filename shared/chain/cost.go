package chain

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// TxCost is what a mined transaction took from its sender's account in wei, the
// share of L1 included, which Base's receipts name apart (OP Stack: l1Fee). It
// is nil when the node knows of none.
func (c *Client) TxCost(ctx context.Context, tx common.Hash) (*big.Int, error) {
	var r *struct {
		TxHash  common.Hash    `json:"transactionHash"`
		GasUsed hexutil.Uint64 `json:"gasUsed"`
		Price   *hexutil.Big   `json:"effectiveGasPrice"`
		L1Fee   *hexutil.Big   `json:"l1Fee"` // not on other chains
	}
	if err := c.call(ctx, &r, "eth_getTransactionReceipt", tx); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, nil
	}
	if r.TxHash != tx || r.Price == nil || r.Price.ToInt().Sign() < 0 {
		return nil, fmt.Errorf("%w: the receipt of %s is of %s, at price %v", ErrInconsistent, tx, r.TxHash, r.Price)
	}
	cost := new(big.Int).Mul(r.Price.ToInt(), new(big.Int).SetUint64(uint64(r.GasUsed)))
	if r.L1Fee != nil {
		cost.Add(cost, r.L1Fee.ToInt())
	}
	return cost, nil
}
