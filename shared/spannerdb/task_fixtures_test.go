package spannerdb_test

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

var noon = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// holdTime is how long a worker may keep a task of checks.
const holdTime = 10*time.Second + schedule.SlotGrace

// checks are n tasks like the pilot's, due every 30 s.
func checks(n int) []schedule.Task {
	var out []schedule.Task
	for i := range n {
		out = append(out, schedule.Task{
			ID: fmt.Sprintf("task_%03d", i), URL: fmt.Sprintf("https://example.com/%d", i), ExpectedStatus: 200,
			Timeout: 10 * time.Second, RewardMicros: 100, Interval: 30 * time.Second,
			BuyerTier: "best_effort", Class: schedule.Standard, Active: true,
		})
	}
	return out
}

func loaded(t *testing.T, tasks []schedule.Task) (database string, db *spannerdb.DB) {
	t.Helper()
	database = spannertest.New(t)
	db = spannertest.Open(t, database)
	load(t, db, noon, tasks)
	return database, db
}

func load(t *testing.T, db *spannerdb.DB, now time.Time, tasks []schedule.Task) {
	t.Helper()
	if err := db.LoadTasks(t.Context(), now, tasks); err != nil {
		t.Fatal(err)
	}
}

// offers are what a newcomer of that region is offered, who proves its address.
func offers(t *testing.T, db *spannerdb.DB, now time.Time, region string, limit int) []string {
	t.Helper()
	found, err := db.FindOffers(t.Context(), now, schedule.Poll{Worker: someone(999), Region: region, ProvenAt: now}, limit)
	if err != nil {
		t.Fatal(err)
	}
	return found.IDs
}

// trust makes the worker one that delivered all it took.
func trust(t *testing.T, database string, workers ...common.Address) {
	t.Helper()
	for _, w := range workers {
		put(t, database, "WorkerStandings", map[string]any{
			"Worker": text(w), "Outcomes": 16, "Recent": 1<<16 - 1, "Reliable": true, "ProvenAt": noon.Add(-time.Hour), "Polls": 0,
			"ForgetAt": noon.Add(time.Hour), "UpdatedAt": noon,
		})
	}
}

// proven is a poll that the worker signed at that time.
func proven(worker common.Address, at time.Time) schedule.Poll {
	return schedule.Poll{Worker: worker, ProvenAt: at}
}

// ask is a whole poll.
func ask(t *testing.T, db *spannerdb.DB, now time.Time, poll schedule.Poll, limit int) []string {
	t.Helper()
	found, err := db.FindOffers(t.Context(), now, poll, limit)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := db.ClaimTasks(t.Context(), now, poll, found, limit)
	if err != nil {
		t.Fatal(err)
	}
	return ids(tasks)
}

func claim(t *testing.T, db *spannerdb.DB, worker common.Address, now time.Time, ids []string, limit int) []schedule.Task {
	t.Helper()
	tasks, err := db.ClaimTasks(t.Context(), now, schedule.Poll{Worker: worker}, schedule.Offers{IDs: ids}, limit)
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}

func ids(tasks []schedule.Task) []string {
	var out []string
	for _, k := range tasks {
		out = append(out, k.ID)
	}
	return out
}

// storedTask is what the tests look at, in a row of Tasks.
type storedTask struct {
	TaskId         string
	Url            string
	Region         string
	IntervalMs     int64
	Active         bool
	Shard          int64
	Cycle          int64
	HolderWorkers  []string
	HolderExpires  []time.Time
	LastAcceptedAt spanner.NullTime
	OfferAt        spanner.NullTime
	UpdatedAt      time.Time
}

func storedTasks(t *testing.T, database string) map[string]storedTask {
	t.Helper()
	out := map[string]storedTask{}
	columns := []string{"TaskId", "Url", "Region", "IntervalMs", "Active", "Shard", "Cycle", "HolderWorkers", "HolderExpires", "LastAcceptedAt", "OfferAt", "UpdatedAt"}
	err := spannertest.Client(t, database).Single().Read(t.Context(), "Tasks", spanner.AllKeys(), columns).Do(func(row *spanner.Row) error {
		var s storedTask
		if err := row.ToStruct(&s); err != nil {
			return err
		}
		out[s.TaskId] = s
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// put writes rows that no verb of this file's tests writes.
func put(t *testing.T, database, table string, row map[string]any) {
	t.Helper()
	if _, err := spannertest.Client(t, database).Apply(t.Context(), []*spanner.Mutation{spanner.InsertOrUpdateMap(table, row)}); err != nil {
		t.Fatal(err)
	}
}

// someone is the n-th worker.
func someone(n int) common.Address { return common.HexToAddress(fmt.Sprintf("0xAbCd%036x", n)) }

func text(a common.Address) string { return ledger.CanonicalAddress(a) }
