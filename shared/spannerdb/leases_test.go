package spannerdb_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

func TestLeases(t *testing.T) {
	n := newNetwork(t)
	const ttl = time.Minute
	take := func(owner string, at time.Duration) error {
		return n.db.TakeLease(t.Context(), "log-sender", owner, n.now.Add(at), ttl)
	}
	n.must(n.db.ReleaseLease(t.Context(), "log-sender", "a"))
	n.must(take("a", 0))
	n.must(take("a", 10*time.Second)) // again, after a lost answer
	n.fails("b, a nanosecond early", take("b", 70*time.Second-1), ledger.ErrLeased)
	n.must(n.db.ReleaseLease(t.Context(), "log-sender", "b"))
	n.fails("b's release ends nothing", take("b", 11*time.Second), ledger.ErrLeased)
	n.must(take("a", 80*time.Second)) // late, but nobody took it
	n.fails("b, against the renewed lease", take("b", 139*time.Second), ledger.ErrLeased)
	n.must(take("b", 140*time.Second))
	n.fails("a again, which b took over from", take("a", 141*time.Second), ledger.ErrLeased)
	n.must(n.db.ReleaseLease(t.Context(), "log-sender", "a"))
	n.fails("c, while b holds", take("c", 142*time.Second), ledger.ErrLeased)
	n.must(n.db.TakeLease(t.Context(), "another", "c", n.now, ttl))
	n.must(n.db.ReleaseLease(t.Context(), "log-sender", "b"))
	n.must(take("c", 143*time.Second))
}

func TestOneOfManyTakesTheLease(t *testing.T) {
	n := newNetwork(t)
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		db := spannertest.Open(t, n.database)
		for j := range 5 {
			owner := string(rune('a'+i)) + string(rune('0'+j))
			wg.Go(func() {
				switch err := db.TakeLease(t.Context(), "x", owner, n.now, time.Minute); err {
				case nil:
					won.Add(1)
				default:
					n.fails("take", err, ledger.ErrLeased)
				}
			})
		}
	}
	wg.Wait()
	same(n, "winners", won.Load(), 1)
}
