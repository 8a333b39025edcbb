package workerstatus

import (
	"fmt"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func (d Deps) answer(worker common.Address, s spannerdb.WorkerStatus, page spannerdb.StatusPage) api.WorkerStatus {
	c := s.Credits
	out := api.WorkerStatus{
		Address: worker.Hex(), ChainID: d.ChainID, Time: d.Now().UTC(),
		Tier: string(s.Tier), Multiplier: multiplier(s.MultiplierBps), LifetimePaidUSD: usd(s.TotalPaid), NextTier: nextTier(s),
		Pending: amount(c.Pending), PendingResults: c.PendingResults,
		InFlight: amount(c.InFlight), Paid: amount(c.TotalPaid), Earned: amount(c.TotalEarned),
		Threshold: amount(d.Threshold), Missing: amount(max(d.Threshold-c.Pending, 0)),
		LastPayoutAt: s.LastPayoutAt, LastPayoutTx: hash(s.LastPayoutTx),
		Waiting: payouts(s.Waiting), Payouts: payouts(s.Payouts), Results: make([]api.ResultStatus, len(s.Results)), // [] and not null
	}
	if n := len(s.Payouts); n == page.Payouts && n > 0 && s.Payouts[n-1].ID.Seq > 1 {
		out.NextBefore = s.Payouts[n-1].ID.Seq
	}
	for i, r := range s.Results {
		out.Results[i] = api.ResultStatus{
			TaskID: r.TaskID, Time: r.At, Success: r.Success,
			Reward: amount(r.Reward), Multiplier: multiplier(r.MultiplierBps), ResultID: r.ResultID,
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

func nextTier(s spannerdb.WorkerStatus) *api.NextTier {
	next, from, ok := s.Tier.Next()
	if !ok {
		return nil
	}
	return &api.NextTier{
		Tier: string(next), Multiplier: multiplier(next.MultiplierBps()),
		FromUSD: usd(from), MissingUSD: usd(max(from-s.TotalPaid, 0)),
	}
}

func amount(m ledger.Micros) api.Amount { return api.Amount{Micros: int64(m), USD: m.String()} }

// multiplier is a factor in units of 1/10,000 as a decimal: 12,000 is "1.2".
func multiplier(bps int64) string {
	text := strings.TrimRight(fmt.Sprintf("%d.%04d", bps/10_000, bps%10_000), "0")
	if strings.HasSuffix(text, ".") {
		text += "0"
	}
	return text
}

// usd is an amount with nine decimals.
func usd(n reputation.NanoUSD) string {
	sign, u := "", uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%09d", sign, u/uint64(reputation.USD), u%uint64(reputation.USD))
}

// hash is empty for the zero hash.
func hash(h common.Hash) string {
	if h == (common.Hash{}) {
		return ""
	}
	return h.Hex()
}
