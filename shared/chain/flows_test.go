package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// Whatever a node leaves out of its logs, of what the treasury sent or of what
// it was given, its balances do not agree with that.
func TestCheckTransfers(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	ctx, token, treasury := t.Context(), w.dev.Network.Token, w.treasury.Address()
	w.pay(w.dev.Relayer, w.authorization(1))
	from := w.block() + 1
	w.pay(w.dev.Relayer, w.authorization(2))
	ok(t, w.dev.GiveUSDC(ctx, treasury, 777))
	w.pay(w.dev.Relayer, w.authorization(3))
	to := w.block()
	w.pay(w.dev.Relayer, w.authorization(4))
	check := func(from, to uint64) error {
		var sent ledger.Micros
		ok(t, w.client.TransfersFrom(ctx, token, treasury, from, to, func(x chain.Transfer) error { sent += x.Value; return nil }))
		return w.client.CheckTransfers(ctx, token, treasury, from, to, sent)
	}
	ok(t, check(from, to))
	ok(t, check(0, to))
	ok(t, check(0, 0)) // before there is a token
	ok(t, check(0, w.block()))
	for from := uint64(0); from <= w.block(); from++ {
		ok(t, check(from, w.block()))
	}
	for name, cut := range map[string]func(query string, logs []json.RawMessage) []json.RawMessage{
		"all":           func(string, []json.RawMessage) []json.RawMessage { return nil },
		"the last sent": func(_ string, l []json.RawMessage) []json.RawMessage { return l[:max(len(l), 2)-2] },
		"what it was given": func(query string, l []json.RawMessage) []json.RawMessage {
			if strings.Contains(query, "null") {
				return nil
			}
			return l
		},
	} {
		w.onMethod("eth_getLogs", func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
			raw, err := next(ctx, call)
			var logs []json.RawMessage
			if err == nil {
				err = json.Unmarshal(raw, &logs)
			}
			if err != nil {
				return nil, err
			}
			return json.Marshal(append([]json.RawMessage{}, cut(string(call.Params[0]), logs)...))
		})
		if err := check(from, to); !errors.Is(err, chain.ErrLeftOut) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.dev.Intercept(nil)
	ok(t, check(from, to))
}
