package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// load is one poll for so many tasks, and the submission of their results.
type load struct {
	Checks       int
	Poll, Submit spannertest.WorkCounts
}

// policy opens no payout: what payouts cost is apart (docs/costs.md), and one
// stands for a hundred checks.
var policy = ledger.PayoutPolicy{ChainID: 84532, Token: common.Address{1}, Treasury: common.Address{2}, Threshold: 1 << 40}

// count lets a worker poll for just so many tasks, of more that are due, and
// submit their results, twice: the second time it is known.
func count(ctx context.Context, db *spannerdb.DB, work *spannertest.Work, checks int) (load, error) {
	crediter, err := db.Crediter(policy)
	if err != nil {
		return load{}, err
	}
	worker := common.Address{byte(checks)}
	now := time.Now().UTC()
	var tasks []schedule.Task
	for i := range 8 * checks {
		tasks = append(tasks, schedule.Task{
			ID: fmt.Sprintf("cost_%d_%03d", checks, i), URL: "https://example.com/", ExpectedStatus: 200, Timeout: 10 * time.Second, RewardMicros: 100,
			Interval: time.Minute, BuyerTier: schedule.StandardBuyer, Class: schedule.Standard, Region: fmt.Sprint("region ", checks), Active: true,
		})
	}
	if err := db.LoadTasks(ctx, now, tasks); err != nil {
		return load{}, err
	}
	var out load
	for range 2 {
		now = now.Add(time.Second)
		if out, err = round(ctx, db, crediter, work, worker, tasks[0].Region, now, checks); err != nil {
			return load{}, err
		}
	}
	return out, nil
}

func round(ctx context.Context, db *spannerdb.DB, crediter *spannerdb.Crediter, work *spannertest.Work, worker common.Address, region string, now time.Time, checks int) (load, error) {
	poll := schedule.Poll{Worker: worker, Region: region, ProvenAt: now}
	work.Take()
	offers, err := db.FindOffers(ctx, now, poll, checks)
	if err != nil {
		return load{}, err
	}
	held, err := db.ClaimTasks(ctx, now, poll, offers, checks)
	if err != nil || len(held) != checks {
		return load{}, fmt.Errorf("%d of %d tasks given: %w", len(held), checks, err)
	}
	out := load{Checks: checks, Poll: work.Take()}
	batch := make([]ledger.SubmittedResult, len(held))
	for i, task := range held {
		r := api.Result{TaskID: task.ID, WorkerAddress: worker.Hex(), Timestamp: now.UnixMilli(), Success: true}
		batch[i] = ledger.SubmittedResult{Worker: worker, TaskID: task.ID, At: now, Result: r, ResultID: api.ResultID(r)}
	}
	judged, _, err := crediter.CreditResults(ctx, now, batch)
	if err != nil {
		return load{}, err
	}
	for _, j := range judged {
		if j.Status != api.Accepted {
			return load{}, fmt.Errorf("a result is %s: %s", j.Status, j.Code)
		}
	}
	out.Submit = work.Take()
	return out, nil
}
