package spannerdb

import (
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// creditDesk holds what one transaction has read and changes it in memory,
// result by result, so that results of one batch see each other.
type creditDesk struct {
	now    time.Time
	tasks  map[string]*schedule.Task
	held   map[holdKey]*schedule.Assignment
	stored map[resultKey]ledger.JudgedResult // what was accepted before: its id and reward
	books  map[common.Address]*workerBooks
	record map[common.Address]*schedule.Standing

	won       set[string]         // tasks to write
	judged    set[holdKey]        // assignments to write
	paid      set[common.Address] // books to write
	delivered set[common.Address] // records to write
	inserts   []*spanner.Mutation // results and payouts
	lines     []resultlog.Line    // of the results
}

type workerBooks struct {
	credits ledger.Credits
	bps     int64
}

func newCreditDesk(in creditInputs, now time.Time) (*creditDesk, error) {
	d := &creditDesk{
		now: now, tasks: map[string]*schedule.Task{}, held: map[holdKey]*schedule.Assignment{},
		stored: map[resultKey]ledger.JudgedResult{}, books: map[common.Address]*workerBooks{}, record: map[common.Address]*schedule.Standing{},
	}
	var hex decoder
	for _, t := range in.Tasks {
		task, err := t.task()
		if err != nil {
			return nil, err
		}
		d.tasks[t.TaskId] = &task
	}
	for _, a := range in.Held {
		d.held[holdKey{a.TaskId, a.Worker}] = &schedule.Assignment{
			TaskID: a.TaskId, Worker: hex.address(a.Worker), Cycle: a.Cycle,
			AssignedAt: a.AssignedAt, ExpiresAt: a.ExpiresAt, ResultAt: timeOf(a.ResultAt),
		}
	}
	for _, k := range in.Stored {
		d.stored[resultKey{k.Worker, k.TaskId, k.TimestampMs}] = ledger.JudgedResult{ResultID: k.ResultId, Reward: ledger.Micros(k.RewardMicros)}
	}
	for _, r := range in.Standings {
		s, err := r.standing()
		if err != nil {
			return nil, err
		}
		d.record[hex.address(r.Worker)] = s
	}
	for _, c := range in.Credits {
		d.booksOf(hex.address(c.Worker)).credits = c.credits()
	}
	for worker, l := range lifetimesOf(in.Spend) {
		d.booksOf(hex.address(worker)).bps = l.Tier().MultiplierBps()
	}
	return d, hex.err
}

// booksOf are a worker's books; those of a bronze beginner when none are known.
func (d *creditDesk) booksOf(worker common.Address) *workerBooks {
	b := d.books[worker]
	if b == nil {
		b = &workerBooks{credits: ledger.NewCredits(), bps: reputation.Bronze.MultiplierBps()}
		d.books[worker] = b
	}
	return b
}

// judge judges one result, and says whether anything changes by it.
func (d *creditDesk) judge(r ledger.SubmittedResult) (j ledger.JudgedResult, changes bool, err error) {
	hold, key := keysOf(r)
	task := d.tasks[r.TaskID]
	held := d.held[hold]
	answered, last := d.answered(hold)
	before, stored := d.stored[key]
	v := schedule.Judge(r.At, d.now, task, held, stored)
	j = ledger.JudgedResult{Status: v.Status, Code: v.Code}
	if v.Status == api.Rejected {
		if before.ResultID == r.ResultID { // the answer may have been lost
			j.ResultID, j.Credited = before.ResultID, before.Reward
		}
		return j, false, nil
	}
	if v.Status == api.Discarded && answered {
		held.ResultAt = last
		return j, false, nil
	}
	d.judged.add(hold) // won or lost: it cannot be offered again in a later cycle
	d.deliver(r.Worker, r.TaskID)
	if v.Status != api.Accepted {
		return j, true, nil
	}
	books := d.booksOf(r.Worker)
	reward, err := task.RewardMicros.MulBps(books.bps)
	if err != nil {
		return ledger.JudgedResult{}, false, err
	}
	seq, err := books.credits.Credit(reward)
	if err != nil {
		return ledger.JudgedResult{}, false, err
	}
	d.won.add(r.TaskID)
	d.paid.add(r.Worker)
	d.inserts = append(d.inserts, insertResult(r, key, held.Cycle, reward, books.bps, seq, d.now))
	d.lines = append(d.lines, resultlog.Line{
		Result: r.Result, ResultID: r.ResultID, Payout: ledger.PayoutID{Worker: r.Worker, Seq: seq},
		Reward: reward, MultiplierBps: books.bps, Cycle: held.Cycle, AcceptedAt: d.now.UTC().Truncate(time.Millisecond),
	})
	j.Reward, j.ResultID = reward, r.ResultID
	d.stored[key] = j
	return j, true, nil
}

// answered says that a result was judged for this hold before, at last by the
// worker's clock. More of them, each made a little later, are discarded for as
// long as the hold is remembered, and would each be a transaction on a task
// that others are at work on: so nothing is noted of those.
func (d *creditDesk) answered(hold holdKey) (answered bool, last time.Time) {
	held := d.held[hold]
	if held == nil || held.ResultAt.Before(held.AssignedAt.Add(-api.MaxAhead)) {
		return false, time.Time{}
	}
	// A quick worker's result for its hold before may be that young. Then this
	// one is still open.
	s := d.record[held.Worker]
	return s == nil || !s.Holds(hold.TaskId), held.ResultAt
}

// deliver counts a result, won or lost, for its worker's record, if there is one.
func (d *creditDesk) deliver(worker common.Address, task string) {
	if s := d.record[worker]; s != nil {
		s.Deliver(task)
		d.delivered.add(worker)
	}
}

// openPayouts opens one payout for each credited worker that has reached the
// threshold.
func (d *creditDesk) openPayouts(policy ledger.PayoutPolicy) ([]ledger.Payout, error) {
	var out []ledger.Payout
	for _, worker := range d.paid.list {
		o, err := d.books[worker].credits.OpenPayout(policy.Threshold)
		if err != nil {
			return nil, fmt.Errorf("worker %s: %w", addressText(worker), err)
		}
		if o == nil {
			continue
		}
		p := ledger.NewPayout(worker, *o, policy, d.now)
		d.inserts = append(d.inserts, insertPayout(p, d.now))
		out = append(out, p)
	}
	return out, nil
}

func (d *creditDesk) mutations() []*spanner.Mutation {
	out := d.inserts
	if len(d.lines) > 0 {
		out = append(out, insertEntry(resultlog.NewEntry(d.lines)))
	}
	for _, id := range d.won.list {
		out = append(out, putTaskState(d.tasks[id], d.now))
	}
	for _, k := range d.judged.list {
		out = append(out, spanner.UpdateMap("Assignments", map[string]any{
			"TaskId": k.TaskId, "Worker": k.Worker, "ResultAt": nullTime(d.held[k].ResultAt),
		}))
	}
	for _, worker := range d.paid.list {
		out = append(out, spanner.InsertOrUpdateMap("WorkerCredits", creditChanges(worker, d.books[worker].credits, d.now)))
	}
	for _, worker := range d.delivered.list {
		d.record[worker].Settle(d.now)
		out = append(out, putWorkerStanding(worker, d.record[worker], d.now))
	}
	return out
}

func insertResult(r ledger.SubmittedResult, key resultKey, cycle int64, reward ledger.Micros, bps, seq int64, now time.Time) *spanner.Mutation {
	status := spanner.NullInt64{}
	if r.Result.StatusCode != nil {
		status = spanner.NullInt64{Int64: int64(*r.Result.StatusCode), Valid: true}
	}
	row := map[string]any{
		"Worker": key.Worker, "TaskId": key.TaskId, "TimestampMs": key.TimestampMs,
		"ResultId": r.ResultID, "Cycle": cycle, "WorkerAddress": r.Result.WorkerAddress,
		"Success": r.Result.Success, "ResponseTimeMs": r.Result.ResponseTimeMs, "StatusCode": status,
		"Error": nullString(r.Result.Error), "Signature": r.Result.Signature,
		"RewardMicros": int64(reward), "MultiplierBps": bps, "PayoutSeq": seq, "CreatedAt": now.UTC(),
	}
	// A column that is left out is null.
	if r.Result.ErrorClass != "" {
		row["ErrorClass"] = string(r.Result.ErrorClass)
	}
	if t := r.Result.Timings; t != nil {
		row["DnsMs"], row["ConnectMs"], row["TlsMs"], row["FirstByteMs"], row["TotalMs"] = t.DNS, t.Connect, t.TLS, t.FirstByte, t.Total
	}
	return spanner.InsertMap("WorkerResults", row)
}
