package chain

import (
	"context"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/common/hexutil"
)

// Fees are what a transaction offers for its gas (EIP-1559), in wei per gas.
type Fees struct {
	FeeCap *big.Int // at most, tip included
	TipCap *big.Int // of it to whoever makes the block
}

// SuggestFees are the tip that the node suggests and a cap of twice the newest
// block's base fee above it, which holds for at least five full blocks.
func (c *Client) SuggestFees(ctx context.Context) (Fees, error) {
	var tip hexutil.Big
	if err := c.call(ctx, &tip, "eth_maxPriorityFeePerGas"); err != nil {
		return Fees{}, err
	}
	var b *block
	if err := c.call(ctx, &b, "eth_getBlockByNumber", "latest", false); err != nil {
		return Fees{}, err
	}
	if b == nil || b.BaseFee == nil || b.BaseFee.ToInt().Sign() < 0 || tip.ToInt().Sign() < 0 {
		return Fees{}, errors.New("chain: the node names no base fee")
	}
	tipCap := maxBig(tip.ToInt(), big.NewInt(1)) // nodes refuse transactions without one
	feeCap := new(big.Int).Lsh(b.BaseFee.ToInt(), 1)
	return Fees{FeeCap: feeCap.Add(feeCap, tipCap), TipCap: tipCap}, nil
}

// Bump are the fees of a transaction that replaces one with fees f: an eighth
// more of both, where nodes ask for a tenth, or the market's, if higher.
func (f Fees) Bump(market Fees) Fees {
	return Fees{FeeCap: maxBig(raise(f.FeeCap), market.FeeCap), TipCap: maxBig(raise(f.TipCap), market.TipCap)}
}

// LimitTip are f with a tip of at most most, and a cap lower by as much. The
// tip is paid in full, so a node that suggests a wrong one costs it all.
func (f Fees) LimitTip(most *big.Int) Fees {
	over := new(big.Int).Sub(f.TipCap, most)
	if over.Sign() <= 0 {
		return f
	}
	return Fees{FeeCap: over.Sub(f.FeeCap, over), TipCap: most}
}

// raise is n and an eighth, rounded up.
func raise(n *big.Int) *big.Int {
	eighth := new(big.Int).Add(n, big.NewInt(7))
	eighth.Rsh(eighth, 3)
	return eighth.Add(eighth, n)
}

func maxBig(a, b *big.Int) *big.Int {
	if b != nil && b.Cmp(a) > 0 {
		return b
	}
	return a
}
