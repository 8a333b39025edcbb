package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/emulator"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

// maxTrips is the budget of a poll and of a submission, whatever its size.
const maxTrips = 3

// roundTrips counts, at the gRPC connection, what one poll for a full batch
// and the submission of its results ask of Spanner.
func roundTrips(ctx context.Context, notes io.Writer) (_ []figure, err error) {
	em, err := emulator.Start(ctx, emulator.Options{Notice: func(line string) { fmt.Fprintln(notes, line) }})
	if err != nil {
		return nil, err
	}
	defer em.Stop()
	if err := os.Setenv(emulator.HostVariable, em.Host); err != nil {
		return nil, err
	}
	ddl, err := spannerddl.Statements()
	if err != nil {
		return nil, err
	}
	database := fmt.Sprintf("bench-%d", os.Getpid())
	if err := emulator.CreateDatabase(ctx, em.Host, "bench", "bench", database, ddl); err != nil {
		return nil, err
	}
	name := emulator.DatabaseName("bench", "bench", database)
	defer func() {
		err = errors.Join(err, emulator.DropDatabase(context.WithoutCancel(ctx), em.Host, name))
	}()
	var rpcs spannertest.RPCs
	db, err := spannerdb.Open(ctx, name, rpcs.Options()...)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	poll, submit, err := onePoll(ctx, db, &rpcs)
	return []figure{
		{Name: "poll.spanner_roundtrips", Value: float64(poll), Unit: "rpc", Max: maxTrips},
		{Name: "submit.spanner_roundtrips", Value: float64(submit), Unit: "rpc", Max: maxTrips},
	}, err
}

// policy opens a payout in the very submission that is counted.
var policy = ledger.PayoutPolicy{ChainID: 84532, Token: common.Address{1}, Treasury: common.Address{2}, Threshold: 1}

func onePoll(ctx context.Context, db *spannerdb.DB, rpcs *spannertest.RPCs) (poll, submit int, err error) {
	crediter, err := db.Crediter(policy)
	if err != nil {
		return 0, 0, err
	}
	now := time.Now().UTC()
	worker := common.Address{3}
	tasks := make([]schedule.Task, api.MaxBatch)
	for i := range tasks {
		tasks[i] = schedule.Task{
			ID: fmt.Sprintf("task_%02d", i), URL: "https://example.com/", ExpectedStatus: 200, Timeout: time.Second,
			RewardMicros: 100, Interval: time.Minute, BuyerTier: "standard", Class: schedule.Standard, Active: true,
		}
	}
	if err := db.LoadTasks(ctx, now, tasks); err != nil {
		return 0, 0, err
	}
	rpcs.Reset()
	ids, err := db.FindOffers(ctx, now, "", len(tasks))
	if err != nil {
		return 0, 0, err
	}
	held, err := db.ClaimTasks(ctx, worker, "", now, ids, len(tasks))
	if err != nil || len(held) != len(tasks) {
		return 0, 0, fmt.Errorf("%d of %d tasks claimed: %w", len(held), len(tasks), err)
	}
	poll = rpcs.Trips()
	batch := make([]ledger.SubmittedResult, len(held))
	for i, task := range held {
		r := api.Result{TaskID: task.ID, WorkerAddress: worker.Hex(), Timestamp: now.UnixMilli(), Success: true}
		batch[i] = ledger.SubmittedResult{Worker: worker, TaskID: task.ID, At: now, Result: r, ResultID: api.ResultID(r)}
	}
	rpcs.Reset()
	judged, opened, err := crediter.CreditResults(ctx, now, batch)
	if err != nil {
		return 0, 0, err
	}
	for _, j := range judged {
		if j.Status != api.Accepted {
			return 0, 0, fmt.Errorf("result %s is %s: %s", j.ResultID, j.Status, j.Code)
		}
	}
	if len(opened) != 1 {
		return 0, 0, fmt.Errorf("%d payouts opened; want 1", len(opened))
	}
	return poll, rpcs.Trips(), nil
}
