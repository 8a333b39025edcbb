package spannerdb

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// taskRow is Tasks as it is read.
type taskRow struct {
	TaskId         string
	Url            string
	ExpectedStatus int64
	TimeoutMs      int64
	RewardMicros   int64
	Region         string
	IntervalMs     int64
	BuyerTier      string
	Class          string
	Active         bool
	Cycle          int64
	HolderWorkers  []string
	HolderExpires  []time.Time
	LastAcceptedAt spanner.NullTime
	OfferAt        spanner.NullTime
}

var taskColumns = []string{
	"TaskId", "Url", "ExpectedStatus", "TimeoutMs", "RewardMicros", "Region", "IntervalMs", "BuyerTier",
	"Class", "Active", "Cycle", "HolderWorkers", "HolderExpires", "LastAcceptedAt", "OfferAt",
}

// selectTask lists the columns for a query in which the table is called t.
var selectTask = "t." + strings.Join(taskColumns, ", t.")

func (r *taskRow) task() (schedule.Task, error) {
	t := schedule.Task{
		ID: r.TaskId, URL: r.Url, ExpectedStatus: int(r.ExpectedStatus),
		Timeout: millis(r.TimeoutMs), RewardMicros: ledger.Micros(r.RewardMicros), Region: r.Region, Interval: millis(r.IntervalMs),
		BuyerTier: schedule.BuyerTier(r.BuyerTier), Class: schedule.Class(r.Class), Active: r.Active,
		Cycle: r.Cycle, LastAcceptedAt: timeOf(r.LastAcceptedAt), Offer: schedule.Offer{OfferAt: timeOf(r.OfferAt)},
	}
	if !t.LastAcceptedAt.IsZero() {
		t.DueAt = t.LastAcceptedAt.Add(t.Interval)
	}
	if len(r.HolderWorkers) != len(r.HolderExpires) {
		return t, fmt.Errorf("spannerdb: task %s has %d holders and %d times at which they end", r.TaskId, len(r.HolderWorkers), len(r.HolderExpires))
	}
	for i, w := range r.HolderWorkers {
		worker, err := parseAddress(w)
		if err != nil {
			return t, fmt.Errorf("spannerdb: task %s: %w", r.TaskId, err)
		}
		t.Holders = append(t.Holders, schedule.Slot{Worker: worker, ExpiresAt: r.HolderExpires[i].UTC()})
	}
	return t, nil
}

// definition is what the operator says about a task.
func definition(t *schedule.Task, shard int64) map[string]any {
	return map[string]any{
		"TaskId": t.ID, "Url": t.URL, "ExpectedStatus": int64(t.ExpectedStatus), "TimeoutMs": t.Timeout.Milliseconds(),
		"RewardMicros": int64(t.RewardMicros), "Region": t.Region, "IntervalMs": t.Interval.Milliseconds(),
		"BuyerTier": string(t.BuyerTier), "Class": string(t.Class), "Active": t.Active, "Shard": shard,
	}
}

// openCycle is what claims and wins change of a task.
func openCycle(t *schedule.Task, now time.Time) *spanner.Mutation {
	workers, expires := make([]string, len(t.Holders)), make([]time.Time, len(t.Holders))
	for i, s := range t.Holders {
		workers[i], expires[i] = addressText(s.Worker), s.ExpiresAt.UTC()
	}
	return spanner.UpdateMap("Tasks", map[string]any{
		"TaskId": t.ID, "Cycle": t.Cycle, "HolderWorkers": workers, "HolderExpires": expires,
		"LastAcceptedAt": nullTime(t.LastAcceptedAt), "OfferAt": nullTime(t.OfferAt), "UpdatedAt": now.UTC(),
	})
}

// assignmentRow is Assignments as it is read, without its key.
type assignmentRow struct {
	Cycle      int64
	AssignedAt time.Time
	ExpiresAt  time.Time
	ResultAt   spanner.NullTime
}

func putAssignment(a schedule.Assignment) *spanner.Mutation {
	return spanner.InsertOrUpdateMap("Assignments", map[string]any{
		"TaskId": a.TaskID, "Worker": addressText(a.Worker), "Cycle": a.Cycle,
		"AssignedAt": a.AssignedAt.UTC(), "ExpiresAt": a.ExpiresAt.UTC(), "ResultAt": nullTime(a.ResultAt),
	})
}

// shardOf spreads tasks evenly over the shards of the due queue, whatever
// their ids look like.
func (db *DB) shardOf(taskID string) int64 {
	h := fnv.New32a()
	h.Write([]byte(taskID))
	return int64(h.Sum32()) % db.shards
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
