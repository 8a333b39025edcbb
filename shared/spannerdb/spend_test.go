package spannerdb_test

import (
	"testing"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Every write of spend fails before it happened and after it happened, and
// goes through when called again; whoever has lost the lease writes nothing.
func TestSpendVerbsUnderFaults(t *testing.T) {
	n := newNetwork(t)
	var f fault
	faulty := spannertest.Open(t, n.database, f.options()...)
	fence := spannerdb.Fence{Lease: "refresh", Owner: "me"}
	n.must(n.db.TakeLease(t.Context(), fence.Lease, fence.Owner, n.now, time.Hour))
	const wallet = "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd"
	l := reputation.SpendLog{LogName: reputation.LogName{Name: "llm-calls/2026-08-01.jsonl", Day: "2026-08-01"}}
	for version, usd := range []reputation.NanoUSD{12, 55, 3} {
		l.Staged = l.Stage(int64(version+1), "r")
		l.Staged.Pieces, l.Staged.Done = 1, true
		counted, replaced := l, l.Counted.Version
		counted.Counted, counted.Replaced = l.Staged, &replaced
		piece := []reputation.WalletTotal{{Wallet: wallet, Total: usd * reputation.USD}}
		for _, verb := range []func(*spannerdb.DB, spannerdb.Fence) error{
			func(db *spannerdb.DB, f spannerdb.Fence) error { return db.StageSpend(t.Context(), f, l, piece, n.now) },
			func(db *spannerdb.DB, f spannerdb.Fence) error { return db.CountSpend(t.Context(), f, counted, n.now) },
			func(db *spannerdb.DB, f spannerdb.Fence) error {
				_, err := db.ApplySpend(t.Context(), f, counted, "", n.now)
				return err
			},
			func(db *spannerdb.DB, f spannerdb.Fence) error { return db.SettleSpend(t.Context(), f, counted, n.now) },
		} {
			n.fails("without the lease", verb(n.db, spannerdb.Fence{Lease: "refresh", Owner: "you"}), ledger.ErrLeaseLost)
			n.fails("without any lease", verb(n.db, spannerdb.Fence{Lease: "none", Owner: "me"}), ledger.ErrLeaseLost)
			for _, errs := range [][2]error{{spannertest.ErrLost, nil}, {nil, spannertest.ErrLost}} {
				f.arm(errs[0], errs[1])
				if err := verb(faulty, fence); err == nil || f.hit() != 1 {
					t.Errorf("version %d: %v after %d faults", version+1, err, f.hit())
				}
			}
			n.must(verb(faulty, fence))
		}
		l = counted
		l.Replaced = nil
		logs, err := n.db.SpendLogs(t.Context())
		n.must(err)
		if len(logs) != 1 || logs[0].Counted.Generation != int64(version+1) || logs[0].Replaced != nil {
			t.Errorf("logs %+v", logs)
		}
		row, err := n.raw.Single().ReadRow(t.Context(), "WalletReputation", spanner.Key{wallet}, []string{"TotalPaidNano", "Tier"})
		n.must(err)
		var total int64
		var tier string
		n.must(row.Columns(&total, &tier))
		same(n, "total", reputation.NanoUSD(total), usd*reputation.USD)
		same(n, "tier", reputation.Tier(tier), reputation.TierFor(usd*reputation.USD))
	}
}
