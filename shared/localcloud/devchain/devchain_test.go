package devchain_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

func start(t *testing.T, o devchain.Options) (*devchain.Chain, *ethclient.Client) {
	t.Helper()
	c, err := devchain.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	client, err := ethclient.Dial(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return c, client
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatEverybodyHas(t *testing.T) {
	extra := common.HexToAddress("0x00000000000000000000000000000000000e47a1")
	c, client := start(t, devchain.Options{Instant: true, Fund: []common.Address{extra}})
	id, err := client.ChainID(t.Context())
	if err != nil || id.Int64() != 84532 {
		t.Errorf("chain id %v, %v", id, err)
	}
	if want := common.HexToAddress("0x036CbD53842c5426634e7929541eC2318f3dCF7e"); c.Network.Token != want {
		t.Errorf("USDC at %s, not where Base Sepolia has it", c.Network.Token)
	}
	later := common.HexToAddress("0x00000000000000000000000000000000000e47a2")
	ok(t, c.Fund(t.Context(), later))
	for name, is := range map[string]struct {
		address   common.Address
		eth, usdc bool
	}{
		"treasury":   {crypto.PubkeyToAddress(c.Treasury.PublicKey), false, true},
		"relayer":    {crypto.PubkeyToAddress(c.Relayer.PublicKey), true, false},
		"log sender": {crypto.PubkeyToAddress(c.LogSender.PublicKey), true, false},
		"option":     {extra, true, true},
		"later":      {later, true, true},
		"nobody":     {common.Address{1}, false, false},
	} {
		wei, err := client.BalanceAt(t.Context(), is.address, nil)
		ok(t, err)
		usdc, err := c.USDCBalance(t.Context(), is.address)
		ok(t, err)
		if (wei.Sign() > 0) != is.eth || (usdc.Sign() > 0) != is.usdc {
			t.Errorf("%s has %s wei and %s micros", name, wei, usdc)
		}
	}
	ok(t, c.Drain(t.Context()))
	if left, err := c.USDCBalance(t.Context(), crypto.PubkeyToAddress(c.Treasury.PublicKey)); err != nil || left.Sign() != 0 {
		t.Errorf("a drained treasury has %s, %v", left, err)
	}
}

func TestBusyPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer taken.Close()
	_, err = devchain.Start(t.Context(), devchain.Options{RPCAddr: taken.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "is in use") || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	run := func() {
		c, err := devchain.Start(t.Context(), devchain.Options{BlockPeriod: 10 * time.Millisecond})
		ok(t, err)
		client, err := ethclient.Dial(c.URL)
		ok(t, err)
		_, err = client.BlockNumber(t.Context())
		ok(t, err)
		if made, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(made) > 0 {
			t.Errorf("files that would outlive a killed process: %v, %v", made, err)
		}
		client.Close()
		ok(t, c.Stop())
		ok(t, c.Stop())
		if _, err := client.BlockNumber(t.Context()); err == nil {
			t.Error("it still answers")
		}
	}
	run() // what go-ethereum starts once and for all
	before := runtime.NumGoroutine()
	run()
	run()
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Block times are whole seconds and each is later than the one before, so
// blocks that are made at once would run ahead of the clock.
func TestTheClockIsNotOutrun(t *testing.T) {
	c, client := start(t, devchain.Options{})
	for range 3 {
		ok(t, c.GiveUSDC(t.Context(), common.Address{1}, 1))
		head, err := client.HeaderByNumber(t.Context(), nil)
		ok(t, err)
		if now := uint64(time.Now().Unix()); head.Time > now {
			t.Errorf("block %s has time %d at %d", head.Number, head.Time, now)
		}
	}
}

func TestBlockPeriod(t *testing.T) {
	c, client := start(t, devchain.Options{BlockPeriod: 100 * time.Millisecond})
	first, err := client.BlockNumber(t.Context())
	ok(t, err)
	deadline := time.Now().Add(10 * time.Second)
	for {
		n, err := client.BlockNumber(t.Context())
		ok(t, err)
		if n > first {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no block without a transaction")
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.Hold()
	held, err := client.BlockNumber(t.Context())
	ok(t, err)
	time.Sleep(3500 * time.Millisecond)                                      // three blocks' time: their times are whole seconds
	if n, err := client.BlockNumber(t.Context()); err != nil || n > held+1 { // one may have been under way
		t.Errorf("block %d while mining is held at %d, %v", n, held, err)
	}
}

func TestHoldAndRelease(t *testing.T) {
	c, client := start(t, devchain.Options{Instant: true})
	c.Hold()
	to := common.Address{7}
	hash, err := c.Send(t.Context(), devchain.Tx{From: c.Relayer, To: to, Value: big.NewInt(5)})
	ok(t, err)
	if _, err := client.TransactionReceipt(t.Context(), hash); err == nil {
		t.Error("mined while mining is held")
	}
	if err := c.GiveUSDC(t.Context(), to, 1); err == nil {
		t.Error("a call that would wait for ever is not refused")
	}
	ok(t, c.Release(t.Context()))
	if _, err := client.TransactionReceipt(t.Context(), hash); err != nil {
		t.Errorf("after release: %v", err)
	}
}

func TestAdvanceTime(t *testing.T) {
	c, _ := start(t, devchain.Options{})
	before, err := c.Head(t.Context())
	ok(t, err)
	ok(t, c.AdvanceTime(t.Context(), time.Hour))
	ok(t, c.Mine(t.Context(), 3)) // must not wait an hour
	after, err := c.Head(t.Context())
	ok(t, err)
	if d := after.Time - before.Time; d < 3600 || d > 3620 {
		t.Errorf("the time went on by %d s", d)
	}
}

// What was mined a moment ago does not count as waiting.
func TestAdvanceTimeAfterABlock(t *testing.T) {
	c, _ := start(t, devchain.Options{Instant: true})
	for range 100 {
		_, err := c.Transact(t.Context(), devchain.Tx{From: c.Relayer, To: common.Address{9}, Value: big.NewInt(5)})
		ok(t, err)
		ok(t, c.AdvanceTime(t.Context(), time.Hour))
	}
}

func TestReorg(t *testing.T) {
	for _, forget := range []bool{false, true} {
		c, client := start(t, devchain.Options{Instant: true, SafeDepth: 2, FinalizedDepth: 4})
		to := common.Address{9}
		receipt, err := c.Transact(t.Context(), devchain.Tx{From: c.Relayer, To: to, Value: big.NewInt(5)})
		ok(t, err)
		ok(t, c.Mine(t.Context(), 1))
		ok(t, c.Reorg(t.Context(), 2, forget))
		balance, err := client.BalanceAt(t.Context(), to, nil)
		ok(t, err)
		again, err := client.TransactionReceipt(t.Context(), receipt.TxHash)
		if forget && (err == nil || balance.Sign() != 0) {
			t.Errorf("forgotten, but receipt %v and balance %s", again, balance)
		}
		if !forget && (err != nil || balance.Int64() != 5 || again.BlockHash == receipt.BlockHash) {
			t.Errorf("mined again: %+v, %v, balance %s", again, err, balance)
		}
	}
}

func TestSafeAndFinalized(t *testing.T) {
	c, client := start(t, devchain.Options{Instant: true, SafeDepth: 2, FinalizedDepth: 4})
	number := func(tag int64) uint64 {
		h, err := client.HeaderByNumber(t.Context(), big.NewInt(tag))
		ok(t, err)
		return h.Number.Uint64()
	}
	const safe, finalized, latest = -4, -3, -2
	if number(safe) != 0 || number(finalized) != 0 {
		t.Errorf("at the start: safe %d, finalized %d", number(safe), number(finalized))
	}
	ok(t, c.Mine(t.Context(), 6))
	if head := number(latest); number(safe) != head-2 || number(finalized) != head-4 {
		t.Errorf("latest %d, safe %d, finalized %d", head, number(safe), number(finalized))
	}
	// The tag also holds in calls on state.
	to := common.Address{3}
	ok(t, c.GiveETH(t.Context(), to, big.NewInt(1)))
	if wei, err := client.BalanceAt(t.Context(), to, big.NewInt(safe)); err != nil || wei.Sign() != 0 {
		t.Errorf("balance %s in the safe block, %v", wei, err)
	}
}

func TestIntercept(t *testing.T) {
	c, client := start(t, devchain.Options{Instant: true})
	ctx := t.Context()
	answers := map[string]error{
		"json-rpc error": &devchain.RPCError{Code: -32005, Message: "limit exceeded"},
		"http status":    devchain.HTTPStatus(429),
		"hang up":        devchain.ErrHangUp,
	}
	wants := map[string]string{"json-rpc error": "limit exceeded", "http status": "429", "hang up": "EOF"}
	for name, answer := range answers {
		c.Intercept(func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) { return nil, answer })
		if _, err := client.BlockNumber(ctx); err == nil || !strings.Contains(err.Error(), wants[name]) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// A lost answer: the node has done it.
	c.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		_, err := next(ctx, call)
		return nil, errors.Join(err, devchain.ErrHangUp)
	})
	if _, err := client.BlockNumber(ctx); err == nil {
		t.Error("the answer was not lost")
	}
	c.Intercept(nil)
	if _, err := client.BlockNumber(ctx); err != nil {
		t.Error(err)
	}
	var accounts any
	if err := client.Client().CallContext(ctx, &accounts, "debug_setHead", "0x0"); err == nil || !strings.Contains(err.Error(), "not available") {
		t.Errorf("debug_setHead over HTTP: %v", err)
	}
}
