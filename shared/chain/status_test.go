package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

func TestUnused(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 2, FinalizedDepth: 4})
	ok(t, w.dev.Mine(t.Context(), 6))
	a := w.authorization(1)
	s := w.status(w.query(a))
	head := w.block()
	if s.State != chain.Unused || s.Tx != (common.Hash{}) {
		t.Errorf("got %+v", s)
	}
	if s.Heads.Latest.Number != head || s.Heads.Safe.Number != head-2 || s.Heads.Finalized.Number != head-4 || s.Heads.Latest.Time != w.now() {
		t.Errorf("heads %+v at block %d", s.Heads, head)
	}
}

// dead is what a payer makes of a status (payments.md, rule 5): it is unused,
// and a safe block is past its time.
func dead(s chain.Status, validBefore int64) bool {
	return s.State == chain.Unused && s.Heads.Safe.Time >= validBefore
}

// The nonce is dead only when a safe block is past its time.
func TestDead(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 2, FinalizedDepth: 4})
	a := w.authorization(1)
	q := w.query(a)
	if dead(w.status(q), a.ValidBefore) {
		t.Error("dead before its time")
	}
	ok(t, w.dev.AdvanceTime(t.Context(), time.Hour+time.Second))
	if s := w.status(q); s.Heads.Latest.Time < a.ValidBefore || dead(s, a.ValidBefore) {
		t.Errorf("past its time in the newest block only: dead %v, %+v", dead(s, a.ValidBefore), s.Heads)
	}
	ok(t, w.dev.Mine(t.Context(), 2))
	s := w.status(q)
	if !dead(s, a.ValidBefore) || !dead(s, s.Heads.Safe.Time) {
		t.Errorf("past its time in a safe block, and not dead: %+v", s.Heads)
	}
	if dead(s, s.Heads.Safe.Time+1) {
		t.Error("dead a second too early")
	}
	if _, err := w.client.Call(t.Context(), common.Address{}, q.Token, w.signed(a)); err == nil {
		t.Error("a dead authorization can still pay")
	}
}

func TestPaid(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 1, FinalizedDepth: 2})
	a := w.authorization(1)
	from := w.block()
	tx := w.pay(w.dev.Relayer, a)
	at := w.block()
	q := w.query(a)
	q.FromBlock = from
	for _, hint := range []common.Hash{tx, {}} {
		q.Hint = hint
		s := w.status(q)
		if s.State != chain.Paid || s.Tx != tx || s.Block != at || s.To != w.worker || s.Value != w.value || s.Safe || s.Finalized {
			t.Errorf("hint %s: got %+v", hint, s)
		}
		if dead(s, 0) {
			t.Error("a used nonce is called dead")
		}
	}
	ok(t, w.dev.Mine(t.Context(), 1))
	if s := w.status(q); !s.Safe || s.Finalized {
		t.Errorf("a block later: %+v", s)
	}
	ok(t, w.dev.Mine(t.Context(), 1))
	if s := w.status(q); !s.Safe || !s.Finalized {
		t.Errorf("two blocks later: %+v", s)
	}
}

func TestSomebodyElseBroadcast(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	a := w.authorization(1)
	tx := w.pay(w.stranger(), a)
	if s := w.status(w.query(a)); s.State != chain.Paid || s.Tx != tx {
		t.Errorf("got %+v", s)
	}
	// The relayer, too late, reverts: that is not what became of it.
	late, err := w.dev.Send(t.Context(), devchain.Tx{From: w.dev.Relayer, To: w.dev.Network.Token, Data: w.signed(a), Gas: 200_000})
	ok(t, err)
	q := w.query(a)
	q.Hint = late
	if s := w.status(q); s.State != chain.Paid || s.Tx != tx {
		t.Errorf("with the late one as a hint: %+v", s)
	}
}

func TestCanceled(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	a := w.authorization(1)
	tx := w.cancel(a)
	q := w.query(a)
	for _, hint := range []common.Hash{tx, {}} {
		q.Hint = hint
		if s := w.status(q); s.State != chain.Canceled || s.Tx != tx || !s.Safe || s.Value != 0 || s.To != (common.Address{}) {
			t.Errorf("got %+v", s)
		}
	}
}

// A restored database may ask with another amount: the chain says what it paid.
func TestPaidOther(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	for seq, change := range map[int64]func(*chain.Query){
		1: func(q *chain.Query) { q.Value++ },
		2: func(q *chain.Query) { q.Value-- },
		3: func(q *chain.Query) { q.Worker = common.Address{9} },
	} {
		a := w.authorization(seq)
		tx := w.pay(w.dev.Relayer, a)
		q := w.query(a)
		change(&q)
		if s := w.status(q); s.State != chain.PaidOther || s.Tx != tx || s.To != w.worker || s.Value != w.value {
			t.Errorf("%d: got %+v", seq, s)
		}
	}
}

// The search starts at FromBlock; a restored database has one that is too late.
func TestFoundBeforeFromBlock(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	l := limits()
	l.LogRange, l.Lookback = 3, 20
	client, err := chain.DialWith(t.Context(), w.dev.URL, w.dev.Network.ChainID, l)
	ok(t, err)
	defer client.Close()
	a := w.authorization(1)
	tx := w.pay(w.dev.Relayer, a)
	q := w.query(a)
	used := w.block()
	ok(t, w.dev.Mine(t.Context(), 30))
	for from := range w.block() {
		q.FromBlock = from
		s, err := client.AuthorizationStatus(t.Context(), q)
		switch {
		case from <= used+l.Lookback && (err != nil || s.Tx != tx || s.State != chain.Paid):
			t.Errorf("from block %d: %+v, %v", from, s, err)
		case from > used+l.Lookback && !errors.Is(err, chain.ErrNoLog):
			t.Errorf("from block %d, out of reach: %+v, %v", from, s, err)
		}
	}
}

// A head that a node once made up is stored as the block of signing. Whether it
// is too high or too low, it costs an honest node no more than one question.
func TestFoundWhateverFromBlockSays(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	l := limits()
	l.LogRange, l.Lookback = 5, 20
	client, err := chain.DialWith(t.Context(), w.dev.URL, w.dev.Network.ChainID, l)
	ok(t, err)
	defer client.Close()
	ok(t, w.dev.Mine(t.Context(), 40))
	a := w.authorization(1)
	tx := w.pay(w.dev.Relayer, a)
	q := w.query(a)
	for _, q.FromBlock = range []uint64{1, w.block() + 1, 1 << 40, math.MaxUint64} {
		asked := 0
		w.onMethod("eth_getLogs", func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
			asked++
			return next(ctx, call)
		})
		s, err := client.AuthorizationStatus(t.Context(), q)
		if err != nil || s.State != chain.Paid || s.Tx != tx {
			t.Errorf("from block %d: %+v, %v", q.FromBlock, s, err)
		}
		if asked != 1 {
			t.Errorf("from block %d: %d questions for logs", q.FromBlock, asked)
		}
	}
}

func TestReorgedOut(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 5})
	a := w.authorization(1)
	q := w.query(a)
	ok(t, w.dev.Mine(t.Context(), 1))
	tx := w.pay(w.dev.Relayer, a)
	ok(t, w.dev.Mine(t.Context(), 2))
	q.Hint = tx
	first := w.status(q)
	if first.State != chain.Paid || first.Safe {
		t.Fatalf("got %+v", first)
	}
	ok(t, w.dev.Reorg(t.Context(), 3, true))
	if s := w.status(q); s.State != chain.Unused {
		t.Errorf("after the reorganisation: %+v", s)
	}
	// Sent again, the same authorization lands elsewhere.
	ok(t, w.dev.Mine(t.Context(), 1))
	again := w.pay(w.stranger(), a)
	if s := w.status(q); s.State != chain.Paid || s.Tx != again || s.Block == first.Block {
		t.Errorf("sent again: %+v, was %+v", s, first)
	}
}

// One that is cancelled on the other branch: paid before, cancelled after.
func TestReorgToCanceled(t *testing.T) {
	w := newWorld(t, devchain.Options{SafeDepth: 5})
	a := w.authorization(1)
	tx := w.pay(w.dev.Relayer, a)
	ok(t, w.dev.Rewind(t.Context(), 1, true))
	canceled := w.cancel(a)
	q := w.query(a)
	q.Hint = tx
	if s := w.status(q); s.State != chain.Canceled || s.Tx != canceled {
		t.Errorf("got %+v", s)
	}
}

func TestRefusedByTheToken(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	ctx := t.Context()
	a := w.authorization(1)
	attempt := func(want string) {
		t.Helper()
		data := w.signed(a)
		var revert *chain.Revert
		if _, err := w.client.Call(ctx, common.Address{}, w.dev.Network.Token, data); !errors.As(err, &revert) || revert.Reason != want {
			t.Errorf("call: %v, want %q", err, want)
		}
		if _, err := w.client.EstimateGas(ctx, w.treasury.Address(), w.dev.Network.Token, data); !errors.As(err, &revert) || revert.Reason != want {
			t.Errorf("estimate: %v, want %q", err, want)
		}
		hash, err := w.dev.Send(ctx, devchain.Tx{From: w.dev.Relayer, To: w.dev.Network.Token, Data: data, Gas: 200_000})
		ok(t, err)
		q := w.query(a)
		q.Hint = hash
		if s := w.status(q); s.State != chain.Unused {
			t.Errorf("%s: %+v", want, s)
		}
		if m, err := w.client.TxStatus(ctx, []common.Hash{hash}); err != nil || m == nil || !m.Reverted {
			t.Errorf("%s: %+v, %v", want, m, err)
		}
	}
	ok(t, w.dev.Pause(ctx))
	attempt("Pausable: paused")
	ok(t, w.dev.Unpause(ctx))
	ok(t, w.dev.Blacklist(ctx, w.worker))
	attempt("Blacklistable: account is blacklisted")
	ok(t, w.dev.UnBlacklist(ctx, w.worker))
	ok(t, w.dev.Drain(ctx))
	attempt("ERC20: transfer amount exceeds balance")
	ok(t, w.dev.GiveUSDC(ctx, w.treasury.Address(), 10_000))
	w.pay(w.dev.Relayer, a)
	if s := w.status(w.query(a)); s.State != chain.Paid {
		t.Errorf("with nothing in the way: %+v", s)
	}
}

// In one transaction, each authorization is told from the others: two of the
// same value to the same worker, one of another value, and one that fails.
func TestManyInOneTransaction(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	twin1, twin2, dear, failing := w.authorization(1), w.authorization(2), w.authorization(3), w.authorization(4)
	dear.Value = 99_000
	failing.ValidBefore = 1
	calls := [][]byte{w.signed(twin1), w.signed(failing), w.signed(dear), w.signed(twin2)}
	tx := w.transact(w.dev.Relayer, chain.Multicall3, chain.Aggregate3(w.dev.Network.Token, calls))
	for name, c := range map[string]struct {
		nonce common.Hash
		want  chain.State
		paid  ledger.Micros
	}{
		"first of two":  {twin1.Nonce, chain.Paid, w.value},
		"second of two": {twin2.Nonce, chain.Paid, w.value},
		"another value": {dear.Nonce, chain.PaidOther, 99_000},
		"failed":        {failing.Nonce, chain.Unused, 0},
	} {
		q := w.query(twin1)
		q.Nonce, q.Hint = c.nonce, tx
		if s := w.status(q); s.State != c.want || s.Value != c.paid {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}
