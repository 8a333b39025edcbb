package processpayout

import (
	"context"
	"errors"
	"log/slog"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// relay is one transaction of the relayer on its way, with all that replaced
// it: they have one account nonce and one calldata.
type relay struct {
	*Relayer
	tx     chain.Tx
	hashes []common.Hash // of those that may be under way, oldest first
	began  time.Time
}

// send brings a call onto the chain and waits until it is there.
func (r *Relayer) send(ctx context.Context, began time.Time, chainID int64, call relayCall) x402.Outcome {
	fees, err := r.Mempool.SuggestFees(ctx)
	if err != nil {
		return refusal(reasonRelayerDown, err)
	}
	if fees = fees.LimitTip(r.Policy.MaxTip); fees.FeeCap.Cmp(r.Policy.MaxFeeCap) > 0 {
		return refusal(reasonFees, nil)
	}
	_, nonce, err := r.Account.AccountNonces(ctx, r.Signer.Address())
	if err != nil {
		return refusal(reasonRelayerDown, err)
	}
	y := &relay{Relayer: r, began: began, tx: chain.Tx{
		ChainID: chainID, AccountNonce: nonce, To: call.to, Calldata: call.calldata, Gas: call.gas, Fees: fees,
	}}
	o := y.run(ctx)
	r.Log.InfoContext(ctx, "relayed", slog.Int("transfers", call.transfers), slog.Uint64("account_nonce", nonce),
		slog.Int("transactions", len(y.hashes)), slog.String("tx", o.Tx.Hex()), slog.String("answer", string(o.Kind)))
	return o
}

// run broadcasts, looks, and offers more when nothing happens. What a node says
// to a broadcast is never taken for what became of it.
func (y *relay) run(ctx context.Context) x402.Outcome {
	for !y.over(ctx) {
		raw, hash, err := chain.BuildTx(ctx, y.Signer, y.tx)
		if err != nil {
			return y.end(reasonRelayerDown, err)
		}
		said, err := y.Mempool.Broadcast(ctx, raw)
		switch {
		case errors.Is(err, chain.ErrInsufficientFunds):
			y.Log.ErrorContext(ctx, "the relayer has too little ETH for gas; send it some", slog.String("relayer", y.Signer.Address().Hex()))
			return y.end(reasonRelayerPoor, err)
		case said == chain.NonceTooLow:
			// One of these, or what was sent before this lease, is mined.
			if o, ok := y.look(ctx); ok {
				return o
			}
			return y.unknown(reasonNonceUsed)
		case said != chain.Underpriced:
			y.hashes = append(y.hashes, hash)
			if o := y.watch(ctx, y.Policy.StuckAfter); o.Reason != x402.ReasonTimeout {
				return o
			}
		}
		if !y.offerMore() {
			break
		}
	}
	if len(y.hashes) == 0 {
		return y.end(reasonFees, nil)
	}
	return y.watch(ctx, y.Policy.Within)
}

// end gives up: a refusal only if nothing can be under way.
func (y *relay) end(reason string, err error) x402.Outcome {
	if len(y.hashes) > 0 {
		return y.unknown(reason)
	}
	return refusal(reason, err)
}

func (y *relay) unknown(reason string) x402.Outcome {
	o := x402.Outcome{Kind: x402.Unknown, Reason: reason}
	if n := len(y.hashes); n > 0 {
		o.Tx = y.hashes[n-1]
	}
	return o
}

// tipsToOutbid is how many times the tip of a first transaction one that
// replaces it may give. All of a tip is lost, and that it is needed is the
// node's word.
const tipsToOutbid = 10

// offerMore raises the fees, if they may be.
func (y *relay) offerMore() bool {
	more := y.tx.Fees.Bump(chain.Fees{})
	most := new(big.Int).Mul(y.Policy.MaxTip, big.NewInt(tipsToOutbid))
	if more.FeeCap.Cmp(y.Policy.MaxFeeCap) > 0 || more.TipCap.Cmp(most) > 0 {
		return false
	}
	y.tx.Fees = more
	return true
}

// watch looks until one of the transactions is mined, or for so long.
func (y *relay) watch(ctx context.Context, long time.Duration) x402.Outcome {
	for until := y.Now().Add(long); ; {
		if o, ok := y.look(ctx); ok {
			return o
		}
		if y.over(ctx) || !y.Now().Before(until) || y.Sleep(ctx, y.Policy.Poll) != nil {
			return y.unknown(x402.ReasonTimeout)
		}
	}
}

func (y *relay) over(ctx context.Context) bool {
	return ctx.Err() != nil || !y.Now().Before(y.began.Add(y.Policy.Within))
}

// look asks for the transactions. That one is mined is a claim like a
// facilitator's: what it did to the payout's nonce, the chain is asked next.
func (y *relay) look(ctx context.Context) (x402.Outcome, bool) {
	if len(y.hashes) == 0 {
		return x402.Outcome{}, false
	}
	m, err := y.Account.TxStatus(ctx, y.hashes)
	switch {
	case err != nil:
		y.Log.WarnContext(ctx, "the relayer's transaction cannot be looked up", slog.Any("error", err))
		return x402.Outcome{}, false
	case m == nil:
		return x402.Outcome{}, false
	case m.Reverted:
		return x402.Outcome{Kind: x402.Unknown, Reason: reasonReverted, Tx: m.Tx}, true
	}
	return x402.Outcome{Kind: x402.Settled, Tx: m.Tx}, true
}
