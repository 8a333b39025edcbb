package spannerdb_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// kindsOfTasks is how many different ones mixed makes.
const kindsOfTasks = 105

// mixed are tasks of all tiers and classes, some for one region.
func mixed() []schedule.Task {
	list := make([]schedule.Task, kindsOfTasks)
	for i := range list {
		list[i] = checks(1)[0]
		list[i].ID = fmt.Sprintf("task_%06d", i)
		list[i].Region = []string{"", "", "", "EU", "US"}[i%5]
		list[i].BuyerTier = []schedule.BuyerTier{schedule.BestEffort, schedule.StandardBuyer, schedule.PremiumBuyer}[i%3]
		list[i].Class = []schedule.Class{schedule.Standard, schedule.Standard, schedule.Priority, schedule.HighValue, schedule.Standard, schedule.Enterprise, schedule.Standard}[i%7]
	}
	return list
}

// multiply makes as many tasks of those that are loaded, over all shards.
func multiply(t *testing.T, raw *spanner.Client, total, shards int) {
	t.Helper()
	var columns []string
	var rows [][]any
	err := raw.Single().Query(t.Context(), spanner.Statement{SQL: "SELECT * FROM Tasks"}).Do(func(row *spanner.Row) error {
		columns = row.ColumnNames()
		values := make([]any, len(columns))
		for i := range values {
			var v spanner.GenericColumnValue
			if err := row.Column(i, &v); err != nil {
				return err
			}
			values[i] = v
		}
		rows = append(rows, values)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	id, shard := slices.Index(columns, "TaskId"), slices.Index(columns, "Shard")
	var ms []*spanner.Mutation
	for i := len(rows); i < total; i++ {
		row := slices.Clone(rows[i%len(rows)])
		row[id], row[shard] = fmt.Sprintf("task_%06d", i), int64(i/len(rows)%shards)
		ms = append(ms, spanner.Insert("Tasks", columns, row))
		if len(ms) == 500 || i == total-1 {
			if _, err := raw.Apply(t.Context(), ms); err != nil {
				t.Fatal(err)
			}
			ms = nil
		}
	}
}

// entriesRead is how many entries of the due queues one poll reads. The
// emulator's statistics of a query hold no such figure. But each part of the
// query fixes the index's first columns, takes the next one in its order and
// stops at a limit; so it reads what it returns and nothing else.
func entriesRead(t *testing.T, raw *spanner.Client, db *spannerdb.DB, now time.Time, poll schedule.Poll, limit int) (entries int) {
	t.Helper()
	type queue struct{ TaskIds []string }
	type heads struct{ Open, Early, AtRisk []*queue }
	err := raw.Single().Query(t.Context(), spannerdb.OffersStatement(db, now, poll, limit)).Do(func(row *spanner.Row) error {
		var found heads
		if err := row.ToStructLenient(&found); err != nil {
			return err
		}
		for _, queues := range [][]*queue{found.Open, found.Early, found.AtRisk} {
			for _, q := range queues {
				entries += len(q.TaskIds)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// manyTasks is 4,000 unless told: the emulator sorts the whole table for each
// head of a queue, where Spanner seeks. At 100,000 the test takes minutes and
// needs -timeout 30m; its figures are in ARCHITECTURE.md.
var manyTasks = flag.Int("tasks", 4_000, "how many tasks TestDueQueueReadsAboutWhatItHandsOut ends with")

// What polls read of the due queues is at most four times what they are given,
// however many tasks there are, whoever asks.
func TestDueQueueReadsAboutWhatItHandsOut(t *testing.T) {
	const limit, most = 10, 4
	for _, size := range []struct{ tasks, shards int }{{kindsOfTasks, 1}, {*manyTasks, 16}} {
		database := spannertest.New(t)
		db := spannertest.OpenConfig(t, spannerdb.Config{Database: database, TaskShards: size.shards})
		raw := spannertest.Client(t, database)
		load(t, spannertest.Open(t, database), noon, mixed())
		multiply(t, raw, size.tasks, size.shards)
		for _, who := range []struct {
			name     string
			at       time.Duration // after the tasks fell due
			poll     func(now time.Time) schedule.Poll
			prepared func()
			polls    int
		}{
			{"a newcomer without proof", 20 * time.Second, func(time.Time) schedule.Poll { return schedule.Poll{Worker: someone(1), Region: "EU"} }, nil, 1},
			{"a newcomer", 20 * time.Second, func(now time.Time) schedule.Poll {
				return schedule.Poll{Worker: someone(2), Region: "EU", ProvenAt: now}
			}, nil, 1},
			{"a reliable worker", 20 * time.Second, func(now time.Time) schedule.Poll {
				return schedule.Poll{Worker: someone(3), Region: "US", ProvenAt: now}
			}, func() { trust(t, database, someone(3)) }, 3},
			{"a reliable worker at once", time.Second, func(now time.Time) schedule.Poll {
				return schedule.Poll{Worker: someone(4), Region: "EU", ProvenAt: now}
			}, func() { trust(t, database, someone(4)) }, 1},
			{"a backup", 25 * time.Second, func(now time.Time) schedule.Poll {
				return schedule.Poll{Worker: someone(5), Region: "EU", ProvenAt: now}
			}, func() {
				put(t, database, "BackupWorkers", map[string]any{"Worker": text(someone(5)), "AddedAt": noon})
			}, 1},
		} {
			if who.prepared != nil {
				who.prepared()
			}
			read, given := 0, 0
			for i := range who.polls {
				now := noon.Add(who.at + time.Duration(i)*time.Second)
				poll := who.poll(now)
				entries := entriesRead(t, raw, db, now, poll, limit)
				got := len(ask(t, db, now, poll, limit))
				if entries > most*limit {
					t.Errorf("%d tasks, %s: one poll for %d reads %d entries", size.tasks, who.name, limit, entries)
				}
				read, given = read+entries, given+got
			}
			t.Logf("%d tasks, %s: %d given, %d entries read", size.tasks, who.name, given, read)
			if given == 0 || read > most*given {
				t.Errorf("%d tasks, %s: %d given, but %d entries read", size.tasks, who.name, given, read)
			}
		}
	}
}
