package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/functions/reconcile"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// restoredWorkers is how many work on, before and after.
const restoredWorkers = 6

// The books of an hour ago, restored into a database of their own as docs/runbook.md
// says, and then everybody goes on: what was paid and receipted since is
// adopted from the chain and not paid again, receipts are not written again,
// results sent again are credited once, and in the end books and chain agree.
func TestTheBooksOfAnHourAgo(t *testing.T) {
	spannertest.Host(t)
	var f *fleet
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	before, money := environment(t, server)
	before = override(before, map[string]string{"PAYOUT_PUBLISH_GRACE": "0s"})
	f = newFleet(t, before)
	database, _ := before("SPANNER_DATABASE")
	loadLongTasks(t, spannertest.Open(t, database), 80)

	var workers []*shift
	for range restoredWorkers {
		w := &shift{testWorker: newTestWorker(t, server.URL)}
		w.early = w.take(t)
		w.hand(t, api.Accepted, w.early[:2]...)
		workers = append(workers, w)
	}
	// Some payouts are on their way at this moment, in whatever state.
	sweepOnce(t, server.URL)
	anHourAgo := dump(t, spannertest.Client(t, database))

	for _, w := range workers {
		w.hand(t, api.Accepted, w.early[2])
		w.late = w.take(t)
		w.hand(t, api.Accepted, w.late[:2]...)
	}
	settled(t, server.URL, spannertest.Open(t, database), restoredWorkers*5)
	paidBefore := transfers(t, money)
	if len(paidBefore) != restoredWorkers*5 {
		t.Fatalf("%d transfers before the restore", len(paidBefore))
	}

	restored := spannertest.New(t)
	anHourAgo.into(t, spannertest.Client(t, restored))
	after := override(before, map[string]string{"SPANNER_DATABASE": restored})
	f = newFleet(t, after)
	db := spannertest.Open(t, restored)
	for _, w := range workers {
		w.hand(t, api.Rejected, w.early[:2]...) // credited before that hour
		w.hand(t, api.Accepted, w.early[2])     // the database has forgotten
		w.hand(t, api.Rejected, w.early[2])     // and knows again
		w.hand(t, api.Rejected, w.late[:2]...)  // was assigned in the lost hour
		w.hand(t, api.Accepted, w.take(t)...)   // and goes on working
	}
	settled(t, server.URL, db, restoredWorkers*6)
	books, err := db.Books(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := books.Err(); err != nil {
		t.Error(err)
	}
	paidAfter := transfers(t, money)
	for nonce, tx := range paidBefore {
		if paidAfter[nonce] != tx {
			t.Errorf("transfer %s of nonce %s is gone", tx, nonce)
		}
	}
	if len(paidAfter) != restoredWorkers*6 {
		t.Errorf("%d transfers, want %d", len(paidAfter), restoredWorkers*6)
	}
	agreeWithChain(t, money, books)
	// What two payouts of each worker were for is forgotten; their receipts, which
	// are on chain for good, are of the results that the lost hour had. Reconcile
	// says so, of the payout and of the receipt, until the operator accepts it.
	const forgotten = 2 * restoredWorkers
	reconciled(t, after, money, "only receipts of the lost hour differ", func(r reconcile.Report) bool {
		return r.Disagreements == 2*forgotten && r.Kinds["wrong receipt"] == r.Disagreements
	})
	accept(t, spannertest.Client(t, restored))
	reconciled(t, after, money, "books and chain agree", func(r reconcile.Report) bool {
		return r.Balanced && r.Disagreements == 0 && r.Accepted == 2*forgotten
	})
}

func loadLongTasks(t *testing.T, db *spannerdb.DB, n int) {
	t.Helper()
	var tasks []schedule.Task
	for i := range n {
		tasks = append(tasks, schedule.Task{
			ID: fmt.Sprintf("task-%02d", i), URL: "https://example.com/", ExpectedStatus: 200, Timeout: time.Minute, RewardMicros: 10_000,
			Interval: time.Hour, BuyerTier: "best_effort", Class: schedule.Standard, Active: true,
		})
	}
	if err := db.LoadTasks(t.Context(), time.Now(), tasks); err != nil {
		t.Fatal(err)
	}
}

// sweepOnce is an error unless the answer is 200: a part that was exported
// twice, or a hint that was not taken, shows here.
func sweepOnce(t *testing.T, base string) {
	t.Helper()
	res, err := http.Post(base+"/Sweep", "application/json", bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		t.Errorf("Sweep: %d %s", res.StatusCode, body)
	}
}

// settled sweeps until all payouts are paid, receipted and booked.
func settled(t *testing.T, base string, db *spannerdb.DB, payouts int64) {
	t.Helper()
	var books ledger.BooksReport
	var waiting int64
	defer func() {
		if t.Failed() {
			t.Logf("%d receipts wait; %+v", waiting, books)
		}
	}()
	eventually(t, time.Minute, "all payouts are confirmed, with their receipts", func() bool {
		sweepOnce(t, base)
		time.Sleep(200 * time.Millisecond)
		var err error
		if books, err = db.Books(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waiting, _, err = db.ReceiptsDue(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		return books.Payouts == payouts && books.Credits.InFlight == 0 && waiting == 0
	})
}

// transfers are the treasury's, by nonce.
func transfers(t *testing.T, m network.Money) map[common.Hash]common.Hash {
	t.Helper()
	node, err := chain.Dial(t.Context(), m.RPC, m.ChainID)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	heads, err := node.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[common.Hash]common.Hash{}
	if err := node.TransfersFrom(t.Context(), m.Token, m.Treasury, 0, heads.Latest.Number, func(tr chain.Transfer) error {
		if _, twice := all[tr.Nonce]; twice {
			t.Errorf("nonce %s was used twice", tr.Nonce)
		}
		all[tr.Nonce] = tr.Tx
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// reconciled runs Reconcile until it has compared everything, and its report is
// as wanted.
func reconciled(t *testing.T, lookup config.Lookup, m network.Money, what string, want func(reconcile.Report) bool) {
	t.Helper()
	h, err := reconcile.Build(t.Context(), override(lookup, map[string]string{
		"LOG_SENDER_ADDRESSES": m.LogSender.Hex(), "RECONCILE_FROM_BLOCK": "0", "RECONCILE_LAG": "0s", "RECONCILE_BOOKS_EVERY": "1s",
	}))
	if err != nil {
		t.Fatal(err)
	}
	var said string
	defer func() { t.Logf("Reconcile: %.400s", said) }()
	eventually(t, time.Minute, what, func() bool {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
		said = w.Body.String()
		var r reconcile.Report
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", said, err)
		}
		return w.Code == http.StatusOK && r.Blocks.To >= r.Blocks.Safe && want(r)
	})
}

// acceptance is what docs/runbook.md has the operator run.
var acceptance = regexp.MustCompile(`(?s)UPDATE ReconcileFindings SET AcceptedBy = '[^']+'\s+WHERE Kind = 'wrong receipt'[^"]*`)

// accept notes that the operator knows why receipts of the lost hour name other
// results, by the runbook's own statement.
func accept(t *testing.T, c *spanner.Client) {
	t.Helper()
	runbook, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	statement := acceptance.FindString(string(runbook))
	if _, err := c.ReadWriteTransaction(t.Context(), func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		_, err := tx.Update(ctx, spanner.NewStatement(statement))
		return err
	}); err != nil {
		t.Fatalf("%q: %v", statement, err)
	}
}

// override is lookup with other values.
func override(lookup config.Lookup, values map[string]string) config.Lookup {
	return func(name string) (string, bool) {
		if v, ok := values[name]; ok {
			return v, true
		}
		return lookup(name)
	}
}

// A shift is a worker with what it has done.
type shift struct {
	*testWorker
	early, late []api.Result
}

// take polls, and makes and signs a result of each task.
func (s *shift) take(t *testing.T) (results []api.Result) {
	t.Helper()
	tasks, err := s.poll(t.Context())
	if err != nil || len(tasks) != 3 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	for _, task := range tasks {
		results = append(results, s.result(t, task.ID, time.Now()))
	}
	return results
}

// hand submits results one by one, so that each accepted one is a payout.
func (s *shift) hand(t *testing.T, want api.Status, results ...api.Result) {
	t.Helper()
	for _, r := range results {
		answer, err := s.submit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if o := answer.Results[0]; o.Status != want {
			t.Errorf("%+v, want %s", o, want)
		}
	}
}
