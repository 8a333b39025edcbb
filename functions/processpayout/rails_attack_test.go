package processpayout_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// A relayer that gives up on a batch, or dies, leaves its transaction in the
// mempool. The next one takes the same account nonce for another batch, which
// shares a payout with the first, while the facilitator sends one of them, too.
// Whatever is mined then, each payout is paid once, and none is lost.
func TestRelayersReplaceEachOthersBatches(t *testing.T) {
	r := newRails(t)
	p1, one := r.payout(1)
	p2, two := r.payout(2)
	_, three := r.payout(3)
	_, four := r.payout(4)
	r.chain.Hold()
	hurried := r.relayer.Policy
	hurried.StuckAfter, hurried.Within = 50*time.Millisecond, 200*time.Millisecond
	patient := r.relayer.Policy
	r.relayer.Policy = hurried
	r.along = []ledger.Payout{p2}
	if o := r.relayer.Settle(t.Context(), one); o.Kind != x402.Unknown {
		t.Fatalf("the first batch: %+v", o)
	}
	taken := r.count()
	var all sync.WaitGroup
	all.Go(func() { r.facilitator.Settle(t.Context(), two) })
	r.waitFor(taken, 1)
	r.along = []ledger.Payout{p1}
	if o := r.relayer.Settle(t.Context(), three); o.Kind != x402.Unknown {
		t.Errorf("the second batch: %+v", o)
	}
	r.must(r.chain.Release(t.Context()))
	all.Wait()
	r.relayer.Policy, r.along = patient, nil
	for _, pay := range []x402.Payment{one, two, three, four} {
		o := r.relayer.Settle(t.Context(), pay)
		if o.Kind != x402.Settled && o.Reason != "transfer_would_revert" {
			t.Errorf("again: %+v", o)
		}
	}
	r.verify()
}

// What would run out of gas is found in the rehearsal, with the transaction's
// gas, and costs nothing: else it would be paid for at every attempt.
func TestNothingIsSentThatRunsOutOfGas(t *testing.T) {
	r := newRails(t)
	_, pay := r.payout(1)
	data, err := chain.SignedTransfer{
		From: pay.Authorization.From, To: pay.Authorization.To, Value: pay.Authorization.Value,
		ValidBefore: pay.Authorization.ValidBefore, Nonce: pay.Authorization.Nonce, Signature: pay.Signature,
	}.Calldata()
	r.must(err)
	from, token := r.relayer.Signer.Address(), r.chain.Network.Token
	if _, err := r.node.CallWithin(t.Context(), chain.TransferGas, from, token, data); err != nil {
		t.Errorf("with the gas of a transfer: %v", err)
	}
	var revert *chain.Revert
	if _, err := r.node.CallWithin(t.Context(), 60_000, from, token, data); err == nil || errors.As(err, &revert) && revert.Reason != "" {
		t.Errorf("with too little gas: %v", err)
	}
	// A token that has become dearer than the transactions' gas.
	r.relayer.Rehearsal = frugal{r.node}
	_, before, err := r.node.AccountNonces(t.Context(), from)
	r.must(err)
	for range 3 {
		if o := r.relayer.Settle(t.Context(), pay); o.Kind != x402.Refused {
			t.Errorf("%+v", o)
		}
	}
	if _, after, err := r.node.AccountNonces(t.Context(), from); err != nil || after != before {
		t.Errorf("%d transactions were paid for, %v", after-before, err)
	}
	r.relayer.Rehearsal = r.node
	if o := r.relayer.Settle(t.Context(), pay); o.Kind != x402.Settled {
		t.Errorf("as it is: %+v", o)
	}
	r.verify()
}

// cheapBlock is a block without a base fee to speak of.
func cheapBlock(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
	answer, err := next(ctx, call)
	if err != nil {
		return nil, err
	}
	var block map[string]any
	if err := json.Unmarshal(answer, &block); err != nil {
		return nil, err
	}
	block["baseFeePerGas"] = "0x1"
	return json.Marshal(block)
}

// frugal gives a third of the gas.
type frugal struct{ *chain.Client }

func (f frugal) CallWithin(ctx context.Context, gas uint64, from, to common.Address, data []byte) ([]byte, error) {
	return f.Client.CallWithin(ctx, gas/3, from, to, data)
}

// A node that refuses every fee as too low gets the relayer to offer no more
// than its limit, and to say nothing of the authorization.
func TestFeesAreBoundedWhateverTheNodeSays(t *testing.T) {
	r := newRails(t)
	_, pay := r.payout(1)
	log := &lockedBuffer{}
	r.relayer.Log = slog.New(slog.NewTextHandler(log, nil))
	var offers []string
	r.chain.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		switch call.Method {
		case "eth_maxPriorityFeePerGas": // all of the fee is tip
			return json.RawMessage(`"0x12a05f200"`), nil
		case "eth_getBlockByNumber":
			return cheapBlock(ctx, call, next)
		case "eth_sendRawTransaction":
		default:
			return next(ctx, call)
		}
		var raw string
		if err := json.Unmarshal(call.Params[0], &raw); err != nil {
			return nil, err
		}
		offers = append(offers, raw)
		return nil, &devchain.RPCError{Code: -32000, Message: "replacement transaction underpriced: " + raw}
	})
	o := r.relayer.Settle(t.Context(), pay)
	if o.Kind != x402.Refused || len(offers) == 0 || len(offers) > 200 {
		t.Errorf("%+v after %d offers", o, len(offers))
	}
	for _, raw := range offers {
		var tx types.Transaction
		r.must(tx.UnmarshalBinary(common.FromHex(raw)))
		if tx.GasFeeCap().Cmp(r.relayer.Policy.MaxFeeCap) > 0 {
			t.Errorf("offered %v wei per gas", tx.GasFeeCap())
		}
		if ten := new(big.Int).Mul(r.relayer.Policy.MaxTip, big.NewInt(10)); tx.GasTipCap().Cmp(ten) > 0 {
			t.Errorf("a tip of %v wei per gas, which is lost whatever the base fee is", tx.GasTipCap())
		}
	}
	signature := common.Bytes2Hex(pay.Signature[:32])
	if strings.Contains(log.String(), signature) || strings.Contains(x402.Mask(o.Detail), signature) {
		t.Error("the authorization shows")
	}
	r.chain.Intercept(nil)
	if o := r.relayer.Settle(t.Context(), pay); o.Kind != x402.Settled {
		t.Errorf("%+v", o)
	}
	r.verify()
}
