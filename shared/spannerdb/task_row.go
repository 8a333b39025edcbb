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
	TaskId           string
	GroupId          spanner.NullString
	Url              string
	ExpectedStatus   int64
	TimeoutMs        int64
	RewardMicros     int64
	Region           string
	IntervalMs       int64
	BuyerTier        string
	Class            string
	Active           bool
	Cycle            int64
	HolderWorkers    []string
	HolderExpires    []time.Time
	HolderKinds      []int64
	LastAcceptedAt   spanner.NullTime
	DueAt            spanner.NullTime
	OfferAt          spanner.NullTime
	Lane             spanner.NullString
	EarlyAt          spanner.NullTime
	BackupAt         spanner.NullTime
	WindowsFrom      spanner.NullTime
	WindowsDelivered spanner.NullInt64
	WindowsMissed    spanner.NullInt64
}

var taskColumns = []string{
	"TaskId", "GroupId", "Url", "ExpectedStatus", "TimeoutMs", "RewardMicros", "Region", "IntervalMs", "BuyerTier",
	"Class", "Active", "Cycle", "HolderWorkers", "HolderExpires", "HolderKinds", "LastAcceptedAt", "DueAt",
	"OfferAt", "Lane", "EarlyAt", "BackupAt", "WindowsFrom", "WindowsDelivered", "WindowsMissed",
}

// selectTask lists the columns for a query in which the table is called t.
var selectTask = "t." + strings.Join(taskColumns, ", t.")

// seek joins a table to keys that are given: one seek for each, in their order.
const seek = "JOIN@{FORCE_JOIN_ORDER=TRUE, JOIN_METHOD=APPLY_JOIN}"

// selectTasks is a column of the tasks with the ids @tasks.
var selectTasks = "ARRAY(SELECT AS STRUCT " + selectTask + " FROM UNNEST(@tasks) AS id " + seek + " Tasks AS t ON t.TaskId = id) AS Tasks"

func (r *taskRow) task() (schedule.Task, error) {
	t := schedule.Task{
		ID: r.TaskId, Group: r.GroupId.StringVal, URL: r.Url, ExpectedStatus: int(r.ExpectedStatus),
		Timeout: millis(r.TimeoutMs), RewardMicros: ledger.Micros(r.RewardMicros), Region: r.Region, Interval: millis(r.IntervalMs),
		BuyerTier: schedule.BuyerTier(r.BuyerTier), Class: schedule.Class(r.Class), Active: r.Active,
		Cycle: r.Cycle, LastAcceptedAt: timeOf(r.LastAcceptedAt), DueAt: timeOf(r.DueAt),
		Offer: schedule.Offer{OfferAt: timeOf(r.OfferAt), Lane: schedule.Lane(r.Lane.StringVal), EarlyAt: timeOf(r.EarlyAt), BackupAt: timeOf(r.BackupAt)},
		Tally: schedule.Tally{From: timeOf(r.WindowsFrom), Delivered: r.WindowsDelivered.Int64, Missed: r.WindowsMissed.Int64},
	}
	if !r.DueAt.Valid && r.LastAcceptedAt.Valid { // stored before there was such a column
		t.DueAt = t.LastAcceptedAt.Add(t.Interval)
	}
	if len(r.HolderWorkers) != len(r.HolderExpires) || r.HolderKinds != nil && len(r.HolderKinds) != len(r.HolderWorkers) {
		return t, fmt.Errorf("spannerdb: task %s has %d holders, %d times at which they end and %d kinds", r.TaskId, len(r.HolderWorkers), len(r.HolderExpires), len(r.HolderKinds))
	}
	for i, w := range r.HolderWorkers {
		worker, err := parseAddress(w)
		if err != nil {
			return t, fmt.Errorf("spannerdb: task %s: %w", r.TaskId, err)
		}
		slot := schedule.Slot{Worker: worker, ExpiresAt: r.HolderExpires[i].UTC()}
		if r.HolderKinds != nil { // as well
			slot.Kind = schedule.SlotKind(r.HolderKinds[i])
		}
		t.Holders = append(t.Holders, slot)
	}
	return t, nil
}

// definition is what the operator says about a task.
func definition(t *schedule.Task, shard int64) map[string]any {
	return map[string]any{
		"TaskId": t.ID, "GroupId": nullString(t.Group), "Url": t.URL, "ExpectedStatus": int64(t.ExpectedStatus), "TimeoutMs": t.Timeout.Milliseconds(),
		"RewardMicros": int64(t.RewardMicros), "Region": t.Region, "IntervalMs": t.Interval.Milliseconds(),
		"BuyerTier": string(t.BuyerTier), "Class": string(t.Class), "Active": t.Active, "Shard": shard,
	}
}

// state is what follows from polls and results: what claims and wins change of
// a task.
func state(t *schedule.Task, now time.Time) map[string]any {
	workers, expires, kinds := make([]string, len(t.Holders)), make([]time.Time, len(t.Holders)), make([]int64, len(t.Holders))
	for i, s := range t.Holders {
		workers[i], expires[i], kinds[i] = addressText(s.Worker), s.ExpiresAt.UTC(), int64(s.Kind)
	}
	return map[string]any{
		"TaskId": t.ID, "Cycle": t.Cycle, "HolderWorkers": workers, "HolderExpires": expires, "HolderKinds": kinds,
		"LastAcceptedAt": nullTime(t.LastAcceptedAt), "DueAt": nullTime(t.DueAt),
		"OfferAt": nullTime(t.OfferAt), "Lane": nullString(string(t.Lane)), "EarlyAt": nullTime(t.EarlyAt), "BackupAt": nullTime(t.BackupAt),
		"WindowsFrom": nullTime(t.From), "WindowsDelivered": t.Delivered, "WindowsMissed": t.Missed, "UpdatedAt": now.UTC(),
	}
}

func putTaskState(t *schedule.Task, now time.Time) *spanner.Mutation {
	return spanner.UpdateMap("Tasks", state(t, now))
}

// assignmentRow is Assignments as it is read for one worker.
type assignmentRow struct {
	TaskId     string
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
