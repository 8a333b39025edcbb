package spannerdb_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

var firstPage = spannerdb.StatusPage{Waiting: 100, Payouts: 100, Results: 100}

func TestWorkerStatusOfABeginner(t *testing.T) {
	n := newNetwork(t)
	s := n.status(workerAddr(1))
	if s.Credits != ledger.NewCredits() || s.Lifetime.Total() != 0 || s.Lifetime.Linked != nil || len(s.Waiting)+len(s.Payouts)+len(s.Results) != 0 || !s.LastPayoutAt.IsZero() {
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
	second := ledger.PayoutID{Worker: w, Seq: 2}
	n.must(n.db.FailPayout(t.Context(), second, n.payout(second).ValidBefore, "blacklisted by USDC", n.now))

	s, err := n.db.WorkerStatus(t.Context(), w, spannerdb.StatusPage{Payouts: 3, Results: 3})
	n.must(err)
	same(n, "books", s.Credits, ledger.Credits{Pending: 100, InFlight: 1200, TotalEarned: 1300, PayoutSeq: 5, PendingResults: 1})
	if len(s.Results) != 3 || !slices.Equal(numbers(s.Payouts), []int64{4, 3, 2}) || s.Waiting != nil {
		t.Fatalf("payouts %v, %d results, waiting %v", numbers(s.Payouts), len(s.Results), s.Waiting)
	}
	same(n, "worker", s.Payouts[0].ID.Worker, w)
	same(n, "why it failed", s.Payouts[2].Reason, "blacklisted by USDC")
	want := result(taskID(0), w, n.now)
	same(n, "latest result", s.Results[0], spannerdb.CreditedResult{TaskID: taskID(0), At: want.At, ResultID: want.ResultID, Success: true, Reward: 100, MultiplierBps: 10_000, PayoutSeq: 5})
	if !s.Results[1].At.Before(s.Results[0].At) || s.Results[1].PayoutSeq != 4 {
		t.Errorf("then %+v", s.Results[1])
	}
	s = n.status(w)
	same(n, "payouts", len(s.Payouts), 4)
	same(n, "results, of this payout and the last", len(s.Results), 4)
}

// TestWorkerStatusPages walks through the payouts with Before.
func TestWorkerStatusPages(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	w := workerAddr(1)
	for range 5 {
		n.open(w)
		n.now = n.now.Add(time.Minute)
	}
	for _, c := range []struct {
		page spannerdb.StatusPage
		want []int64
	}{
		{spannerdb.StatusPage{Payouts: 2}, []int64{5, 4}},
		{spannerdb.StatusPage{Payouts: 2, Before: 4}, []int64{3, 2}},
		{spannerdb.StatusPage{Payouts: 2, Before: 2}, []int64{1}},
		{spannerdb.StatusPage{Payouts: 2, Before: 1}, nil},
		{spannerdb.StatusPage{Payouts: 100, Before: 1 << 62}, []int64{5, 4, 3, 2, 1}},
		{spannerdb.StatusPage{Payouts: 0, Before: 4}, nil},
	} {
		s, err := n.db.WorkerStatus(t.Context(), w, c.page)
		n.must(err)
		if !slices.Equal(numbers(s.Payouts), c.want) || len(s.Results) != 0 {
			t.Errorf("%+v: payouts %v, want %v, and %d results", c.page, numbers(s.Payouts), c.want, len(s.Results))
		}
	}
}

// inEveryState opens one payout per state, the oldest confirmed and receipted,
// and returns them in the order of their numbers.
func inEveryState(n *network, w common.Address) []ledger.Payout {
	n.Helper()
	var ids []ledger.PayoutID
	for range 7 {
		ids = append(ids, n.open(w))
		n.now = n.now.Add(time.Minute)
	}
	for i := range 6 { // the last one stays pending
		n.authorise(ids[i])
	}
	soon := n.now.Add(time.Minute)
	n.must(n.db.ConfirmPayout(n.Context(), ids[0], transferTx(ids[0]), 7, n.now))
	batch := n.reserved()
	logTx := common.HexToHash("0x106")
	n.must(n.db.RecordBroadcast(n.Context(), batch, logTx, gwei, wei, n.now))
	n.must(n.db.ConfirmReceipts(n.Context(), batch, logTx, 9, n.now))
	n.must(n.db.FailPayout(n.Context(), ids[1], n.payout(ids[1]).ValidBefore, "blacklisted by USDC", n.now))
	n.must(n.db.ConfirmPayout(n.Context(), ids[2], transferTx(ids[2]), 8, n.now))
	n.must(n.db.RecordOutcome(n.Context(), ids[3], ledger.Settled, "not safe yet", transferTx(ids[3]), soon, n.now))
	n.must(n.db.RecordOutcome(n.Context(), ids[4], ledger.Unknown, "sent", common.Hash{}, soon, n.now))
	var out []ledger.Payout
	for _, id := range ids {
		p := n.payout(id)
		p.Signature = nil
		out = append(out, p)
	}
	return out
}

// TestWorkerStatusShowsEveryState: each payout as it is stored, but for the
// signature, and those that wait however old they are; all of it in one round
// trip, or two when one waits that is older than the page.
func TestWorkerStatusShowsEveryState(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	w := workerAddr(1)
	stored := inEveryState(n, w)
	var states []ledger.PayoutState
	for _, p := range stored {
		states = append(states, p.State)
	}
	want := []ledger.PayoutState{ledger.Confirmed, ledger.Failed, ledger.Confirmed, ledger.Settled, ledger.Unknown, ledger.Authorised, ledger.Pending}
	if !slices.Equal(states, want) {
		t.Fatalf("states %v, want %v", states, want)
	}
	var rpcs spannertest.RPCs
	counted := spannertest.Open(t, n.database, rpcs.Options()...)
	for _, c := range []struct {
		page             spannerdb.StatusPage
		payouts, waiting []int64
		trips            int
	}{
		{firstPage, []int64{7, 6, 5, 4, 3, 2, 1}, []int64{7, 6, 5, 4, 2}, 1},
		{spannerdb.StatusPage{Payouts: 6, Waiting: 9}, []int64{7, 6, 5, 4, 3, 2}, []int64{7, 6, 5, 4, 2}, 1},
		{spannerdb.StatusPage{Payouts: 6, Waiting: 2}, []int64{7, 6, 5, 4, 3, 2}, []int64{7, 6}, 1},
		{spannerdb.StatusPage{Payouts: 5, Waiting: 9}, []int64{7, 6, 5, 4, 3}, []int64{7, 6, 5, 4, 2}, 2},
		{spannerdb.StatusPage{Payouts: 1, Waiting: 4}, []int64{7}, []int64{7, 6, 5, 4}, 2},
		{spannerdb.StatusPage{Waiting: 1}, nil, []int64{7}, 2},
		{spannerdb.StatusPage{Payouts: 1}, []int64{7}, nil, 1},
	} {
		rpcs.Reset()
		s, err := counted.WorkerStatus(t.Context(), w, c.page)
		n.must(err)
		if !slices.Equal(numbers(s.Payouts), c.payouts) || !slices.Equal(numbers(s.Waiting), c.waiting) || rpcs.Trips() != c.trips {
			t.Errorf("%+v: payouts %v, want %v; waiting %v, want %v; %s, want %d", c.page, numbers(s.Payouts), c.payouts, numbers(s.Waiting), c.waiting, &rpcs, c.trips)
		}
		for _, p := range append(s.Payouts, s.Waiting...) {
			if got := stored[p.ID.Seq-1]; !reflect.DeepEqual(p, got) {
				t.Errorf("%+v: payout %s is %+v, stored %+v", c.page, p.ID, p, got)
			}
		}
		same(n, "in flight", s.Credits.InFlight, 1500)
		same(n, "last payout", s.LastPayoutTx, transferTx(stored[2].ID))
	}
}

func numbers(payouts []ledger.Payout) (out []int64) {
	for _, p := range payouts {
		out = append(out, p.ID.Seq)
	}
	return out
}
