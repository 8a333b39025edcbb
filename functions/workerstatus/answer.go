package workerstatus

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/standing"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func (d Deps) answer(worker common.Address, s spannerdb.WorkerStatus, page spannerdb.StatusPage) api.WorkerStatus {
	c, l := s.Credits, s.Lifetime
	out := api.WorkerStatus{
		Address: worker.Hex(), ChainID: d.ChainID, Time: d.Now().UTC(),
		Tier: string(l.Tier()), Multiplier: standing.Multiplier(l.Tier().MultiplierBps()), LifetimePaidUSD: standing.USD(l.Total()), NextTier: standing.NextTier(l),
		Linked:  standing.Linked(l),
		Pending: amount(c.Pending), PendingResults: c.PendingResults,
		InFlight: amount(c.InFlight), Paid: amount(c.TotalPaid), Earned: amount(c.TotalEarned),
		Threshold: amount(d.Threshold), Missing: amount(max(d.Threshold-c.Pending, 0)),
		LastPayoutAt: s.LastPayoutAt, LastPayoutTx: hash(s.LastPayoutTx),
		Waiting: payouts(s.Waiting), Payouts: payouts(s.Payouts), Results: make([]api.ResultStatus, len(s.Results)), // [] and not null
	}
	if len(l.Linked) > 0 {
		out.OwnPaidUSD = standing.USD(l.Own)
	}
	if n := len(s.Payouts); n == page.Payouts && n > 0 && s.Payouts[n-1].ID.Seq > 1 {
		out.NextBefore = s.Payouts[n-1].ID.Seq
	}
	for i, r := range s.Results {
		out.Results[i] = api.ResultStatus{
			TaskID: r.TaskID, Time: r.At, Success: r.Success,
			Reward: amount(r.Reward), Multiplier: standing.Multiplier(r.MultiplierBps), ResultID: r.ResultID,
		}
		if r.PayoutSeq < c.PayoutSeq {
			out.Results[i].Payout = ledger.PayoutID{Worker: worker, Seq: r.PayoutSeq}.String()
		}
	}
	return out
}

func payouts(list []ledger.Payout) []api.PayoutStatus {
	out := make([]api.PayoutStatus, len(list))
	for i, p := range list {
		out[i] = payout(p)
	}
	return out
}

func payout(p ledger.Payout) api.PayoutStatus {
	out := api.PayoutStatus{
		ID: p.ID.String(), Seq: p.ID.Seq, ChainID: p.ChainID,
		Amount: amount(p.Amount), ResultCount: p.ResultCount, ResultsHash: p.ResultsHash,
		State:      api.PayoutState(p.State),
		WaitsUntil: p.WorkAt, UsdcTx: hash(p.UsdcTx), LogTx: hash(p.LogTx),
		CreatedAt: p.CreatedAt, ConfirmedAt: p.ConfirmedAt,
	}
	out.Reason, out.Next = outlook(p)
	if !p.State.Final() && p.State != ledger.Settled && p.ValidBefore > 0 {
		out.AuthorizedUntil = time.Unix(p.ValidBefore, 0).UTC()
	}
	return out
}

func amount(m ledger.Micros) api.Amount { return api.Amount{Micros: int64(m), USD: m.String()} }

// hash is empty for the zero hash.
func hash(h common.Hash) string {
	if h == (common.Hash{}) {
		return ""
	}
	return h.Hex()
}
