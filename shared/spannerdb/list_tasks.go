package spannerdb

import (
	"context"
	"fmt"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// Tasks are all tasks, in the order of their ids. It reads each once, for an
// operator.
func (db *DB) Tasks(ctx context.Context) (all []schedule.Task, err error) {
	err = db.single().Query(ctx, spanner.Statement{SQL: "SELECT " + selectTask + " FROM Tasks AS t ORDER BY t.TaskId"}).Do(func(row *spanner.Row) error {
		var r taskRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		t, err := r.task()
		all = append(all, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: read all tasks: %w", err)
	}
	return all, nil
}
