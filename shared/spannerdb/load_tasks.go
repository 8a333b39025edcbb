package spannerdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// tasksPerTransaction keeps a load far below the 80,000 mutations that a
// commit may hold: a new task counts for about 40.
const tasksPerTransaction = 500

// LoadTasks makes the tasks what the list says: new ones are inserted, known
// ones get the listed definition, others stay as they are. It may run twice,
// and while workers are being served: it touches neither cycle nor holds nor
// the last accepted check of a known task, and writes nothing where nothing
// changed. Only the definitions count, not the cycle in the list.
//
// A list of more than 500 tasks is loaded in several transactions: after an
// error, load it again.
func (db *DB) LoadTasks(ctx context.Context, now time.Time, tasks []schedule.Task) error {
	for _, t := range tasks {
		if t.ID == "" || t.Timeout < time.Millisecond || t.Interval < time.Millisecond {
			return fmt.Errorf("spannerdb: load tasks: task %q: want an id, and timeout and interval of at least 1 ms", t.ID)
		}
	}
	for part := range slices.Chunk(tasks, tasksPerTransaction) {
		if err := db.loadTasks(ctx, now, part); err != nil {
			return err
		}
	}
	return db.moveStrays(ctx, now)
}

func (db *DB) loadTasks(ctx context.Context, now time.Time, tasks []schedule.Task) error {
	ids := make([]string, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID
	}
	_, err := db.readWrite(ctx, "load-tasks", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		known, err := readTasks(ctx, tx, ids)
		if err != nil {
			return err
		}
		var ms []*spanner.Mutation
		for _, t := range tasks {
			if m := db.loadTask(known[t.ID], t, now); m != nil {
				ms = append(ms, m)
			}
		}
		return tx.BufferWrite(ms)
	})
	return err
}

type knownTask struct {
	schedule.Task
	shard int64
	old   bool // never written since it has a state of today's form
}

func readTasks(ctx context.Context, tx *spanner.ReadWriteTransaction, ids []string) (map[string]*knownTask, error) {
	known := map[string]*knownTask{}
	query := spanner.Statement{
		SQL:    "SELECT t.Shard, " + selectTask + " FROM Tasks AS t WHERE t.TaskId IN UNNEST(@ids)",
		Params: map[string]any{"ids": ids},
	}
	err := tx.Query(ctx, query).Do(func(row *spanner.Row) error {
		var r struct {
			Shard int64
			taskRow
		}
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		t, err := r.task()
		known[t.ID] = &knownTask{t, r.Shard, !r.DueAt.Valid}
		return err
	})
	return known, err
}

// loadTask is the write that makes known what want says; nil if it is that.
func (db *DB) loadTask(known *knownTask, want schedule.Task, now time.Time) *spanner.Mutation {
	shard := db.shardOf(want.ID)
	if known == nil {
		want.Open(now)
		row := state(&want, now)
		maps.Copy(row, definition(&want, shard))
		row["CreatedAt"] = now.UTC()
		return spanner.InsertMap("Tasks", row)
	}
	wanted := definition(&want, shard)
	if !known.old && maps.Equal(definition(&known.Task, known.shard), wanted) {
		return nil
	}
	t := known.Task
	t.Redefine(&want, now)
	row := state(&t, now)
	maps.Copy(row, wanted)
	return spanner.UpdateMap("Tasks", row)
}

const straysQuery = `SELECT TaskId FROM Tasks@{FORCE_INDEX=TasksByOffer, ` + skipNullCheck + `}
WHERE Shard >= @shards AND OfferAt IS NOT NULL LIMIT @limit`

// moveStrays gives the tasks of shards that are no more a new one: when the
// number of shards became smaller, nobody would look for them there.
func (db *DB) moveStrays(ctx context.Context, now time.Time) error {
	for {
		var moved int
		_, err := db.readWrite(ctx, "move-stray-tasks", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
			moved = 0
			var ms []*spanner.Mutation
			query := spanner.Statement{SQL: straysQuery, Params: map[string]any{"shards": db.shards, "limit": int64(tasksPerTransaction)}}
			err := tx.Query(ctx, query).Do(func(row *spanner.Row) error {
				var id string
				if err := row.Column(0, &id); err != nil {
					return err
				}
				ms = append(ms, spanner.Update("Tasks", []string{"TaskId", "Shard", "UpdatedAt"}, []any{id, db.shardOf(id), now.UTC()}))
				return nil
			})
			if err != nil {
				return err
			}
			moved = len(ms)
			return tx.BufferWrite(ms)
		})
		if err != nil || moved < tasksPerTransaction {
			return err
		}
	}
}
