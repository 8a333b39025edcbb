package processpayout

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// said is a Chain that says what it is given.
type said struct {
	a        Authorization
	obstacle Obstacle
	err      error
	asked    int
	hint     common.Hash
}

func (s *said) Authorization(_ context.Context, _ ledger.Payout, hint common.Hash) (Authorization, error) {
	s.asked, s.hint = s.asked+1, hint
	return s.a, s.err
}

func (s *said) Obstacle(context.Context, ledger.Payout) (Obstacle, error) {
	s.asked++
	return s.obstacle, s.err
}

// The second node is asked only for what ends a payout, and then has to agree.
func TestWitnessed(t *testing.T) {
	paid := Authorization{Use: Paid, Tx: tx1, Block: 430, Safe: true, Head: 500}
	tx2 := common.Hash{2}
	unsafe, elsewhere, moved, canceled := paid, paid, paid, paid
	unsafe.Safe, elsewhere.Tx, moved.Block, canceled.Use = false, tx2, 431, Canceled
	fresh := Authorization{Use: Unused, Head: 500, SafeTime: t0.Add(-2 * time.Minute)}
	dead, deader := fresh, fresh
	dead.SafeTime, deader.SafeTime = t0.Add(time.Hour), t0.Add(2*time.Hour)
	signed, never := with(ledger.Unknown, time.Hour), openPayout(worker)
	for _, tt := range []struct {
		name          string
		pay           ledger.Payout
		first, second Authorization
		want          Authorization
		asked         int
		disagree      bool
	}{
		{"paid, safe at both", signed, paid, paid, paid, 1, false},
		{"paid, not safe at one", signed, paid, unsafe, unsafe, 1, false},
		{"paid, not safe yet", signed, unsafe, fresh, unsafe, 0, false},
		{"paid, says one", signed, paid, fresh, Authorization{}, 1, true},
		{"paid, in another transaction", signed, paid, elsewhere, Authorization{}, 1, true},
		{"paid, in another block", signed, paid, moved, Authorization{}, 1, true},
		{"canceled, says one", signed, canceled, paid, Authorization{}, 1, true},
		{"canceled", signed, canceled, canceled, canceled, 1, false},
		{"unused", signed, fresh, paid, fresh, 0, false},
		{"expired unused", signed, deader, dead, dead, 1, false},
		{"expired unused, the second is behind", signed, dead, fresh, fresh, 1, false},
		{"expired unused, says one", signed, dead, paid, Authorization{}, 1, true},
		{"never signed", never, dead, paid, dead, 0, false},
	} {
		second := &said{a: tt.second}
		got, err := Witnessed{First: &said{a: tt.first}, Second: second}.Authorization(t.Context(), tt.pay, tx2)
		if got != tt.want || errors.Is(err, errDisagree) != tt.disagree || (err != nil) != tt.disagree || second.asked != tt.asked {
			t.Errorf("%s: %+v, %v, asked the second %d times; want %+v, %d", tt.name, got, err, second.asked, tt.want, tt.asked)
		}
		if second.asked > 0 && second.hint != tt.first.Tx {
			t.Errorf("%s: the second was asked with hint %s", tt.name, second.hint)
		}
	}
	down := errors.New("node down")
	if _, err := (Witnessed{First: &said{a: paid}, Second: &said{err: down}}).Authorization(t.Context(), signed, tx1); !errors.Is(err, down) {
		t.Errorf("the second is down: %v", err)
	}
	if _, err := (Witnessed{First: &said{err: down}, Second: &said{a: paid}}).Authorization(t.Context(), signed, tx1); !errors.Is(err, down) {
		t.Errorf("the first is down: %v", err)
	}
}

func TestWitnessedObstacle(t *testing.T) {
	down := errors.New("node down")
	for _, tt := range []struct {
		name          string
		first, second said
		want          error
		asked         int
	}{
		{"none", said{}, said{obstacle: RecipientBlocked}, nil, 0},
		{"paused", said{obstacle: TokenPaused}, said{}, nil, 0},
		{"blocked", said{obstacle: RecipientBlocked}, said{obstacle: RecipientBlocked}, nil, 1},
		{"blocked, says one", said{obstacle: RecipientBlocked}, said{}, errDisagree, 1},
		{"the second is down", said{obstacle: RecipientBlocked}, said{obstacle: RecipientBlocked, err: down}, down, 1},
	} {
		got, err := Witnessed{First: &tt.first, Second: &tt.second}.Obstacle(t.Context(), openPayout(worker))
		if !errors.Is(err, tt.want) || err == nil && got != tt.first.obstacle || tt.second.asked != tt.asked {
			t.Errorf("%s: %d, %v, asked the second %d times", tt.name, got, err, tt.second.asked)
		}
	}
}

// liar is a node that often says that a payout is paid, dead or blocked.
type liar struct {
	Chain
	w *world
}

func (l liar) Authorization(ctx context.Context, p ledger.Payout, hint common.Hash) (Authorization, error) {
	a, err := l.Chain.Authorization(ctx, p, hint)
	if err != nil || l.w.rng.IntN(4) > 0 {
		return a, err
	}
	used := Authorization{Use: Use(l.w.rng.IntN(4)), Tx: common.Hash{1, byte(l.w.rng.IntN(9))}, Block: 1, Safe: l.w.rng.IntN(3) > 0, Head: a.Head}
	if used.Use == Unused {
		return Authorization{Use: Unused, Head: a.Head, SafeTime: l.w.now.Add(24 * time.Hour)}, nil
	}
	return used, nil
}

func (l liar) Obstacle(ctx context.Context, p ledger.Payout) (Obstacle, error) {
	o, err := l.Chain.Obstacle(ctx, p)
	if err == nil && l.w.rng.IntN(4) == 0 {
		o = RecipientBlocked
	}
	return o, err
}

// Through all storms one node lies, whichever: with two, nobody is paid twice
// or not at all. With the liar alone the simulation sees the harm.
func TestOneNodeLies(t *testing.T) {
	first := func(w *world, d Deps) Deps { d.Chain = Witnessed{First: liar{d.Chain, w}, Second: d.Chain}; return d }
	second := func(w *world, d Deps) Deps { d.Chain = Witnessed{First: d.Chain, Second: liar{d.Chain, w}}; return d }
	alone := func(w *world, d Deps) Deps { d.Chain = liar{d.Chain, w}; return d }
	harmed := 0
	for seed := *simFirst; seed < *simFirst+min(*simSeeds, 40); seed++ {
		for who, wrap := range map[string]func(*world, Deps) Deps{"first": first, "second": second} {
			if what := caught(seed, wrap); what != "" {
				t.Fatalf("seed %d, the %s lies: %s", seed, who, what)
			}
		}
		if caught(seed, alone) != "" {
			harmed++
		}
	}
	if harmed == 0 {
		t.Error("a liar alone does no harm")
	}
	t.Logf("a liar alone does harm in %d simulations", harmed)
}
