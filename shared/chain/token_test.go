package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

func TestVerifyToken(t *testing.T) {
	for _, chainID := range []int64{usdc.BaseSepolia, usdc.Base} {
		w := newWorld(t, devchain.Options{ChainID: chainID})
		network, _ := usdc.ByChainID(chainID)
		got, err := w.client.VerifyToken(t.Context(), network.Token)
		if err != nil || got != network.Domain() {
			t.Errorf("chain %d: %+v, %v", chainID, got, err)
		}
	}
}

func TestVerifyTokenRefuses(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	for name, at := range map[string]common.Address{"nothing": {1}, "nobody": {}, "an account": w.treasury.Address()} {
		if d, err := w.client.VerifyToken(t.Context(), at); !errors.Is(err, chain.ErrWrongToken) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if d, err := w.client.VerifyToken(t.Context(), w.dev.Multicall); err == nil {
		t.Errorf("another contract: %+v", d)
	}
	word := func(parts ...[]byte) json.RawMessage {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		raw, err := json.Marshal(hexutil.Encode(all))
		ok(t, err)
		return raw
	}
	text := func(s string) json.RawMessage {
		return word(common.LeftPadBytes([]byte{32}, 32), common.LeftPadBytes([]byte{byte(len(s))}, 32), common.RightPadBytes([]byte(s), 32))
	}
	for name, lie := range map[string]struct {
		method string
		answer json.RawMessage
	}{
		"another name":      {"name()", text("USD Coin")},
		"another version":   {"version()", text("1")},
		"another separator": {"DOMAIN_SEPARATOR()", word(common.Hash{9}.Bytes())},
		"long separator":    {"DOMAIN_SEPARATOR()", word([]byte{0}, w.dev.Network.Domain().Separator().Bytes())},
		"no separator":      {"DOMAIN_SEPARATOR()", word()},
		"18 decimals":       {"decimals()", word(common.LeftPadBytes([]byte{18}, 32))},
		"a number as name":  {"name()", word(common.LeftPadBytes([]byte{5}, 32))},
		"a name cut short":  {"name()", word(common.LeftPadBytes([]byte{32}, 32), common.LeftPadBytes([]byte{99}, 32))},
		"an endless name":   {"name()", word(common.LeftPadBytes([]byte{32}, 32), common.MaxHash.Bytes())},
	} {
		selector := hexutil.Encode(crypto.Keccak256([]byte(lie.method))[:4])
		w.onMethod("eth_call", func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
			var msg struct{ Input string }
			if err := json.Unmarshal(call.Params[0], &msg); err != nil || msg.Input != selector {
				return next(ctx, call)
			}
			return lie.answer, nil
		})
		if d, err := w.client.VerifyToken(t.Context(), w.dev.Network.Token); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestReads(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	ctx, token := t.Context(), w.dev.Network.Token
	ok(t, w.dev.GiveUSDC(ctx, w.worker, 123_456))
	ok(t, w.dev.GiveETH(ctx, w.worker, big.NewInt(42)))
	if got, err := w.client.BalanceOf(ctx, token, w.worker); err != nil || got != ledger.Micros(123_456) {
		t.Errorf("USDC: %v, %v", got, err)
	}
	if got, err := w.client.NativeBalance(ctx, w.worker); err != nil || got.Int64() != 42 {
		t.Errorf("ETH: %v, %v", got, err)
	}
	expect := func(name string, read func() (bool, error), want bool) {
		t.Helper()
		if got, err := read(); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	paused := func() (bool, error) { return w.client.Paused(ctx, token) }
	listed := func() (bool, error) { return w.client.IsBlacklisted(ctx, token, w.worker) }
	code := func() (bool, error) { return w.client.HasCode(ctx, w.treasury.Address()) }
	expect("paused", paused, false)
	expect("blacklisted", listed, false)
	expect("code", code, false)
	ok(t, w.dev.Blacklist(ctx, w.worker))
	ok(t, w.dev.Pause(ctx))
	ok(t, w.dev.Delegate(ctx)) // EIP-7702
	expect("paused", paused, true)
	expect("blacklisted", listed, true)
	expect("code", code, true)
	if got, err := w.client.BalanceOf(ctx, token, w.worker); err != nil || got != 123_456 {
		t.Errorf("USDC of a blacklisted address: %v, %v", got, err)
	}
	for name, read := range map[string]func() (bool, error){
		"paused":      func() (bool, error) { return w.client.Paused(ctx, common.Address{1}) },
		"blacklisted": func() (bool, error) { return w.client.IsBlacklisted(ctx, common.Address{1}, w.worker) },
	} {
		if got, err := read(); err == nil {
			t.Errorf("%s, where there is no token: %v", name, got)
		}
	}
}
