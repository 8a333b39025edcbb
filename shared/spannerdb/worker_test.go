package spannerdb_test

import (
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func TestWorkerStatusOfABeginner(t *testing.T) {
	n := newNetwork(t)
	s := n.status(workerAddr(1))
	if s.Credits != ledger.NewCredits() || s.Tier != reputation.Bronze || s.MultiplierBps != 10_000 || len(s.Payouts)+len(s.Results) != 0 || !s.LastPayoutAt.IsZero() {
		t.Errorf("status %+v", s)
	}
}

func TestWorkerStatusShowsTheLatestFirst(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	w, other := workerAddr(1), workerAddr(2)
	for range 4 {
		n.authorise(n.open(w))
		n.now = n.now.Add(time.Minute)
	}
	n.open(other)
	n.assign(taskID(0), w)
	n.credit(result(taskID(0), w, n.now))
	n.must(n.db.FailPayout(t.Context(), ledger.PayoutID{Worker: w, Seq: 2}, "blacklisted by USDC", n.now))

	s, err := n.db.WorkerStatus(t.Context(), w, 3)
	n.must(err)
	same(n, "books", s.Credits, ledger.Credits{Pending: 100, InFlight: 1200, TotalEarned: 1300, PayoutSeq: 5, PendingResults: 1})
	if len(s.Payouts) != 3 || len(s.Results) != 3 {
		t.Fatalf("%d payouts, %d results; want 3 of each", len(s.Payouts), len(s.Results))
	}
	for i, p := range s.Payouts {
		same(n, "number", p.ID, ledger.PayoutID{Worker: w, Seq: int64(4 - i)})
		if p.Signature != nil {
			t.Errorf("payout %s shows its signed authorization", p.ID)
		}
	}
	same(n, "why it failed", s.Payouts[2].Reason, "blacklisted by USDC")
	want := result(taskID(0), w, n.now)
	same(n, "latest result", s.Results[0], spannerdb.CreditedResult{TaskID: taskID(0), At: want.At, ResultID: want.ResultID, Success: true, Reward: 100, MultiplierBps: 10_000, PayoutSeq: 5})
	if !s.Results[1].At.Before(s.Results[0].At) || s.Results[1].PayoutSeq != 4 {
		t.Errorf("then %+v", s.Results[1])
	}
	s, err = n.db.WorkerStatus(t.Context(), w, 100)
	n.must(err)
	same(n, "payouts", len(s.Payouts), 4)
	same(n, "results, of this payout and the last", len(s.Results), 4)
}
