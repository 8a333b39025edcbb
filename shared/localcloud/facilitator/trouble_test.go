package facilitator

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

func TestTroubleOnChain(t *testing.T) {
	w := newWorld(t)
	p := w.payment(1)
	chain, ctx := w.chain, t.Context()
	for _, tt := range []struct {
		name   string
		spoil  func() error
		mend   func() error
		kind   x402.Kind
		reason string
	}{
		{"paused", func() error { return chain.Pause(ctx) }, func() error { return chain.Unpause(ctx) },
			x402.Unknown, "invalid_exact_evm_transaction_simulation_failed"},
		{"blacklisted", func() error { return chain.Blacklist(ctx, p.Authorization.To) }, func() error { return chain.UnBlacklist(ctx, p.Authorization.To) },
			x402.Unknown, "invalid_exact_evm_transaction_simulation_failed"},
		{"empty treasury", func() error { return chain.Drain(ctx) }, func() error { return chain.GiveUSDC(ctx, w.treasury(), 1_000_000) },
			x402.Refused, "insufficient_funds"},
	} {
		if err := tt.spoil(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if o := w.client.Settle(ctx, p); o.Kind != tt.kind || o.Reason != tt.reason {
			t.Errorf("%s: %+v, want %s, %s", tt.name, o, tt.kind, tt.reason)
		}
		if err := tt.mend(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
	}
	w.paid(p, 0)
	if n := w.relayerNonce(); n != 0 {
		t.Errorf("%d transactions were broadcast", n)
	}
	if o := w.client.Settle(ctx, p); o.Kind != x402.Settled {
		t.Errorf("all mended: %+v", o)
	}
}

func TestTroubleWithTheNode(t *testing.T) {
	w := newWorld(t)
	intercept := func(method string, harm func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error)) {
		w.chain.Intercept(func(ctx context.Context, c devchain.Call, next devchain.Next) (json.RawMessage, error) {
			if c.Method == method {
				return harm(ctx, c, next)
			}
			return next(ctx, c)
		})
	}
	p := w.payment(1)
	denied := func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
		return nil, &devchain.RPCError{Code: -32000, Message: "txpool is full"}
	}
	for method, reason := range map[string]string{
		"eth_getBlockByNumber":    "unexpected_verify_error",
		"eth_getTransactionCount": "unexpected_settle_error",
		"eth_sendRawTransaction":  "unexpected_settle_error",
	} {
		intercept(method, denied)
		if o := w.client.Settle(t.Context(), p); o.Kind != x402.Unknown || o.Reason != reason || o.Tx != (common.Hash{}) {
			t.Errorf("%s denied: %+v", method, o)
		}
		w.paid(p, 0)
	}

	// Sent, but the node's answer is lost: the receipt shows it.
	intercept("eth_sendRawTransaction", func(ctx context.Context, c devchain.Call, next devchain.Next) (json.RawMessage, error) {
		if _, err := next(ctx, c); err != nil {
			t.Error(err)
		}
		return nil, devchain.ErrHangUp
	})
	if o := w.client.Settle(t.Context(), p); o.Kind != x402.Settled {
		t.Errorf("answer of the send lost: %+v", o)
	}
	w.paid(p, 1)
}
