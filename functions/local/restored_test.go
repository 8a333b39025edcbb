package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/storage"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/restore"
	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/functions/reconcile"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/audit"
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
// says. In the lost hour payouts were made of other amounts than will be made
// next under their numbers, some of results that had not been exported yet, and
// one was opened that was not paid. The books are told of all of it, however
// often that is interrupted; then everybody goes on: nothing is paid or receipted
// twice, everybody has what its results earn, and books, chain and result log
// agree, without anything to accept.
func TestTheBooksOfAnHourAgo(t *testing.T) {
	spannertest.Host(t)
	var f *fleet
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	before, money := environment(t, server)
	before = override(before, map[string]string{"PAYOUT_PUBLISH_GRACE": "0s", "PAYOUT_THRESHOLD_MICROS": "15000", "LOG_SENDER_ADDRESSES": money.LogSender.Hex()})
	f = newFleet(t, before)
	database, _ := before("SPANNER_DATABASE")
	lost := spannertest.Client(t, database)
	loadLongTasks(t, spannertest.Open(t, database), 80)

	var workers []*shift
	for range restoredWorkers {
		w := &shift{testWorker: newTestWorker(t, server.URL)}
		w.early = w.take(t)
		w.batch(t, api.Accepted, w.early[:2]...) // payout 1
		workers = append(workers, w)
	}
	// Some payouts are on their way at this moment, in whatever state, and some
	// results wait to be exported.
	sweepOnce(t, server.URL)
	for _, w := range workers {
		w.batch(t, api.Accepted, w.early[2])
	}
	since, anHourAgo := time.Now(), dump(t, lost)

	for i, w := range workers {
		w.late = w.take(t)
		switch i % 3 {
		case 0:
			w.batch(t, api.Accepted, w.late...) // payout 2, of four
		case 1:
			w.batch(t, api.Accepted, w.late[0]) // payout 2, of two
			w.batch(t, api.Accepted, w.late[1:]...)
			neverExported(t, lost, w.late[1]) // payout 3
		case 2:
			w.batch(t, api.Accepted, w.late[:2]...)
			neverExported(t, lost, w.late[0]) // payout 2, of three
			w.batch(t, api.Accepted, w.late[2])
		}
	}
	settled(t, server.URL, spannertest.Open(t, database), 14)
	paidBefore := transfers(t, money)
	if len(paidBefore) != 14 {
		t.Fatalf("%d transfers before the restore", len(paidBefore))
	}
	pausePayouts(t, spannertest.Open(t, database), true)
	for i, w := range workers {
		if i%3 == 0 {
			w.unpaid = w.take(t)[:2]
			w.batch(t, api.Accepted, w.unpaid...) // payout 3, not paid
		}
	}
	sweepOnce(t, server.URL)

	restored := spannertest.New(t)
	anHourAgo.into(t, spannertest.Client(t, restored))
	after := override(before, map[string]string{"SPANNER_DATABASE": restored})
	db := spannertest.Open(t, restored)
	pausePayouts(t, db, true)
	recoverBooks(t, after, restored, since)
	f = newFleet(t, after)
	pausePayouts(t, db, false)
	for _, w := range workers {
		w.hand(t, api.Rejected, w.early...) // credited before that hour
		w.hand(t, api.Rejected, w.late...)  // and in it
		w.hand(t, api.Rejected, w.unpaid...)
		w.hand(t, api.Accepted, w.take(t)...) // and goes on working
	}
	settled(t, server.URL, db, restoredWorkers*4)
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
	if len(paidAfter) != restoredWorkers*4 {
		t.Errorf("%d transfers, want %d", len(paidAfter), restoredWorkers*4)
	}
	for i, w := range workers {
		status, err := db.WorkerStatus(t.Context(), w.address, spannerdb.StatusPage{Payouts: 10})
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 && status.Payouts[1].Amount != 20_000 { // the third, which was opened in the lost hour
			t.Errorf("worker %d: payouts %+v", i, status.Payouts)
		}
		if c := status.Credits; c.TotalEarned != w.earned || c.TotalPaid+c.Pending != w.earned {
			t.Errorf("worker %d has earned %s, and the books say %+v", i, w.earned, c)
		}
	}
	agreeWithChain(t, money, books)
	agreeWithLog(t, after, server.URL, money, restoredWorkers*4)
	reconciled(t, after, money, "books and chain agree, and there is nothing to accept", func(r reconcile.Report) bool {
		return r.Balanced && r.Disagreements == 0 && r.Accepted == 0
	})
}

// neverExported takes a submission from the outbox: the lost hour ended before
// the sweep came to it.
func neverExported(t *testing.T, c *spanner.Client, first api.Result) {
	t.Helper()
	if _, err := c.ReadWriteTransaction(t.Context(), func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		n, err := tx.Update(ctx, spanner.Statement{SQL: "DELETE FROM ResultLogOutbox WHERE EntryId = @id", Params: map[string]any{"id": api.ResultID(first)}})
		if err == nil && n != 1 {
			err = fmt.Errorf("%d entries", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func pausePayouts(t *testing.T, db *spannerdb.DB, paused bool) {
	t.Helper()
	if _, err := db.SetPayoutSwitch(t.Context(), paused, "restore", "test", time.Now()); err != nil {
		t.Fatal(err)
	}
}

// recoverBooks recovers as the operator's command does, which loses its connection
// after every second commit, before that one happened and after it in turn. The
// books balance whenever that happens.
func recoverBooks(t *testing.T, lookup config.Lookup, database string, since time.Time) {
	t.Helper()
	sound := spannertest.Open(t, database)
	var commits, attempt atomic.Int64
	lose := func(turn int64) func(string) error {
		return func(method string) error {
			if method == "Commit" && attempt.Load()%2 == turn && commits.Add(1) == 2 {
				return spannertest.ErrLost
			}
			return nil
		}
	}
	faulty := spannertest.Open(t, database, spannertest.Intercept(lose(0), lose(1))...)
	for ; ; attempt.Add(1) {
		commits.Store(0)
		d, found := lostTime(t, lookup, faulty, since)
		if len(found.Refused) > 0 || found.Foreign > 0 {
			t.Fatalf("%+v", found)
		}
		err := d.Post(t.Context(), found)
		if err := sound.CheckBooks(t.Context()); err != nil {
			t.Fatalf("after attempt %d: %v", attempt.Load(), err)
		}
		if err == nil && found.Steps()+found.Closing() == 0 {
			break
		}
		if n := attempt.Load(); n == 0 {
			t.Logf("blocks %d to %d: %d transfers; %d files of %d lines; %d steps", found.From, found.To, found.Transfers, found.Files, found.Lines, found.Steps())
		} else if n > 100 {
			t.Fatalf("no end: %v, %+v", err, found)
		}
	}
	if attempt.Load() < 10 {
		t.Errorf("recovered after %d attempts: was anything lost?", attempt.Load())
	}
}

// agreeWithLog audits the chain with the result log: every payout is recomputed.
func agreeWithLog(t *testing.T, lookup config.Lookup, base string, m network.Money, payouts int) {
	t.Helper()
	sweepOnce(t, base)
	name, _ := lookup("RESULT_LOG_BUCKET")
	files, err := storage.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	log, results := restore.NewBucket(files, name), audit.NewResults()
	if err := log.Names(t.Context(), "", func(name string) error {
		r, err := log.Open(t.Context(), name)
		if err != nil {
			return err
		}
		defer r.Close()
		p, err := audit.ReadPart(name, r)
		results.Add(p)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	node, err := chain.Dial(t.Context(), m.RPC, m.ChainID)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	r := trailOf(t, node, m).ReportWith(results)
	if !r.OK() || len(r.Payouts) != payouts || r.Log.Recomputed != payouts || r.Log.LostResults != 8 || r.Log.LostSum != 80_000 {
		t.Errorf("%d payouts, log %+v, disagreements %v", len(r.Payouts), *r.Log, r.Disagreements)
	}
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
	early, late, unpaid []api.Result

	earned ledger.Micros // by all that was ever accepted
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

// batch submits results at once.
func (s *shift) batch(t *testing.T, want api.Status, results ...api.Result) {
	t.Helper()
	answer, err := s.submit(t.Context(), results...)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range answer.Results {
		if o.Status != want {
			t.Errorf("%+v, want %s", o, want)
		}
		if o.Status == api.Accepted {
			s.earned += ledger.Micros(o.RewardMicros)
		}
	}
}

// hand submits results one by one.
func (s *shift) hand(t *testing.T, want api.Status, results ...api.Result) {
	t.Helper()
	for _, r := range results {
		s.batch(t, want, r)
	}
}
