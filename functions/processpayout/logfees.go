package processpayout

import (
	"math/big"

	"github.com/BlockRunAI/worker-network/shared/chain"
)

// offer: a batch's account nonce is free, so a transaction of its is to be
// sent. What the market is, a node says, who may be wrong for a while; nothing
// that it says may cost more than the policy allows, or stand in the way later.
func (p LogPolicy) offer(v BatchView) BatchStep {
	b, market := v.Batch, v.Market.LimitTip(p.MaxTip)
	last := chain.Fees{FeeCap: b.FeeCap, TipCap: b.TipCap}
	switch {
	case len(b.TxHashes) == 0 || last.FeeCap.Cmp(p.MaxFeeCap) > 0:
		// One that was recorded above the limit is not sent again. If a node holds
		// it all the same, it offers more than anybody and is mined; if none does,
		// because the account cannot pay for it, another needs not outbid it.
		return p.fresh(market)
	case v.Now.Sub(b.SentAt) < p.StuckAfter:
		return LogResend{last}
	}
	if more := last.Bump(market); more.FeeCap.Cmp(p.MaxFeeCap) <= 0 {
		return LogSend{more}
	}
	if twice := new(big.Int).Lsh(market.FeeCap, 1); twice.Cmp(last.FeeCap) < 0 {
		return p.fresh(market) // it is not its fee that keeps it back, unless the account cannot pay that
	}
	return LogResend{last}
}

// fresh is a transaction that outbids none.
func (p LogPolicy) fresh(market chain.Fees) BatchStep {
	if market.FeeCap.Cmp(p.MaxFeeCap) > 0 {
		return LogWait{"the market's fees, " + market.FeeCap.String() + " wei per gas, are above the limit of " + p.MaxFeeCap.String()}
	}
	return LogSend{market}
}

// positive reports whether all are set and above 0.
func positive(ns ...*big.Int) bool {
	for _, n := range ns {
		if n == nil || n.Sign() <= 0 {
			return false
		}
	}
	return true
}
