package spannerdb

import (
	"context"
	"fmt"
	"math"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// WorkerStatus is what a worker may see of itself.
type WorkerStatus struct {
	Credits      ledger.Credits // of a beginner when it never earned anything
	LastPayoutAt time.Time      // zero: never
	LastPayoutTx common.Hash

	Lifetime reputation.Lifetime // what was paid for LLM calls

	Waiting []ledger.Payout // not confirmed, latest first; without the signed authorization
	Payouts []ledger.Payout // all, latest first; as well
	Results []CreditedResult
}

// CreditedResult is one of a worker's accepted results.
type CreditedResult struct {
	TaskID        string
	At            time.Time // when the check was made, by the worker's clock
	ResultID      string
	Success       bool
	Reward        ledger.Micros
	MultiplierBps int64
	PayoutSeq     int64 // the payout that collects it
}

// StatusPage says how much of a worker's history to read; each number is an
// upper bound.
type StatusPage struct {
	Waiting int   // payouts that are not confirmed, however old
	Payouts int   // the latest ones
	Before  int64 // of those only the ones with lower numbers; 0: all
	Results int   // the latest ones
}

// A worker's latest results are among those of the open payout number and the
// one before; no index by time is kept for them. Payouts are numbered without
// gaps.
var workerQuery = `SELECT
  ARRAY(SELECT AS STRUCT ` + selectCredits + ` FROM WorkerCredits WHERE Worker = @worker) AS Credits,
  ` + selectSpend + `,
  ARRAY(SELECT AS STRUCT ` + selectPayoutPublic + `
    FROM (SELECT Worker AS Owner, PayoutSeq AS Open FROM WorkerCredits WHERE Worker = @worker) AS c ` + seek + ` WorkerPayouts
    ON Worker = Owner AND Seq < @before AND Seq >= LEAST(Open, @before) - @payouts
    ORDER BY Seq DESC LIMIT @payouts) AS Payouts,
  ARRAY(SELECT AS STRUCT TaskId, TimestampMs, ResultId, Success, RewardMicros, MultiplierBps, PayoutSeq
    FROM (SELECT Worker AS Owner, PayoutSeq AS Open FROM WorkerCredits WHERE Worker = @worker) AS c ` + seek + ` WorkerResults@{FORCE_INDEX=ResultsByPayout}
    ON Worker = Owner AND PayoutSeq >= Open - 1
    ORDER BY TimestampMs DESC, TaskId LIMIT @results) AS Results`

var waitingQuery = "SELECT " + selectPayoutPublic + ` FROM WorkerPayouts
WHERE Worker = @worker AND State != 'confirmed' ORDER BY Seq DESC LIMIT @waiting`

// workerRow is what workerQuery answers.
type workerRow struct {
	Credits []*creditRow
	Spend   []*spendRow
	Payouts []*payoutPublicRow
	Results []*struct {
		TaskId        string
		TimestampMs   int64
		ResultId      string
		Success       bool
		RewardMicros  int64
		MultiplierBps int64
		PayoutSeq     int64
	}
}

// WorkerStatus reads what a worker may see of itself, without locks, at one
// moment. It is one round trip, and a second one when a payout waits that is
// older than the page: only then all of the worker's payouts are looked
// through.
func (db *DB) WorkerStatus(ctx context.Context, worker common.Address, page StatusPage) (WorkerStatus, error) {
	fail := func(err error) (WorkerStatus, error) {
		return WorkerStatus{}, fmt.Errorf("spannerdb: status of worker %s: %w", addressText(worker), err)
	}
	before := page.Before
	if before == 0 {
		before = math.MaxInt64
	}
	var found workerRow
	tx := db.single()
	err := queryOne(ctx, tx, spanner.Statement{SQL: workerQuery, Params: map[string]any{
		"worker": addressText(worker), "workers": []string{addressText(worker)}, "before": before, "payouts": int64(page.Payouts), "results": int64(page.Results),
	}}, &found)
	if err != nil {
		return fail(err)
	}
	out, err := found.status()
	if err != nil || page.Waiting == 0 {
		return out, err
	}
	if waiting, ok := allWaiting(out); ok {
		out.Waiting = waiting[:min(len(waiting), page.Waiting)]
		return out, nil
	}
	at, err := tx.Timestamp()
	if err != nil {
		return fail(err)
	}
	if out.Waiting, err = db.waitingPayouts(ctx, worker, page.Waiting, at); err != nil {
		return fail(err)
	}
	return out, nil
}

// allWaiting are the payouts of the page that are not confirmed; ok says that
// there are no others: they add up to what is in flight.
func allWaiting(s WorkerStatus) (waiting []ledger.Payout, ok bool) {
	left := s.Credits.InFlight
	for _, p := range s.Payouts {
		if p.State != ledger.Confirmed {
			waiting, left = append(waiting, p), left-p.Amount
		}
	}
	return waiting, left == 0
}

// waitingPayouts are the worker's latest payouts that were not confirmed at
// that moment.
func (db *DB) waitingPayouts(ctx context.Context, worker common.Address, limit int, at time.Time) ([]ledger.Payout, error) {
	var out []ledger.Payout
	rows := db.single().WithTimestampBound(spanner.ReadTimestamp(at)).Query(ctx, spanner.Statement{
		SQL: waitingQuery, Params: map[string]any{"worker": addressText(worker), "waiting": int64(limit)},
	})
	err := rows.Do(func(row *spanner.Row) error {
		var r payoutPublicRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		p, err := r.payout()
		out = append(out, p)
		return err
	})
	return out, err
}

func (r *workerRow) status() (WorkerStatus, error) {
	out := WorkerStatus{Credits: ledger.NewCredits()}
	for _, c := range r.Credits {
		out.Credits, out.LastPayoutAt = c.credits(), timeOf(c.LastPayoutAt)
		var err error
		if out.LastPayoutTx, err = parseHash(c.LastPayoutTx); err != nil {
			return WorkerStatus{}, err
		}
	}
	for _, l := range lifetimesOf(r.Spend) { // of this worker alone
		out.Lifetime = l
	}
	for _, row := range r.Payouts {
		p, err := row.payout()
		if err != nil {
			return WorkerStatus{}, err
		}
		out.Payouts = append(out.Payouts, p)
	}
	for _, c := range r.Results {
		out.Results = append(out.Results, CreditedResult{
			TaskID: c.TaskId, At: time.UnixMilli(c.TimestampMs).UTC(), ResultID: c.ResultId, Success: c.Success,
			Reward: ledger.Micros(c.RewardMicros), MultiplierBps: c.MultiplierBps, PayoutSeq: c.PayoutSeq,
		})
	}
	return out, nil
}
