package spannerdb_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"
	"google.golang.org/api/option"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

var (
	start  = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	policy = ledger.PayoutPolicy{
		ChainID: 84532, Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x7e"),
		Threshold: 300, PublishGrace: 10 * time.Second,
	}
	caps      = ledger.PayoutCaps{PerPayout: 1_000_000, PerDay: 100_000_000}
	logSender = common.HexToAddress("0x5e")
	logTo     = common.HexToAddress("0x10")
)

// network is a fresh database and one client of it. Tests change now.
type network struct {
	*testing.T
	database string
	db       *spannerdb.DB
	raw      *spanner.Client
	now      time.Time
	first    time.Time // for a test to remember
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	database := spannertest.New(t)
	return &network{T: t, database: database, db: spannertest.Open(t, database), raw: spannertest.Client(t, database), now: start}
}

func (n *network) put(ms ...*spanner.Mutation) {
	n.Helper()
	if _, err := n.raw.Apply(context.Background(), ms); err != nil {
		n.Fatal(err)
	}
}

func taskID(i int) string { return fmt.Sprintf("task_%d", i) }

func workerAddr(i int) common.Address {
	return common.BytesToAddress([]byte{0xAB, byte(i >> 8), byte(i)})
}

// addTasks adds tasks task_0 ... that pay reward each, with an interval of 30 s.
func (n *network) addTasks(count int, reward ledger.Micros) {
	n.Helper()
	tasks := make([]schedule.Task, count)
	for i := range tasks {
		tasks[i] = schedule.Task{
			ID: taskID(i), URL: "https://example.org/", ExpectedStatus: 200, Timeout: 10 * time.Second, RewardMicros: reward,
			Interval: 30 * time.Second, BuyerTier: schedule.BestEffort, Class: schedule.Standard, Active: true,
		}
	}
	n.must(n.db.LoadTasks(n.Context(), n.now, tasks))
}

// assign gives worker a hold on the task's open cycle, as a poll would.
func (n *network) assign(task string, worker common.Address) {
	n.Helper()
	row, err := n.raw.Single().ReadRow(context.Background(), "Tasks", spanner.Key{task}, []string{"Cycle"})
	if err != nil {
		n.Fatal(err)
	}
	var cycle int64
	if err := row.Column(0, &cycle); err != nil {
		n.Fatal(err)
	}
	n.put(assignment(task, worker, cycle, n.now))
}

func assignment(task string, worker common.Address, cycle int64, now time.Time) *spanner.Mutation {
	return spanner.InsertOrUpdateMap("Assignments", map[string]any{
		"TaskId": task, "Worker": ledger.CanonicalAddress(worker), "Cycle": cycle, "AssignedAt": now, "ExpiresAt": now.Add(30 * time.Second),
	})
}

// result is what the worker saw at that time. Signatures are checked before
// the database is asked, so this one is only of the right length.
func result(task string, worker common.Address, at time.Time) ledger.SubmittedResult {
	status := 200
	r := api.Result{
		TaskID: task, WorkerAddress: worker.Hex(), Timestamp: at.UnixMilli(), Success: true, ResponseTimeMs: 42,
		StatusCode: &status, Signature: "0x" + strings.Repeat("5a", 65),
	}
	return ledger.SubmittedResult{Worker: worker, TaskID: task, At: time.UnixMilli(r.Timestamp).UTC(), Result: r, ResultID: api.ResultID(r)}
}

func crediter(t testing.TB, db *spannerdb.DB, p ledger.PayoutPolicy) *spannerdb.Crediter {
	t.Helper()
	c, err := db.Crediter(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// credit submits results at n.now and returns the outcomes as text, such as
// "accepted 100" or "rejected stale".
func (n *network) credit(batch ...ledger.SubmittedResult) []string {
	n.Helper()
	judged, _, err := crediter(n, n.db, policy).CreditResults(n.Context(), n.now, batch)
	if err != nil {
		n.Fatal(err)
	}
	return outcomes(judged)
}

func outcomes(judged []ledger.JudgedResult) []string {
	out := make([]string, len(judged))
	for i, j := range judged {
		out[i] = string(j.Status) + " " + string(j.Code)
		if j.Status == api.Accepted {
			out[i] = fmt.Sprintf("accepted %d", j.Reward)
		}
	}
	return out
}

// open gives worker three results of 100 on task_0 to task_2 and so a payout
// of 300, and returns it.
func (n *network) open(worker common.Address) ledger.PayoutID {
	n.Helper()
	var batch []ledger.SubmittedResult
	for i := range 3 {
		n.assign(taskID(i), worker)
		batch = append(batch, result(taskID(i), worker, n.now))
	}
	judged, opened, err := crediter(n, n.db, policy).CreditResults(n.Context(), n.now, batch)
	if err != nil || len(opened) != 1 {
		n.Fatalf("opened %v, %v of %v", opened, err, outcomes(judged))
	}
	n.now = n.now.Add(time.Second)
	return opened[0]
}

func (n *network) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *network) authorise(id ledger.PayoutID) {
	n.Helper()
	_, err := n.db.AuthorisePayout(n.Context(), id, authorization(n.now, 1), caps, n.now)
	n.must(err)
}

// confirmed is a payout that is paid.
func (n *network) confirmed(worker common.Address) ledger.PayoutID {
	n.Helper()
	id := n.open(worker)
	n.authorise(id)
	n.must(n.db.ConfirmPayout(n.Context(), id, transferTx(id), 7, n.now))
	return id
}

// reserved is a batch of the receipts of all payouts that wait for one.
func (n *network) reserved() ledger.BatchKey {
	n.Helper()
	b, err := n.db.ReserveReceipts(n.Context(), logSender, logTo, 0, 100, n.now, encodeIDs)
	n.must(err)
	if b == nil {
		n.Fatal("no receipt is due")
	}
	return b.BatchKey
}

// authorization is valid for an hour; mark tells it from others.
func authorization(now time.Time, mark byte) ledger.AuthorizationRecord {
	sig := make([]byte, 65)
	sig[0] = mark
	return ledger.AuthorizationRecord{
		ResultsHash: strings.Repeat("ab", 32), ValidBefore: now.Add(time.Hour).Unix(), Signature: sig, Block: uint64(mark),
	}
}

// transferTx is a transaction hash of the payout's own.
func transferTx(id ledger.PayoutID) common.Hash { return ledger.PayoutNonce(1, id.Worker, id) }

// encodeIDs stands for the receipts' encoding.
func encodeIDs(payouts []ledger.Payout) ([]byte, error) {
	var b []byte
	for _, p := range payouts {
		b = append(b, p.ID.String()+";"...)
	}
	return b, nil
}

// payout reads one payout's row, whatever its lease.
func (n *network) payout(id ledger.PayoutID) ledger.Payout {
	n.Helper()
	p, err := spannerdb.ReadPayout(n.db, n.Context(), id)
	n.must(err)
	return p
}

// balanced fails the test when the books do not balance.
func (n *network) balanced() {
	n.Helper()
	n.must(n.db.CheckBooks(n.Context()))
}

var tables = []string{"Tasks", "Assignments", "WorkerStandings", "WorkerCredits", "WorkerResults", "WorkerPayouts", "ReceiptBatches", "AdoptedReceipts", "PayoutDays", "Leases", "WalletReputation", "WalletLinks", "WalletLinkChanges",
	"ResultLogOutbox", "ResultLogParts", "ResultLogContents", "LostResults"}

// dump is every row of every table.
func (n *network) dump() []string {
	n.Helper()
	var out []string
	for _, table := range tables {
		err := n.raw.Single().Query(context.Background(), spanner.Statement{SQL: "SELECT * FROM " + table}).Do(func(row *spanner.Row) error {
			line := table
			for i := range row.Size() {
				var v spanner.GenericColumnValue
				if err := row.Column(i, &v); err != nil {
					return err
				}
				line += fmt.Sprintf(" %s=%v", row.ColumnName(i), v.Value.AsInterface())
			}
			out = append(out, line)
			return nil
		})
		n.must(err)
	}
	slices.Sort(out)
	return out
}

// fault makes the next commit of a client fail, once armed.
type fault struct {
	mu     sync.Mutex
	before error // instead of the commit
	after  error // instead of its answer
	hits   int
}

func (f *fault) arm(before, after error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after, f.hits = before, after, 0
}

func (f *fault) hit() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

func (f *fault) options() []option.ClientOption {
	take := func(err *error) func(string) error {
		return func(method string) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if method != "Commit" || *err == nil {
				return nil
			}
			e := *err
			*err = nil
			f.hits++
			return e
		}
	}
	return spannertest.Intercept(take(&f.before), take(&f.after))
}

// same fails the test unless got is want.
func same[T comparable](n *network, what string, got, want T) {
	n.Helper()
	if got != want {
		n.Errorf("%s: %v, want %v", what, got, want)
	}
}

// fails fails the test unless err is want.
func (n *network) fails(what string, err, want error) {
	n.Helper()
	if !errors.Is(err, want) {
		n.Errorf("%s: error %v, want %v", what, err, want)
	}
}
