package spannerdb

import (
	"context"
	"fmt"
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

	TotalPaid     reputation.NanoUSD // for LLM calls, in the wallet's life
	Tier          reputation.Tier
	MultiplierBps int64

	Payouts []ledger.Payout // latest first; without the signed authorization
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

// A worker's latest results are among those of the open payout number and the
// one before; no index by time is kept for them.
var workerQuery = `SELECT
  ARRAY(SELECT AS STRUCT ` + selectCredits + ` FROM WorkerCredits WHERE Worker = @worker) AS Credits,
  ARRAY(SELECT AS STRUCT TotalPaidNano, Tier, MultiplierBps FROM WalletReputation WHERE Wallet = @worker) AS Reputation,
  ARRAY(SELECT AS STRUCT ` + selectPayoutPublic + ` FROM WorkerPayouts WHERE Worker = @worker
    AND Seq >= (SELECT PayoutSeq FROM WorkerCredits WHERE Worker = @worker) - @limit ORDER BY Seq DESC LIMIT @limit) AS Payouts,
  ARRAY(SELECT AS STRUCT TaskId, TimestampMs, ResultId, Success, RewardMicros, MultiplierBps, PayoutSeq
    FROM WorkerResults@{FORCE_INDEX=ResultsByPayout} WHERE Worker = @worker
    AND PayoutSeq >= (SELECT PayoutSeq FROM WorkerCredits WHERE Worker = @worker) - 1
    ORDER BY TimestampMs DESC, TaskId LIMIT @limit) AS Results`

// WorkerStatus reads what a worker may see of itself, with at most limit
// payouts and results, the latest first. It is one round trip without locks.
func (db *DB) WorkerStatus(ctx context.Context, worker common.Address, limit int) (WorkerStatus, error) {
	var found struct {
		Credits    []*creditRow
		Reputation []*struct {
			TotalPaidNano int64
			Tier          string
			MultiplierBps int64
		}
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
	err := queryOne(ctx, db.single(), spanner.Statement{
		SQL: workerQuery, Params: map[string]any{"worker": addressText(worker), "limit": int64(limit)},
	}, &found)
	if err != nil {
		return WorkerStatus{}, fmt.Errorf("spannerdb: status of worker %s: %w", addressText(worker), err)
	}
	out := WorkerStatus{Credits: ledger.NewCredits(), Tier: reputation.Bronze, MultiplierBps: reputation.Bronze.MultiplierBps()}
	for _, c := range found.Credits {
		out.Credits, out.LastPayoutAt = c.credits(), timeOf(c.LastPayoutAt)
		if out.LastPayoutTx, err = parseHash(c.LastPayoutTx); err != nil {
			return WorkerStatus{}, err
		}
	}
	for _, r := range found.Reputation {
		out.TotalPaid, out.Tier, out.MultiplierBps = reputation.NanoUSD(r.TotalPaidNano), reputation.Tier(r.Tier), r.MultiplierBps
	}
	for _, r := range found.Payouts {
		p, err := r.payout()
		if err != nil {
			return WorkerStatus{}, err
		}
		out.Payouts = append(out.Payouts, p)
	}
	for _, r := range found.Results {
		out.Results = append(out.Results, CreditedResult{
			TaskID: r.TaskId, At: time.UnixMilli(r.TimestampMs).UTC(), ResultID: r.ResultId, Success: r.Success,
			Reward: ledger.Micros(r.RewardMicros), MultiplierBps: r.MultiplierBps, PayoutSeq: r.PayoutSeq,
		})
	}
	return out, nil
}
