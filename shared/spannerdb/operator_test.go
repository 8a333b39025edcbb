package spannerdb_test

import (
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func init() {
	moneyVerbs["AcceptFinding"] = func(n *network, w common.Address) attempt {
		name := ledger.CanonicalAddress(w)
		n.must(n.db.SaveReconciled(n.Context(), name, ledger.Reconciled{}, ledger.Reconciled{}, []ledger.Finding{finding("a", "x", n.now)}, nil, n.now))
		return attempt{
			func(db *spannerdb.DB) error { _, err := db.AcceptFinding(n.Context(), name, "a", "ann"); return err },
			func() {
				f, err := n.db.AcceptFinding(n.Context(), name, "a", "ben")
				n.must(err)
				same(n, "accepted by", f.AcceptedBy, "ann")
			},
		}
	}
}

func TestListPayouts(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var opened []ledger.PayoutID
	states := map[ledger.PayoutID]ledger.PayoutState{}
	for i := range 20 { // in more than one shard
		var id ledger.PayoutID
		switch i % 5 {
		case 0:
			n.confirmed(workerAddr(i))
			n.now = n.now.Add(time.Minute)
			continue
		case 1:
			id = n.open(workerAddr(i))
			states[id] = ledger.Pending
		case 2:
			id = n.open(workerAddr(i))
			n.authorise(id)
			states[id] = ledger.Authorised
		case 3:
			id = n.open(workerAddr(i))
			n.must(n.db.FailPayout(t.Context(), id, 0, "blocked", n.now))
			states[id] = ledger.Failed
		case 4:
			id = n.open(workerAddr(i))
			n.must(n.db.RecordOutcome(t.Context(), id, ledger.Settled, "", transferTx(id), n.now.Add(time.Hour), n.now))
			states[id] = ledger.Settled
		}
		opened = append(opened, id)
		n.now = n.now.Add(time.Minute)
	}
	list := func(f ledger.PayoutFilter) ([]ledger.PayoutID, bool) {
		t.Helper()
		if f.OpenedBefore.IsZero() {
			f.OpenedBefore = n.now
		}
		found, more, err := n.db.ListPayouts(t.Context(), f)
		n.must(err)
		for _, p := range found {
			if p.State != states[p.ID] || len(p.Signature) > 0 || p.Amount != 300 {
				t.Errorf("listed %+v, want %s", p, states[p.ID])
			}
		}
		return idsOf(found), more
	}
	of := func(want ...ledger.PayoutState) (ids []ledger.PayoutID) {
		for _, id := range opened {
			if slices.Contains(want, states[id]) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for _, want := range [][]ledger.PayoutState{{ledger.Failed}, {ledger.Pending}, {ledger.Authorised, ledger.Settled}, {ledger.Failed, ledger.Pending}, ledger.Unpaid(), {ledger.Unknown}} {
		if got, more := list(ledger.PayoutFilter{States: want, Limit: 100}); !slices.Equal(got, of(want...)) || more {
			t.Errorf("%v: %v (more %t), want %v", want, got, more, of(want...))
		}
	}
	for limit := 1; limit <= len(opened)+1; limit++ {
		got, more := list(ledger.PayoutFilter{Limit: limit})
		if want := opened[:min(limit, len(opened))]; !slices.Equal(got, want) || more != (limit < len(opened)) {
			t.Errorf("the first %d: %v (more %t), want %v", limit, got, more, want)
		}
	}
	third, _, err := n.db.ListPayouts(t.Context(), ledger.PayoutFilter{OpenedBefore: n.payout(opened[2]).CreatedAt, Limit: 9})
	n.must(err)
	if !slices.Equal(idsOf(third), opened[:3]) {
		t.Errorf("opened by then: %v", idsOf(third))
	}
	n.must(n.db.RequeuePayout(t.Context(), of(ledger.Failed)[0], n.now))
	if got, _ := list(ledger.PayoutFilter{States: []ledger.PayoutState{ledger.Failed}, Limit: 9}); slices.Contains(got, of(ledger.Failed)[0]) {
		t.Error("a requeued one is listed as failed")
	}
}

func TestTasks(t *testing.T) {
	n := newNetwork(t)
	if all, err := n.db.Tasks(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("none: %v, %v", all, err)
	}
	n.addTasks(3, 100)
	n.assign(taskID(1), workerAddr(1))
	all, err := n.db.Tasks(t.Context())
	n.must(err)
	for i, task := range all {
		if task.ID != taskID(i) || task.RewardMicros != 100 || task.Interval != 30*time.Second || !task.Active {
			t.Errorf("task %d: %+v", i, task)
		}
	}
	same(n, "tasks", len(all), 3)
}

func TestAcceptFinding(t *testing.T) {
	n := newNetwork(t)
	n.must(n.db.SaveReconciled(t.Context(), "a", ledger.Reconciled{}, ledger.Reconciled{}, []ledger.Finding{finding("s", "x", start)}, nil, start))
	for _, c := range [][2]string{{"a", "other"}, {"b", "s"}, {"a", ""}} {
		_, err := n.db.AcceptFinding(t.Context(), c[0], c[1], "ann")
		n.fails("accept "+c[0]+"/"+c[1], err, ledger.ErrNotFound)
	}
	if _, err := n.db.AcceptFinding(t.Context(), "a", "s", ""); err == nil {
		t.Error("accepted by nobody")
	}
	f, err := n.db.AcceptFinding(t.Context(), "a", "s", "ann")
	n.must(err)
	if f.AcceptedBy != "ann" || f.Kind != "x" || f.Detail != "because" {
		t.Errorf("%+v", f)
	}
	// The next comparison keeps it, unless it is of another kind.
	n.must(n.db.SaveReconciled(t.Context(), "a", ledger.Reconciled{}, ledger.Reconciled{NextBlock: 5}, []ledger.Finding{finding("s", "x", start)}, nil, start.Add(time.Hour)))
	f, err = n.db.AcceptFinding(t.Context(), "a", "s", "ben")
	n.must(err)
	same(n, "accepted by", f.AcceptedBy, "ann")
	n.must(n.db.SaveReconciled(t.Context(), "a", ledger.Reconciled{NextBlock: 5}, ledger.Reconciled{NextBlock: 6}, []ledger.Finding{finding("s", "y", start)}, nil, start.Add(time.Hour)))
	f, err = n.db.AcceptFinding(t.Context(), "a", "s", "ben")
	n.must(err)
	same(n, "of another kind", f.AcceptedBy, "ben")
}

func TestSpending(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	got, err := n.db.Spending(t.Context(), logSender, start, 10)
	n.must(err)
	if len(got.Days)+len(got.LogTxs) > 0 {
		t.Errorf("of nothing: %+v", got)
	}
	first := n.confirmed(workerAddr(1))
	k := n.reserved()
	tx := common.HexToHash("0x10ad")
	n.must(n.db.RecordBroadcast(t.Context(), k, tx, gwei, wei, n.now))
	n.must(n.db.ConfirmReceipts(t.Context(), k, tx, 77, n.now))
	n.now = n.now.Add(24 * time.Hour)
	n.confirmed(workerAddr(2))
	n.reserved()
	n.open(workerAddr(3))

	got, err = n.db.Spending(t.Context(), logSender, start, 10)
	n.must(err)
	day := start.Truncate(24 * time.Hour)
	if want := []ledger.DaySpent{{Day: day, Micros: 300}, {Day: day.Add(24 * time.Hour), Micros: 300}}; !slices.Equal(got.Days, want) {
		t.Errorf("days %v, want %v", got.Days, want)
	}
	if len(got.LogTxs) != 2 || got.LogTxs[0].Tx != (common.Hash{}) || got.LogTxs[1].Tx != tx || got.LogTxs[1].Receipts != 1 || !got.LogTxs[0].At.After(got.LogTxs[1].At) {
		t.Errorf("log transactions %+v", got.LogTxs)
	}
	got, err = n.db.Spending(t.Context(), common.HexToAddress("0x5f"), start.Add(24*time.Hour), 1)
	n.must(err)
	if len(got.Days) != 1 || len(got.LogTxs) != 0 {
		t.Errorf("of another sender, since a day later: %+v", got)
	}
	pending, inFlight, err := n.db.Owed(t.Context())
	n.must(err)
	if pending != 0 || inFlight != 300 {
		t.Errorf("owed: pending %d, in flight %d", pending, inFlight)
	}
	n.put(spanner.Delete("WorkerCredits", spanner.Key{ledger.CanonicalAddress(first.Worker)}))
	if _, inFlight, err = n.db.Owed(t.Context()); err != nil || inFlight != 300 {
		t.Errorf("owed: %d, %v", inFlight, err)
	}
	empty := spannertest.Open(t, spannertest.New(t))
	if pending, inFlight, err := empty.Owed(t.Context()); err != nil || pending+inFlight != 0 {
		t.Errorf("nobody is owed %d, %d, %v", pending, inFlight, err)
	}
}
