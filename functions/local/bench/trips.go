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
	// The emulator ends with this part; the next one must not look for it.
	before := os.Getenv(emulator.HostVariable)
	defer func() { err = errors.Join(err, os.Setenv(emulator.HostVariable, before)) }()
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
	tasks := make([]schedule.Task, 2*api.MaxBatch)
	for i := range tasks {
		tasks[i] = schedule.Task{
			ID: fmt.Sprintf("task_%02d", i), URL: "https://example.com/", ExpectedStatus: 200, Timeout: time.Second,
			RewardMicros: 100, Interval: time.Minute, BuyerTier: schedule.BestEffort, Class: schedule.Standard, Active: true,
		}
	}
	if err := db.LoadTasks(ctx, now, tasks); err != nil {
		return 0, 0, err
	}
	for held := 0; held < api.MaxBatch; { // a newcomer is given few, and more for each delivery
		now = now.Add(time.Second)
		rpcs.Reset()
		if held, poll, err = pollOnce(ctx, db, crediter, rpcs, now); err != nil {
			return 0, 0, err
		}
		if held == 0 {
			return 0, 0, errors.New("the tasks are used up, and no poll was given a full batch")
		}
	}
	return poll, rpcs.Trips(), nil
}

// pollOnce polls for a full batch and submits what it was given. It returns how
// much that was and the poll's round trips; those of the submission are in rpcs.
func pollOnce(ctx context.Context, db *spannerdb.DB, crediter *spannerdb.Crediter, rpcs *spannertest.RPCs, now time.Time) (held, trips int, err error) {
	poll := schedule.Poll{Worker: common.Address{3}, ProvenAt: now}
	offers, err := db.FindOffers(ctx, now, poll, api.MaxBatch)
	if err != nil {
		return 0, 0, err
	}
	claimed, err := db.ClaimTasks(ctx, now, poll, offers, api.MaxBatch)
	if err != nil {
		return 0, 0, err
	}
	trips = rpcs.Trips()
	batch := make([]ledger.SubmittedResult, len(claimed))
	for i, task := range claimed {
		r := api.Result{TaskID: task.ID, WorkerAddress: poll.Worker.Hex(), Timestamp: now.UnixMilli(), Success: true}
		batch[i] = ledger.SubmittedResult{Worker: poll.Worker, TaskID: task.ID, At: now, Result: r, ResultID: api.ResultID(r)}
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
	if len(claimed) > 0 && len(opened) != 1 {
		return 0, 0, fmt.Errorf("%d payouts opened; want 1", len(opened))
	}
	return len(claimed), trips, nil
}
