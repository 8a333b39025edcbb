package spannerdb_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func (n *network) wants(what string, got []string, want ...string) {
	n.Helper()
	for i := range got {
		got[i] = strings.TrimSpace(got[i])
	}
	if !slices.Equal(got, want) {
		n.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestCreditJudgesInOrderOverOneState(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	a, b, c := workerAddr(1), workerAddr(2), workerAddr(3)
	for i := range 3 {
		n.assign(taskID(i), a)
	}
	n.assign(taskID(0), b)
	second := result(taskID(0), a, n.now)
	second.Result.ResponseTimeMs = 43 // whatever else differs
	n.wants("one body", n.credit(
		result(taskID(0), a, n.now),
		result(taskID(0), b, n.now), // the cycle is won by the line above
		second,
		result("task_unknown", a, n.now),
		result(taskID(1), c, n.now), // never assigned
		result(taskID(1), a, n.now.Add(-5*time.Minute-time.Millisecond)),
		result(taskID(1), a, n.now.Add(30*time.Second+time.Millisecond)),
		result(taskID(1), a, n.now.Add(30*time.Second)),
	), "accepted 100", "discarded cycle_won", "rejected already_submitted", "rejected unknown_task", "rejected not_assigned",
		"rejected stale", "rejected future", "accepted 100")
	n.balanced()

	// Neither the winner's nor the loser's result counts again in a later cycle.
	n.now = n.now.Add(time.Minute)
	n.assign(taskID(0), b)
	n.wants("later", n.credit(
		result(taskID(0), b, start),
		result(taskID(0), a, start),
		result(taskID(0), b, n.now),
	), "rejected already_submitted", "rejected already_submitted", "accepted 100")
	n.balanced()
	if got, _, err := crediter(t, n.db, policy).CreditResults(t.Context(), n.now, nil); got != nil || err != nil {
		t.Errorf("an empty batch: %v, %v", got, err)
	}
}

// What was accepted is remembered by its own row, not only by the hold.
func TestCreditRemembersWithoutTheHold(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(1, 100)
	w := workerAddr(1)
	n.assign(taskID(0), w)
	r := result(taskID(0), w, n.now)
	n.wants("first", n.credit(r), "accepted 100")
	n.put(spanner.Delete("Assignments", spanner.Key{taskID(0), ledger.CanonicalAddress(w)}))
	n.assign(taskID(0), w)
	again := r
	again.Result.Success, again.ResultID = false, "another"
	n.wants("again", n.credit(r, again), "rejected already_submitted", "rejected already_submitted")
	n.balanced()
}

func TestCreditStoresWhatWasSigned(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(1, 150)
	w := workerAddr(7)
	n.paid(ledger.CanonicalAddress(w), 12*reputation.USD)
	n.assign(taskID(0), w)
	r := result(taskID(0), w, n.now)
	r.Result.Success, r.Result.StatusCode, r.Result.Error = false, nil, strings.Repeat("ä", 1024)
	n.wants("silver", n.credit(r), "accepted 180")

	row, err := n.raw.Single().ReadRow(t.Context(), "WorkerResults", spanner.Key{ledger.CanonicalAddress(w), taskID(0), r.Result.Timestamp},
		[]string{"ResultId", "Cycle", "WorkerAddress", "Success", "ResponseTimeMs", "StatusCode", "Error", "Signature", "RewardMicros", "MultiplierBps", "PayoutSeq", "CreatedAt"})
	n.must(err)
	var got struct {
		ResultId, WorkerAddress, Error, Signature                     string
		Cycle, ResponseTimeMs, RewardMicros, MultiplierBps, PayoutSeq int64
		Success                                                       bool
		StatusCode                                                    spanner.NullInt64
		CreatedAt                                                     time.Time
	}
	n.must(row.ToStruct(&got))
	if got.ResultId != r.ResultID || got.WorkerAddress != w.Hex() || got.Error != r.Result.Error || got.Signature != r.Result.Signature ||
		got.Cycle != 1 || got.ResponseTimeMs != 42 || got.RewardMicros != 180 || got.MultiplierBps != 12_000 || got.PayoutSeq != 1 ||
		got.Success || got.StatusCode.Valid || !got.CreatedAt.Equal(n.now) {
		t.Errorf("stored %+v", got)
	}
}

// What old workers do not say is null, and so is a phase that a check did not come to.
func TestCreditStoresTheDetail(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(2, 100)
	w := workerAddr(7)
	n.assign(taskID(0), w)
	n.assign(taskID(1), w)
	told, old := result(taskID(0), w, n.now), result(taskID(1), w, n.now)
	told.Result.Success, told.Result.ErrorClass = false, api.ClassTLS
	told.Result.Timings = &api.Timings{DNS: new(int64), Connect: new(int64(12)), TLS: new(int64(34)), Total: new(int64(46))}
	n.wants("both", n.credit(told, old), "accepted 100", "accepted 100")
	for i, want := range []string{`"tls" "0" "12" "34" "<null>" "46"`, `"<null>" "<null>" "<null>" "<null>" "<null>" "<null>"`} {
		row, err := n.raw.Single().ReadRow(t.Context(), "WorkerResults", spanner.Key{ledger.CanonicalAddress(w), taskID(i), n.now.UnixMilli()},
			[]string{"ErrorClass", "DnsMs", "ConnectMs", "TlsMs", "FirstByteMs", "TotalMs"})
		n.must(err)
		var class spanner.NullString
		var ms [5]spanner.NullInt64
		n.must(row.Columns(&class, &ms[0], &ms[1], &ms[2], &ms[3], &ms[4]))
		if got := fmt.Sprintf("%q %q %q %q %q %q", class, ms[0], ms[1], ms[2], ms[3], ms[4]); got != want {
			t.Errorf("%s: stored %s, want %s", taskID(i), got, want)
		}
	}
}

func TestCreditClosesTheCycle(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(2, 100)
	w := workerAddr(1)
	n.assign(taskID(0), w)
	n.assign(taskID(1), w)
	n.put(spanner.UpdateMap("Tasks", map[string]any{"TaskId": taskID(1), "Active": false, "OfferAt": spanner.NullTime{},
		"HolderWorkers": []string{ledger.CanonicalAddress(w)}, "HolderExpires": []time.Time{n.now}, "HolderKinds": []int64{0}}))
	n.now = n.now.Add(time.Second)
	n.wants("both", n.credit(result(taskID(0), w, n.now), result(taskID(1), w, n.now)), "accepted 100", "accepted 100")
	for i, wantOffer := range []spanner.NullTime{{Time: n.now.Add(30 * time.Second), Valid: true}, {}} {
		row, err := n.raw.Single().ReadRow(t.Context(), "Tasks", spanner.Key{taskID(i)}, []string{"Cycle", "HolderWorkers", "LastAcceptedAt", "OfferAt"})
		n.must(err)
		var cycle int64
		var holders []string
		var last, offer spanner.NullTime
		n.must(row.Columns(&cycle, &holders, &last, &offer))
		if cycle != 2 || len(holders) != 0 || !last.Time.Equal(n.now) || offer.Valid != wantOffer.Valid || !offer.Time.Equal(wantOffer.Time) {
			t.Errorf("%s: cycle %d held by %v, last accepted %v, offered %v; want offered %v", taskID(i), cycle, holders, last, offer, wantOffer)
		}
	}
}

func TestCreditOpensAPayoutAtTheThreshold(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(4, 100)
	a, b := workerAddr(1), workerAddr(2)
	for i := range 2 {
		n.assign(taskID(i), a)
	}
	n.wants("below", n.credit(result(taskID(0), a, n.now), result(taskID(1), a, n.now)), "accepted 100", "accepted 100")
	n.now = n.now.Add(time.Second)
	n.assign(taskID(2), a)
	n.assign(taskID(3), b)
	_, opened, err := crediter(t, n.db, policy).CreditResults(t.Context(), n.now, []ledger.SubmittedResult{result(taskID(2), a, n.now), result(taskID(3), b, n.now)})
	n.must(err)
	id := ledger.PayoutID{Worker: a, Seq: 1}
	if len(opened) != 1 || opened[0] != id {
		t.Fatalf("opened %v, want %s alone", opened, id)
	}
	p := n.payout(id)
	want := ledger.NewPayout(a, ledger.Opened{Seq: 1, Amount: 300, ResultCount: 3}, policy, n.now)
	if fmt.Sprint(p) != fmt.Sprint(want) {
		t.Errorf("payout %+v\nwant   %+v", p, want)
	}
	ids, sum, err := n.db.PayoutResults(t.Context(), id)
	n.must(err)
	wantIDs := []string{result(taskID(0), a, start).ResultID, result(taskID(1), a, start).ResultID, result(taskID(2), a, n.now).ResultID}
	if sum != 300 || ledger.ResultsHash(ids) != ledger.ResultsHash(wantIDs) {
		t.Errorf("results %v worth %d, want %v", ids, sum, wantIDs)
	}
	n.balanced()
	if _, err := n.db.Crediter(ledger.PayoutPolicy{}); err == nil {
		t.Error("an empty policy is taken")
	}
}

// TestCreditRoundTrips: a batch of 50 results of 5 workers, on 50 tasks, of
// which some open payouts, takes three; the same again one, without locks.
func TestCreditRoundTrips(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(50, 100)
	var rpcs spannertest.RPCs
	c := crediter(t, spannertest.Open(t, n.database, rpcs.Options()...), policy)
	batch := make([]ledger.SubmittedResult, 50)
	for i := range batch {
		n.assign(taskID(i), workerAddr(i%5))
		batch[i] = result(taskID(i), workerAddr(i%5), n.now)
	}
	for _, tt := range []struct {
		want  string
		trips int
	}{{"accepted 100", 3}, {"rejected already_submitted", 1}} {
		rpcs.Reset()
		judged, _, err := c.CreditResults(t.Context(), n.now, batch)
		n.must(err)
		for i, o := range outcomes(judged) {
			if o != tt.want {
				t.Errorf("result %d: %s, want %s", i, o, tt.want)
			}
		}
		if rpcs.Trips() != tt.trips {
			t.Errorf("%d round trips: %s", rpcs.Trips(), &rpcs)
		}
		t.Logf("50 results, all %s: %s", tt.want, &rpcs)
	}
	n.balanced()
}

// Results of tasks that are unknown, or another's, signed with 50 keys that
// nobody has seen before, run no transaction: so they lock nothing that workers
// are at work on. One good result among them is credited all the same.
func TestForgedBatchesRunNoTransaction(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var rpcs spannertest.RPCs
	c := crediter(t, spannertest.Open(t, n.database, rpcs.Options()...), policy)
	n.assign(taskID(1), workerAddr(1))
	batch := make([]ledger.SubmittedResult, 50)
	want := make([]string, 50)
	for i := range batch {
		batch[i], want[i] = result(taskID(i%3), workerAddr(100+i), n.now), "rejected not_assigned"
		if i%5 == 0 {
			batch[i], want[i] = result("nowhere", workerAddr(100+i), n.now), "rejected unknown_task"
		}
	}
	for range 2 {
		rpcs.Reset()
		judged, opened, err := c.CreditResults(t.Context(), n.now, batch)
		n.must(err)
		if got := outcomes(judged); !slices.Equal(got, want) || len(opened) != 0 {
			t.Errorf("judged %v, opened %v", got, opened)
		}
		if text := rpcs.String(); rpcs.Trips() != 1 || strings.Contains(text, "Commit") || strings.Contains(text, "BeginTransaction") {
			t.Errorf("%d round trips: %s", rpcs.Trips(), text)
		}
	}
	batch[7], want[7] = result(taskID(1), workerAddr(1), n.now), "accepted 100"
	if got := n.credit(batch...); !slices.Equal(got, want) {
		t.Errorf("with a good one: %v", got)
	}
	n.balanced()
}

// Who lost a cycle can sign results of it for ever, each a millisecond later
// than the one before: only the first of them is a transaction.
func TestLatecomersRunOneTransaction(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(1, 100)
	var rpcs spannertest.RPCs
	c := crediter(t, spannertest.Open(t, n.database, rpcs.Options()...), policy)
	winner, late := workerAddr(1), workerAddr(2)
	n.assign(taskID(0), winner)
	n.assign(taskID(0), late)
	n.wants("the winner", n.credit(result(taskID(0), winner, n.now)), "accepted 100")
	rpcs.Reset()
	for i := range 20 {
		judged, _, err := c.CreditResults(t.Context(), n.now, []ledger.SubmittedResult{result(taskID(0), late, n.now.Add(time.Duration(i)*time.Millisecond))})
		n.must(err)
		n.wants("too late", outcomes(judged), "discarded cycle_won")
	}
	if rpcs.Trips() != 20+2 {
		t.Errorf("%d round trips: %s; want 20, and a transaction for the first", rpcs.Trips(), &rpcs)
	}
	n.now = n.now.Add(time.Minute)
	n.assign(taskID(0), late)
	n.wants("in the next cycle", n.credit(result(taskID(0), late, n.now)), "accepted 100")
	n.balanced()
}

// A forged result beside a good one locks no task: the transaction asks for
// the good one's alone.
func TestTransactionsLockNoForgedTask(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var locked []string
	c := crediter(t, spannertest.Open(t, n.database, queries(func(q *spannerpb.ExecuteSqlRequest) {
		if q.GetTransaction().GetBegin().GetReadWrite() != nil {
			locked = append(locked, fmt.Sprint(q.GetParams().GetFields()["tasks"].GetListValue().AsSlice()))
		}
	})), policy)
	a, b := workerAddr(1), workerAddr(2)
	n.assign(taskID(1), a)
	judged, _, err := c.CreditResults(t.Context(), n.now, []ledger.SubmittedResult{
		result(taskID(0), b, n.now), result(taskID(1), a, n.now), result(taskID(2), b, n.now), result(taskID(1), a, n.now),
	})
	n.must(err)
	n.wants("one is good", outcomes(judged), "rejected not_assigned", "accepted 100", "rejected not_assigned", "rejected already_submitted")
	n.wants("locked", locked, "["+taskID(1)+"]")
	n.balanced()
}

// queries shows a client's queries as they are sent.
func queries(show func(*spannerpb.ExecuteSqlRequest)) option.ClientOption {
	return option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(
		func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			s, err := open(ctx, desc, cc, method, opts...)
			return shownStream{s, show}, err
		}))
}

type shownStream struct {
	grpc.ClientStream
	show func(*spannerpb.ExecuteSqlRequest)
}

func (s shownStream) SendMsg(m any) error {
	if q, ok := m.(*spannerpb.ExecuteSqlRequest); ok {
		s.show(q)
	}
	return s.ClientStream.SendMsg(m)
}

func TestHundredIdenticalSubmissionsAreOneCredit(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(1, 100)
	w := workerAddr(1)
	n.assign(taskID(0), w)
	var clients [4]*spannerdb.Crediter
	for i := range clients {
		clients[i] = crediter(t, spannertest.Open(t, n.database), policy)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	count := map[string]int{}
	for i := range 100 {
		wg.Go(func() {
			judged, _, err := clients[i%4].CreditResults(context.Background(), n.now, []ledger.SubmittedResult{result(taskID(0), w, n.now)})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			count[outcomes(judged)[0]]++
		})
	}
	wg.Wait()
	if count["accepted 100"] != 1 || count["rejected already_submitted"] != 99 {
		t.Errorf("outcomes %v, want 1 accepted and 99 already submitted", count)
	}
	n.balanced()
	s, err := n.db.WorkerStatus(t.Context(), w, firstPage)
	n.must(err)
	if s.Credits.TotalEarned != 100 || len(s.Results) != 1 {
		t.Errorf("status %+v", s)
	}
}
