package processpayout

import (
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Whatever a node says of fees, no transaction offers more than allowed, and
// what was recorded of one that did keeps nothing back.
func TestLogFees(t *testing.T) {
	policy := DefaultLogPolicy()
	const gwei = 1_000_000_000
	fees := func(feeCap, tip int64) chain.Fees {
		return chain.Fees{FeeCap: big.NewInt(feeCap), TipCap: big.NewInt(tip)}
	}
	batch := func(ago time.Duration, f chain.Fees) ledger.ReceiptBatch {
		return ledger.ReceiptBatch{State: ledger.BatchOpen, TxHashes: []common.Hash{tx1}, FeeCap: f.FeeCap, TipCap: f.TipCap, SentAt: t0.Add(-ago)}
	}
	fresh, low, dear := ledger.ReceiptBatch{State: ledger.BatchOpen}, fees(2_000_000, 1_000_000), fees(11*gwei, 1_000_000)
	tests := []struct {
		name   string
		batch  ledger.ReceiptBatch
		market chain.Fees
		want   BatchStep
	}{
		{"new, dear", fresh, dear, LogWait{}},
		{"new, a huge tip", fresh, fees(100_000*gwei+1_000_000, 100_000*gwei), LogSend{fees(101_000_000, 100_000_000)}},
		{"new, a tip near the limit", fresh, fees(9*gwei, 8*gwei), LogSend{fees(gwei+100_000_000, 100_000_000)}},
		{"recorded above the limit, just now", batch(time.Second, fees(100_000*gwei, 100_000*gwei)), low, LogSend{low}},
		{"recorded above the limit", batch(time.Hour, fees(100_000*gwei, 100_000*gwei)), low, LogSend{low}},
		{"recorded above the limit, dear", batch(time.Hour, fees(100_000*gwei, 100_000*gwei)), dear, LogWait{}},
		{"recorded near the limit, just now", batch(time.Second, fees(9*gwei, gwei)), low, LogResend{fees(9*gwei, gwei)}},
		{"recorded near the limit, more than the account has", batch(time.Hour, fees(9*gwei, gwei)), low, LogSend{low}},
		{"recorded near the limit, as the market is", batch(time.Hour, fees(9*gwei, 1)), fees(8*gwei, 1), LogResend{fees(9*gwei, 1)}},
		{"recorded, and dear by now", batch(time.Hour, low), dear, LogResend{low}},
	}
	for _, tt := range tests {
		got := policy.DecideBatch(BatchView{Batch: tt.batch, Market: tt.market, Now: t0})
		if w, ok := got.(LogWait); ok && w.Reason != "" {
			got = LogWait{}
		}
		if !sameBatchStep(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// The relayer sends nothing while the market is above its limit, and no huge
// tip at all.
func TestRelayerFees(t *testing.T) {
	b := newBench(t)
	b.market = &chain.Fees{FeeCap: big.NewInt(11_000_000_000), TipCap: big.NewInt(1)}
	if o := b.Settle(t.Context(), b.payment); o.Kind != x402.Refused || o.Reason != reasonFees || b.sent != 0 {
		t.Errorf("dear: %+v after %d broadcasts", o, b.sent)
	}
	b.market = &chain.Fees{FeeCap: big.NewInt(90_000_000_000), TipCap: big.NewInt(89_000_000_000)}
	if o := b.Settle(t.Context(), b.payment); o.Kind != x402.Settled || b.raw.GasTipCap().Cmp(b.Policy.MaxTip) != 0 || b.raw.GasFeeCap().Int64() != 1_100_000_000 {
		t.Errorf("a huge tip: %+v, sent %+v", o, b.raw)
	}
}
