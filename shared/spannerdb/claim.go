package spannerdb

import (
	"cmp"
	"context"
	"slices"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// claimQuery looks up everything by key: the offered tasks, this worker's last
// hold on each, and what is known of it. No part depends on a row of another:
// the emulator would read all of Assignments for each task.
var claimQuery = `SELECT ` + selectTasks + `,
  ARRAY(SELECT AS STRUCT a.TaskId, a.Cycle, a.AssignedAt, a.ExpiresAt, a.ResultAt
    FROM UNNEST(@tasks) AS id ` + seek + ` Assignments AS a ON a.TaskId = id AND a.Worker = @worker) AS Prior,
  ` + selectStandings + `, ` + selectSpend + `,
  EXISTS(SELECT 1 FROM BackupWorkers WHERE Worker IN UNNEST(@workers)) AS Backup`

type claimInputs struct {
	Tasks     []*taskRow
	Prior     []*assignmentRow
	Standings []*standingRow
	Spend     []*spendRow
	Backup    bool
}

// ClaimTasks assigns up to limit of the offered tasks to the worker who polls,
// in the order that its tier gives them, and returns them. Those that it has in
// hand come first, unchanged: they are the answer to an earlier poll that may
// have been lost. What meanwhile went to others is passed over without an
// error, so it may return none. Errors are those of schedule.Standing.Admit.
//
// When the answer of the commit is lost, the caller gets an error although the
// worker holds the tasks. Then the worker polls again and gets the same ones.
func (db *DB) ClaimTasks(ctx context.Context, now time.Time, poll schedule.Poll, offers schedule.Offers, limit int) ([]schedule.Task, error) {
	if len(offers.IDs)+len(offers.Held) == 0 || limit <= 0 {
		return nil, nil
	}
	var claimed []schedule.Task
	_, err := db.readWrite(ctx, "claim-tasks", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		claimed = nil
		desk, err := readClaimDesk(ctx, tx, now, poll, offers)
		if err != nil {
			return err
		}
		if err := desk.worker.Standing.Admit(now, poll.ProvenAt); err != nil {
			return err
		}
		claimed = desk.claim(now, limit)
		return tx.BufferWrite(desk.mutations(poll, now, len(claimed)))
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// claimDesk is what one claim has read, and what it changes of it.
type claimDesk struct {
	worker schedule.Worker
	tasks  []*schedule.Task // in the order in which this worker gets them
	prior  map[string]*schedule.Assignment
	writes []*spanner.Mutation
}

func readClaimDesk(ctx context.Context, tx *spanner.ReadWriteTransaction, now time.Time, poll schedule.Poll, offers schedule.Offers) (*claimDesk, error) {
	var ids set[string] // twice named, a task would be found twice
	for _, id := range slices.Concat(offers.Held, offers.IDs) {
		ids.add(id)
	}
	var found claimInputs
	err := queryOne(ctx, tx, spanner.Statement{SQL: claimQuery, Params: map[string]any{
		"worker": addressText(poll.Worker), "workers": []string{addressText(poll.Worker)}, "tasks": ids.list,
	}}, &found)
	if err != nil {
		return nil, err
	}
	standing, err := standingOf(found.Standings)
	if err != nil {
		return nil, err
	}
	d := &claimDesk{prior: map[string]*schedule.Assignment{}, worker: schedule.Worker{
		Address: poll.Worker, Tier: lifetimesOf(found.Spend)[addressText(poll.Worker)].Tier(), Region: poll.Region,
		Proven: !poll.ProvenAt.IsZero(), Backup: found.Backup, Standing: standing,
	}}
	for _, r := range found.Tasks {
		t, err := r.task()
		if err != nil {
			return nil, err
		}
		d.tasks = append(d.tasks, &t)
	}
	for _, p := range found.Prior {
		d.prior[p.TaskId] = &schedule.Assignment{
			TaskID: p.TaskId, Worker: poll.Worker, Cycle: p.Cycle,
			AssignedAt: p.AssignedAt.UTC(), ExpiresAt: p.ExpiresAt.UTC(), ResultAt: timeOf(p.ResultAt),
		}
	}
	// By the place in the offer first: within a class, what waited longest goes first.
	slices.SortFunc(d.tasks, func(a, b *schedule.Task) int {
		return cmp.Compare(slices.Index(ids.list, a.ID), slices.Index(ids.list, b.ID))
	})
	schedule.Order(d.worker.Tier, d.tasks, now)
	return d, nil
}

// claim is what the worker gets.
func (d *claimDesk) claim(now time.Time, limit int) (claimed []schedule.Task) {
	d.worker.Standing.Settle(now)
	live := d.worker.Standing.Live(now)
	var others []*schedule.Task
	for _, t := range d.tasks {
		switch {
		case !slices.Contains(live, t.ID) || !t.StillHeld(d.worker.Address, now):
			others = append(others, t)
		case len(claimed) < limit:
			claimed = append(claimed, *t)
		}
	}
	for _, t := range others {
		if len(claimed) == limit {
			break
		}
		a, err := t.Claim(&d.worker, now, d.prior[t.ID])
		if err != nil {
			continue // one of schedule's reasons, none of which is an error here
		}
		claimed = append(claimed, *t)
		d.writes = append(d.writes, putTaskState(t, now), putAssignment(a))
	}
	return claimed
}

// mutations are the writes. A poll that proves nothing and brings nothing leaves
// no trace: anybody may send it, in as many names as he likes.
func (d *claimDesk) mutations(poll schedule.Poll, now time.Time, claimed int) []*spanner.Mutation {
	if claimed == 0 && poll.ProvenAt.IsZero() {
		return nil
	}
	return append(d.writes, putWorkerStanding(poll.Worker, d.worker.Standing, now))
}
