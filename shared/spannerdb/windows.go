package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// TaskWindows are the windows of these tasks that ended until now, with an
// accepted check or without; From is zero where none has begun. It reads the
// tasks and nothing else: what happened since they were last touched follows
// from their rows (schedule.Task.Windows). Unknown ids are left out.
func (db *DB) TaskWindows(ctx context.Context, now time.Time, ids []string) (map[string]schedule.Tally, error) {
	out := map[string]schedule.Tally{}
	query := spanner.Statement{SQL: "SELECT " + selectTask + " FROM Tasks AS t WHERE t.TaskId IN UNNEST(@ids)", Params: map[string]any{"ids": ids}}
	err := db.single().Query(ctx, query).Do(func(row *spanner.Row) error {
		var r taskRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		t, err := r.task()
		if err != nil {
			return err
		}
		tally := schedule.Tally{From: t.From}
		tally.Delivered, tally.Missed = t.Windows(now)
		out[t.ID] = tally
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: windows of %d tasks: %w", len(ids), err)
	}
	return out, nil
}
