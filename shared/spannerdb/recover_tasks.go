package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/recovery"
)

var recoverTasksQuery = "SELECT " + selectTask + " FROM Tasks AS t WHERE t.TaskId IN UNNEST(@tasks)"

// RecoverTasks closes cycles that this database has forgotten, so that they are
// not given, and paid, again: for each task those that were won, in their order.
// Tasks that are not there any more, and cycles that are known, are passed over.
// A few hundred tasks at once.
func (db *DB) RecoverTasks(ctx context.Context, won map[string][]recovery.Won, now time.Time) error {
	var ids []string
	for id := range won {
		ids = append(ids, id)
	}
	_, err := db.readWrite(ctx, "recover-tasks", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		var writes []*spanner.Mutation
		err := tx.Query(ctx, spanner.Statement{SQL: recoverTasksQuery, Params: map[string]any{"tasks": ids}}).Do(func(row *spanner.Row) error {
			var r taskRow
			if err := row.ToStruct(&r); err != nil {
				return err
			}
			task, err := r.task()
			if err != nil {
				return err
			}
			changed := false
			for _, w := range won[r.TaskId] {
				changed = task.Won(w.Cycle, w.At) || changed
			}
			if changed {
				writes = append(writes, putTaskState(&task, now))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read %d tasks: %w", len(ids), err)
		}
		return tx.BufferWrite(writes)
	})
	return err
}
