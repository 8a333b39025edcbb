package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// miscount damages a worker's books, or heals them.
func (w *world) miscount(worker, pending int) {
	w.Helper()
	w.put(spanner.UpdateMap("WorkerCredits", map[string]any{"Worker": ledger.CanonicalAddress(w.worker(worker)), "PendingResults": pending}))
}

// A run reads only so much of the books, the next ones go on, and in the end
// all was read once. Then it rests, until it is time.
func TestWalk(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	for range 2 {
		for i := range 4 {
			w.done(w.worker(i))
		}
	}
	w.miscount(3, 1)
	w.deps.Pace.BooksRows, w.deps.Pace.BooksEvery = 3, time.Hour
	walk := func() (sum BooksSummary, runs int) {
		t.Helper()
		began := w.now
		for {
			w.later(time.Minute)
			report, _ := w.run()
			runs++
			if report.Books == nil || report.Books.Results > 6 || report.Books.Complete || runs > 50 {
				t.Fatalf("run %d: %+v, books %+v", runs, report, report.Books)
			}
			sum.Workers, sum.Payouts, sum.Results, sum.Batches = sum.Workers+report.Books.Workers, sum.Payouts+report.Books.Payouts, sum.Results+report.Books.Results, sum.Batches+report.Books.Batches
			if report.BooksAt != nil && report.BooksAt.After(began) {
				return sum, runs
			}
		}
	}
	sum, runs := walk()
	if sum != (BooksSummary{Workers: 4, Payouts: 8, Results: 24, Batches: 8}) || runs < 8 {
		t.Errorf("%+v in %d runs", sum, runs)
	}
	for range 3 { // it rests, and the alarm stays
		w.later(time.Minute)
		if report, _ := w.run(); report.Books != nil || report.Kinds[BooksDisagree] != 1 {
			t.Errorf("resting: %+v", report)
		}
	}
	w.later(time.Hour)
	walk()
	if report, _ := w.run(); report.Kinds[BooksDisagree] != 1 {
		t.Errorf("found again: %+v", report)
	}
	w.miscount(3, 0)
	w.later(time.Hour)
	walk()
	if report, _ := w.run(); !report.Balanced {
		t.Errorf("healed: %+v", report)
	}
}

// killedBooks keeps the books' walk like Store, but dies at its nth write, before
// it happened or after.
type killedBooks struct {
	Store
	left  int
	after bool
}

func (k *killedBooks) SaveReconciled(ctx context.Context, name string, before, after ledger.Reconciled, found []ledger.Finding, settled []string, now time.Time) error {
	k.left--
	if k.left == 0 && !k.after {
		return errKilled
	}
	err := k.Store.SaveReconciled(ctx, name, before, after, found, settled, now)
	if k.left == 0 {
		return errKilled
	}
	return err
}

// A walk that is killed at each of its writes still comes to its end, and finds
// what there is.
func TestWalkIsKilled(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	for i := range 3 {
		w.done(w.worker(i))
	}
	w.miscount(1, 1)
	w.run() // what the chain says is compared
	w.put(spanner.Delete("ReconcileFindings", spanner.AllKeys()))
	w.deps.Pace.BooksRows = 3
	for _, after := range []bool{false, true} {
		w.later(time.Hour)
		began := w.now
		for kill, done := 1, false; !done; kill++ {
			d := w.deps
			d.Store = &killedBooks{w.db, 1 + kill%3, after}
			report, err := d.Run(t.Context(), false)
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if done = report.BooksAt != nil && !report.BooksAt.Before(began); kill > 100 {
				t.Fatalf("no end: %+v", report)
			}
			w.later(time.Second)
		}
		if got := w.findings(); got != "books "+ledger.CanonicalAddress(w.worker(1))+": "+BooksDisagree+"\n" {
			t.Errorf("found %q", got)
		}
	}
}

// An operator who asks has all books checked at once, the sums over all
// workers included; what a walk cannot see, it does not settle.
func TestAllBooksOnDemand(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.done(w.worker(1))
	w.deps.Pace.BooksRows = 1
	server := httptest.NewServer(New(w.deps))
	defer server.Close()
	ask := func() string {
		t.Helper()
		w.later(time.Hour)
		resp, err := http.Post(server.URL+"?books=all", "application/json", nil)
		w.must(err)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("answer %s", resp.Status)
		}
		return fmt.Sprint(w.log.take())
	}
	set := func(micros int) {
		w.put(spanner.UpdateMap("PayoutDays", map[string]any{"Day": "2026-10-20", "AuthorizedMicros": micros}))
	}
	if said := ask(); !strings.Contains(said, "books balance") {
		t.Errorf("in order: %s", said)
	}
	set(1)
	if said := ask(); !strings.Contains(said, "1 counted on all days != 300") {
		t.Errorf("damaged: %s", said)
	}
	for range 10 {
		w.later(time.Hour)
		if report, _ := w.run(); report.Kinds[BooksDisagree] != 1 {
			t.Fatalf("a walk settled what it cannot see: %+v", report)
		}
	}
	set(300)
	if said := ask(); !strings.Contains(said, "books balance") {
		t.Errorf("healed: %s", said)
	}
}

// Payouts under way by the thousand hide nothing: neither those that come
// before it in the order of findings, nor so many that they cannot be read.
func TestManyFindings(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.deps.Books = noBooks{}
	waiting := func(from, n int) {
		var rows []*spanner.Mutation
		for i := range n {
			rows = append(rows, spanner.InsertOrUpdateMap("ReconcileFindings", map[string]any{
				"Name": w.deps.Scope.Name(), "Subject": fmt.Sprintf("operator's %06d", from+i), "Kind": NoReceipt, "Detail": "", "FoundAt": w.now, "CheckedAt": w.now,
			}))
		}
		w.put(rows...)
	}
	waiting(0, findingsPage+500)
	_, err := w.Plain(t.Context(), elsewhere, 5)
	w.must(err)
	report, line := w.run()
	if report.Balanced || report.Kinds[OutsideBooks] != 1 || report.Waiting != findingsPage+500 || line["severity"] != "ERROR" {
		t.Errorf("behind a page of payouts under way: balanced %t, %v, %d wait", report.Balanced, report.Kinds, report.Waiting)
	}
	for n := findingsPage; n <= maxFindings; n += findingsPage {
		waiting(n+findingsPage, findingsPage)
	}
	if report, line := w.run(); report.Balanced || report.Kinds[TooMany] != 1 || line["severity"] != "ERROR" {
		t.Errorf("too many: %v", report.Kinds)
	}
}
