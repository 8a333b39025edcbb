package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/restore"
	"github.com/BlockRunAI/worker-network/functions/reconcile"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// The API was opened after a restore before the books were told: a payout waits
// for ever under a number that was paid with another amount. Recovering says so,
// and posts nothing. The same backup restored once more, as docs/runbook.md says,
// the books are told of both times that were lost, and everybody is paid.
func TestOpenedTooEarly(t *testing.T) {
	spannertest.Host(t)
	var f *fleet
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	first, money := environment(t, server)
	first = override(first, map[string]string{"PAYOUT_PUBLISH_GRACE": "0s", "PAYOUT_THRESHOLD_MICROS": "15000", "LOG_SENDER_ADDRESSES": money.LogSender.Hex()})
	f = newFleet(t, first)
	database, _ := first("SPANNER_DATABASE")
	loadLongTasks(t, spannertest.Open(t, database), 40)
	w := &shift{testWorker: newTestWorker(t, server.URL)}
	w.batch(t, api.Accepted, w.take(t)[0])
	since, backup := time.Now(), dump(t, spannertest.Client(t, database))
	w.batch(t, api.Accepted, w.take(t)[:2]...) // payout 1, of three
	settled(t, server.URL, spannertest.Open(t, database), 1)

	early := spannertest.New(t)
	backup.into(t, spannertest.Client(t, early))
	tooEarly := override(first, map[string]string{"SPANNER_DATABASE": early})
	f = newFleet(t, tooEarly)
	earlyDB := spannertest.Open(t, early)
	w.batch(t, api.Accepted, w.take(t)[0]) // payout 1, of two
	eventually(t, time.Minute, "payout 1 cannot be paid", func() bool {
		sweepOnce(t, server.URL)
		status, err := earlyDB.WorkerStatus(t.Context(), w.address, spannerdb.StatusPage{Payouts: 1, Waiting: 1})
		if err != nil {
			t.Fatal(err)
		}
		return len(status.Payouts) == 1 && status.Payouts[0].State == ledger.Failed && strings.Contains(status.Payouts[0].Reason, "for another transfer")
	})
	_, found := lostTime(t, tooEarly, earlyDB, since)
	if len(found.Refused) != 1 || found.Steps()+found.Closing() != 0 || !strings.Contains(found.Refused[0].Error(), "restore the same backup once more") {
		t.Errorf("found %+v", found)
	}

	again := spannertest.New(t)
	backup.into(t, spannertest.Client(t, again))
	after := override(first, map[string]string{"SPANNER_DATABASE": again})
	db := spannertest.Open(t, again)
	d, found := lostTime(t, after, db, since)
	if len(found.Refused) != 0 || len(found.Plans) != 1 || found.Plans[0].Moved != 1 {
		t.Fatalf("found %+v", found)
	}
	other, same := lostTime(t, after, db, since)
	if err := d.Post(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	posted := dump(t, spannertest.Client(t, again))
	if err := other.Post(t.Context(), same); err != nil {
		t.Errorf("a second operator: %v", err)
	}
	if now := dump(t, spannertest.Client(t, again)); !reflect.DeepEqual(now, posted) {
		t.Errorf("a second operator changed something: %v, %v", now, posted)
	}
	if _, found := lostTime(t, after, db, since); found.Steps()+found.Closing() != 0 {
		t.Errorf("found again %+v", found)
	}
	f = newFleet(t, after)
	w.batch(t, api.Accepted, w.take(t)[0]) // payout 2, with what was credited too early
	settled(t, server.URL, db, 2)
	books, err := db.Books(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := books.Err(); err != nil || books.Credits.TotalPaid != w.earned || w.earned != 50_000 {
		t.Errorf("%s were earned, books %+v, %v", w.earned, books, err)
	}
	agreeWithChain(t, money, books)
	reconciled(t, after, money, "books and chain agree", func(r reconcile.Report) bool {
		return r.Balanced && r.Disagreements == 0 && r.Accepted == 0
	})
}

// lostTime is what recovering finds.
func lostTime(t *testing.T, lookup config.Lookup, db *spannerdb.DB, since time.Time) (restore.Deps, restore.Found) {
	t.Helper()
	var c config.OperatorRecover
	if err := config.Load(t.Context(), lookup, &c); err != nil {
		t.Fatal(err)
	}
	d, closing, err := restore.Open(t.Context(), c, db, since, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing)
	found, err := d.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d, found
}
