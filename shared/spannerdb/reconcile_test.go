package spannerdb_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

func idsOf(payouts []ledger.Payout) (ids []ledger.PayoutID) {
	for _, p := range payouts {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestPayoutsByNonceAndID(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	paid, open := n.confirmed(workerAddr(1)), n.open(workerAddr(2))
	stranger := ledger.PayoutID{Worker: workerAddr(1), Seq: 2}
	nonce := func(id ledger.PayoutID) common.Hash { return ledger.PayoutNonce(policy.ChainID, policy.Treasury, id) }
	for _, ids := range [][]ledger.PayoutID{{paid}, {open, paid}, {stranger}, {stranger, open}, nil} {
		var nonces []common.Hash
		var want []ledger.PayoutID
		for _, id := range ids {
			nonces = append(nonces, nonce(id))
			if id != stranger {
				want = append(want, id)
			}
		}
		byNonce, err := n.db.PayoutsByNonce(t.Context(), nonces)
		n.must(err)
		byID, err := n.db.PayoutsByID(t.Context(), ids)
		n.must(err)
		for how, got := range map[string][]ledger.Payout{"nonce": byNonce, "id": byID} {
			if len(got) != len(want) {
				t.Errorf("by %s of %v: %v", how, ids, idsOf(got))
			}
			for _, p := range got {
				if !slices.Contains(want, p.ID) || p.Amount != 300 || p.Nonce != nonce(p.ID) || len(p.Signature) > 0 {
					t.Errorf("by %s: %+v", how, p)
				}
			}
		}
	}
	// The database itself refuses a second payout with a nonce.
	row := map[string]any{"Worker": text(workerAddr(2)), "Seq": 1, "Nonce": nonce(paid).Hex()}
	if _, err := n.raw.Apply(t.Context(), []*spanner.Mutation{spanner.UpdateMap("WorkerPayouts", row)}); spanner.ErrCode(err) != codes.AlreadyExists {
		t.Errorf("a nonce twice: %v", err)
	}
}

// Whatever the page's size, each confirmed payout comes once, in order, also
// those that were confirmed at the same moment.
func TestConfirmedPayouts(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var want []ledger.PayoutID
	for i := range 6 {

		want = append(want, n.confirmed(workerAddr(i)))
		if i%3 > 0 { // three at a moment, in the order of their keys
			n.set(i, "ConfirmedAt", n.now.Add(-time.Duration(i%3)*time.Second))
		}
	}
	n.open(workerAddr(9)) // never confirmed
	last := n.now
	for limit := 1; limit < 8; limit++ {
		var got []ledger.PayoutID
		mark := ledger.ConfirmedMark{}
		for {
			page, err := n.db.ConfirmedPayouts(t.Context(), mark, last, limit)
			n.must(err)
			if len(page) == 0 {
				break
			}
			got = append(got, idsOf(page)...)
			end := page[len(page)-1]
			mark = ledger.ConfirmedMark{At: end.ConfirmedAt, ID: end.ID}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", limit, got, want)
		}
	}
	if some, err := n.db.ConfirmedPayouts(t.Context(), ledger.ConfirmedMark{}, start.Add(2*time.Second), 10); err != nil || len(some) != 3 {
		t.Errorf("until the third: %v, %v", idsOf(some), err)
	}
}

func finding(subject, kind string, at time.Time) ledger.Finding {
	return ledger.Finding{Subject: subject, Kind: kind, Detail: "because", FoundAt: at}
}

func TestSaveReconciled(t *testing.T) {
	n := newNetwork(t)
	ctx := t.Context()
	zero := ledger.Reconciled{}
	one := ledger.Reconciled{NextBlock: 7, BooksAt: start}
	two := ledger.Reconciled{NextBlock: 9, Confirmed: ledger.ConfirmedMark{At: start.Add(time.Minute), ID: ledger.PayoutID{Worker: workerAddr(1), Seq: 3}}, BooksAt: start}
	read := func(name string) ledger.Reconciled {
		r, err := n.db.Reconciled(ctx, name)
		n.must(err)
		return r
	}
	same(n, "at first", read("a"), zero)
	a, b := finding("a", "x", start), finding("b", "x", start)
	for range 2 { // the second time its answer was lost, say
		n.must(n.db.SaveReconciled(ctx, "a", zero, one, []ledger.Finding{a, b}, nil, start))
	}
	same(n, "then", read("a").Equal(one), true)
	same(n, "another name", read("b"), zero)
	n.fails("from where it is not", n.db.SaveReconciled(ctx, "a", zero, two, []ledger.Finding{finding("c", "x", start)}, []string{"a"}, start), ledger.ErrMove)
	n.put(spanner.UpdateMap("ReconcileFindings", map[string]any{"Name": "a", "Subject": "a", "AcceptedBy": "ann"}),
		spanner.UpdateMap("ReconcileFindings", map[string]any{"Name": "a", "Subject": "b", "AcceptedBy": "ann"}))

	// Known findings keep who accepted them, unless they are of another kind now.
	later := start.Add(time.Hour)
	long := finding("c", "x", later)
	long.Detail = strings.Repeat("ö", 2000)
	n.must(n.db.SaveReconciled(ctx, "a", one, two, []ledger.Finding{finding("a", "x", later), finding("b", "y", later), long}, nil, later))
	same(n, "at last", read("a").Equal(two), true)
	got, err := n.db.Findings(ctx, "a", "", 10)
	n.must(err)
	a.AcceptedBy, long.Detail = "ann", strings.Repeat("ö", 1024)
	want := []ledger.Finding{a, finding("b", "y", later), long}
	for i := range want {
		want[i].CheckedAt = later
	}
	if !slices.Equal(got, want) {
		t.Errorf("findings %+v\nwant %+v", got, want)
	}
	for i := range want { // and page by page
		after := ""
		if i > 0 {
			after = want[i-1].Subject
		}
		if page, err := n.db.Findings(ctx, "a", after, 1); err != nil || !slices.Equal(page, want[i:i+1]) {
			t.Errorf("after %q: %+v, %v", after, page, err)
		}
	}
	n.must(n.db.SaveReconciled(ctx, "a", two, two, nil, []string{"a", "c", "never"}, later))
	if got, err := n.db.Findings(ctx, "a", "", 10); err != nil || len(got) != 1 || got[0].Subject != "b" {
		t.Errorf("findings %+v, %v", got, err)
	}
	if got, err := n.db.Findings(ctx, "b", "", 10); err != nil || len(got) != 0 {
		t.Errorf("findings of another: %+v, %v", got, err)
	}
}

// A commit that fails, and one whose answer is lost.
func TestSaveReconciledFaults(t *testing.T) {
	n := newNetwork(t)
	f := &fault{}
	db := spannertest.Open(t, n.database, f.options()...)
	broken := status.Error(codes.Internal, "broken")
	next := ledger.Reconciled{NextBlock: 7}
	save := func() error {
		return db.SaveReconciled(t.Context(), "a", ledger.Reconciled{}, next, []ledger.Finding{finding("a", "x", start)}, nil, start)
	}
	f.arm(broken, nil)
	if err := save(); err == nil || f.hit() != 1 {
		t.Errorf("before: %v, %d", err, f.hit())
	}
	same(n, "not committed", len(must2(n.db.Findings(t.Context(), "a", "", 9))), 0)
	f.arm(nil, broken)
	if err := save(); err == nil || f.hit() != 1 {
		t.Errorf("after: %v, %d", err, f.hit())
	}
	same(n, "committed", len(must2(n.db.Findings(t.Context(), "a", "", 9))), 1)
	n.must(save())
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
