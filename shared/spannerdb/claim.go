package spannerdb

import (
	"cmp"
	"context"
	"slices"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// claimQuery looks up everything by key: the offered tasks, this worker's last
// hold on each, and its tier.
var claimQuery = `SELECT ` + selectTask + `,
  ARRAY(SELECT AS STRUCT a.Cycle, a.AssignedAt, a.ExpiresAt, a.ResultAt
    FROM Assignments AS a WHERE a.TaskId = t.TaskId AND a.Worker = @worker) AS Prior,
  ` + selectSpend + `
FROM Tasks AS t WHERE t.TaskId IN UNNEST(@ids)`

type claimRow struct {
	taskRow
	Prior []*assignmentRow
	Spend []*spendRow
}

// ClaimTasks assigns up to limit of the offered tasks to worker, in the order
// that its tier gives them, and returns them. What meanwhile went to others is
// passed over without an error, so it may return none.
//
// When the answer of the commit is lost, the caller gets an error although the
// worker holds the tasks. Then the worker polls again and is given others; the
// lost ones free their slots after timeout + 20 s like any that brought no
// result, and nothing was paid or closed.
func (db *DB) ClaimTasks(ctx context.Context, worker common.Address, region string, now time.Time, ids []string, limit int) ([]schedule.Task, error) {
	if len(ids) == 0 || limit <= 0 {
		return nil, nil
	}
	var claimed []schedule.Task
	_, err := db.readWrite(ctx, "claim-tasks", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		claimed = nil
		offered, err := readOffered(ctx, tx, worker, now, ids)
		if err != nil {
			return err
		}
		var ms []*spanner.Mutation
		// Standings are not stored: all workers count as reliable ones.
		w := schedule.Worker{Address: worker, Tier: offered.tier, Region: region, Proven: true, Standing: &schedule.Standing{Outcomes: 16, Recent: 1<<16 - 1}}
		for _, t := range offered.tasks {
			if len(claimed) == limit {
				break
			}
			a, err := t.Claim(&w, now, offered.prior[t.ID])
			if err != nil {
				continue // one of schedule's reasons, none of which is an error here
			}
			claimed = append(claimed, *t)
			ms = append(ms, openCycle(t, now), putAssignment(a))
		}
		return tx.BufferWrite(ms)
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

type offered struct {
	tasks []*schedule.Task // in the order in which this worker gets them
	prior map[string]*schedule.Assignment
	tier  reputation.Tier
}

func readOffered(ctx context.Context, tx *spanner.ReadWriteTransaction, worker common.Address, now time.Time, ids []string) (offered, error) {
	out := offered{prior: map[string]*schedule.Assignment{}, tier: reputation.Bronze}
	query := spanner.Statement{SQL: claimQuery, Params: map[string]any{
		"worker": addressText(worker), "workers": []string{addressText(worker)}, "ids": ids,
	}}
	err := tx.Query(ctx, query).Do(func(row *spanner.Row) error {
		var r claimRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		t, err := r.task()
		if err != nil {
			return err
		}
		out.tasks = append(out.tasks, &t)
		for _, p := range r.Prior {
			out.prior[t.ID] = &schedule.Assignment{
				TaskID: t.ID, Worker: worker, Cycle: p.Cycle,
				AssignedAt: p.AssignedAt.UTC(), ExpiresAt: p.ExpiresAt.UTC(), ResultAt: timeOf(p.ResultAt),
			}
		}
		out.tier = lifetimesOf(r.Spend)[addressText(worker)].Tier()
		return nil
	})
	if err != nil {
		return offered{}, err
	}
	// By the place in the offer first: within a class, what waited longest goes first.
	slices.SortFunc(out.tasks, func(a, b *schedule.Task) int {
		return cmp.Compare(slices.Index(ids, a.ID), slices.Index(ids, b.ID))
	})
	schedule.Order(out.tier, out.tasks, now)
	return out, nil
}
