package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

// statusTime is the network's clock.
var statusTime = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

func usdc(micros int64) api.Amount {
	return api.Amount{Micros: micros, USD: client.Micros(micros).String()}
}

// status answers as WorkerStatus does, for whatever address: in the mood "new"
// with a beginner's books, in "many" with two payouts a day for 130 days, in
// "mainnet" with one on Base, and else with payouts in every state.
func (n *network) status(w http.ResponseWriter, query url.Values) {
	s := api.WorkerStatus{
		Address: query.Get("address"), ChainID: 84532, Time: statusTime, Tier: "bronze", Multiplier: "1.0", LifetimePaidUSD: "0.000000000",
		NextTier: &api.NextTier{Tier: "silver", Multiplier: "1.2", FromUSD: "10.000000000", MissingUSD: "10.000000000"},
		Pending:  usdc(0), InFlight: usdc(0), Paid: usdc(0), Earned: usdc(0), Threshold: usdc(10_000), Missing: usdc(10_000),
		Waiting: []api.PayoutStatus{}, Payouts: []api.PayoutStatus{}, Results: []api.ResultStatus{},
	}
	var all []api.PayoutStatus
	switch n.mood {
	case "new":
	case "linked":
		s.Tier, s.Multiplier, s.LifetimePaidUSD, s.OwnPaidUSD = "silver", "1.2", "12.500000000", "2.000000000"
		s.NextTier = &api.NextTier{Tier: "gold", Multiplier: "1.5", FromUSD: "50.000000000", MissingUSD: "37.500000000"}
		s.Linked = []api.LinkedSpend{{SolanaAddress: "oeYf6KAJkLYhBuR8CiGc6L4D4Xtfepr85fuDgA9kq96", PaidUSD: "10.500000000", Since: statusTime}}
	case "platinum":
		s.Tier, s.Multiplier, s.LifetimePaidUSD, s.NextTier = "platinum", "2.0", "1234.560000001", nil
	case "many":
		for seq := int64(260); seq >= 1; seq-- {
			all = append(all, paidPayout(seq, 84532, statusTime.Add(-12*time.Hour*time.Duration(260-seq))))
		}
	case "mainnet":
		s.ChainID, all = 8453, []api.PayoutStatus{paidPayout(1, 8453, statusTime)}
	case "elsewhere":
		s.ChainID, all = 1, []api.PayoutStatus{paidPayout(1, 1, statusTime)}
	default:
		s.Tier, s.Multiplier, s.LifetimePaidUSD = "silver", "1.2", "12.500000000"
		s.NextTier = &api.NextTier{Tier: "gold", Multiplier: "1.5", FromUSD: "50.000000000", MissingUSD: "37.500000000"}
		s.Pending, s.PendingResults, s.Missing = usdc(240), 2, usdc(9_760)
		all = everyState()
		s.Results = []api.ResultStatus{
			{TaskID: "task_b\x1b[2J", Time: statusTime.Add(-time.Second), Success: true, Reward: usdc(120), Multiplier: "1.2", ResultID: "b0"},
			{TaskID: "task_a", Time: statusTime.Add(-time.Hour), Reward: usdc(100), Multiplier: "1.0", ResultID: "a0", Payout: all[0].ID},
		}
	}
	var sums [2]int64 // in flight, paid
	for _, p := range all {
		if p.State == api.PayoutConfirmed {
			sums[1] += p.Amount.Micros
			continue
		}
		sums[0] += p.Amount.Micros
		s.Waiting = append(s.Waiting, p)
	}
	s.InFlight, s.Paid, s.Earned = usdc(sums[0]), usdc(sums[1]), usdc(s.Pending.Micros+sums[0]+sums[1])
	limit, _ := strconv.Atoi(query.Get("payouts"))
	before, _ := strconv.ParseInt(query.Get("before"), 10, 64)
	for _, p := range all {
		if (before == 0 || p.Seq < before) && len(s.Payouts) < limit {
			s.Payouts = append(s.Payouts, p)
		}
	}
	if k := len(s.Payouts); k > 0 && s.Payouts[k-1].Seq > 1 {
		s.NextBefore = s.Payouts[k-1].Seq
	}
	_ = json.NewEncoder(w).Encode(s)
}

func paidPayout(seq, chainID int64, opened time.Time) api.PayoutStatus {
	return api.PayoutStatus{
		ID: fmt.Sprintf("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266-%d", seq), Seq: seq, ChainID: chainID, Amount: usdc(10_000 + seq), ResultCount: 100,
		ResultsHash: strings.Repeat("ab", 32), State: api.PayoutConfirmed, CreatedAt: opened, ConfirmedAt: opened.Add(3 * time.Minute),
		UsdcTx: fmt.Sprintf("0x%062da0", seq), LogTx: fmt.Sprintf("0x%062db0", seq),
	}
}

// everyState is one payout in each state, the latest first, two a day.
func everyState() []api.PayoutStatus {
	states := []api.PayoutState{"", api.PayoutConfirmed, api.PayoutFailed, api.PayoutConfirmed, api.PayoutSettled, api.PayoutUnknown, api.PayoutAuthorised, api.PayoutPending}
	var all []api.PayoutStatus
	for seq := int64(7); seq >= 1; seq-- {
		p := paidPayout(seq, 84532, statusTime.Add(-12*time.Hour*time.Duration(7-seq)))
		if p.State = states[seq]; p.State != api.PayoutConfirmed {
			p.ConfirmedAt, p.LogTx = time.Time{}, ""
			p.Reason, p.Next = "reason "+strconv.FormatInt(seq, 10), "what is next "+strconv.FormatInt(seq, 10)
			p.WaitsUntil = statusTime.Add(75 * time.Second)
			p.AuthorizedUntil = statusTime.Add(18 * time.Hour)
		}
		if p.State != api.PayoutConfirmed && p.State != api.PayoutSettled {
			p.UsdcTx = ""
		}
		switch p.State {
		case api.PayoutPending:
			p.AuthorizedUntil, p.Reason = time.Time{}, "opened\x1b[2J"
		case api.PayoutAuthorised:
			p.WaitsUntil, p.AuthorizedUntil = statusTime.Add(-time.Minute), statusTime.Add(-time.Second)
		case api.PayoutFailed:
			p.WaitsUntil, p.AuthorizedUntil = time.Time{}, time.Time{}
		}
		if seq == 3 { // its receipt is to come
			p.LogTx, p.Next = "", "its receipt is written soon"
		}
		all = append(all, p)
	}
	return all
}

func TestCents(t *testing.T) {
	for s, want := range map[string]string{
		"0.000000000": "0.00", "12.500000000": "12.50", "12.345678901": "12.345678901", "10.000000000": "10.00", "-1.000000010": "-1.00000001", "7": "7", "7.1": "7.1", "100.": "100.", "": "",
	} {
		if got := cents(s); got != want {
			t.Errorf("cents(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestLinks(t *testing.T) {
	hash := "0x" + strings.Repeat("aB", 32)
	for _, c := range []struct {
		chain    int64
		tx, want string
	}{
		{8453, hash, "https://basescan.org/tx/" + hash},
		{84532, hash, "https://sepolia.basescan.org/tx/" + hash},
		{1, hash, ""}, {8453, "", ""}, {8453, hash[:65], ""}, {8453, hash + "\n", ""}, {8453, "../../x?" + hash, ""},
	} {
		if got := txURL(c.chain, c.tx); got != c.want {
			t.Errorf("txURL(%d, %q) = %q, want %q", c.chain, c.tx, got, c.want)
		}
	}
}

// run tells where to look up what was paid, unless that is on a chain of this
// machine, which may have the number of a public one.
func TestPaidIsToldWithItsTransaction(t *testing.T) {
	hash := "0x" + strings.Repeat("0a", 32)
	for _, c := range []struct {
		api   string
		chain int64
		want  string
	}{
		{"https://blockrun.ai/api", 8453, "https://basescan.org/tx/" + hash},
		{"https://test.example.org/api", 84532, "https://sepolia.basescan.org/tx/" + hash},
		{"https://test.example.org/api", 1337, hash},
		{"http://127.0.0.1:8080/api", 84532, hash},
		{"http://localhost:8080/api", 8453, hash},
		{"http://[::1]:8080/api", 8453, hash},
	} {
		var out bytes.Buffer
		p := runCmd{API: c.api}.printer(console{out: &out})
		p.event(runner.Paid{Payout: 3, Amount: 10_000, Checks: 100, ChainID: c.chain, Tx: hash})
		if want := "paid $0.010000 for 100 checks, payout 3: " + c.want + "\n"; !strings.HasSuffix(out.String(), want) {
			t.Errorf("%s, chain %d: %q, want %q", c.api, c.chain, out.String(), want)
		}
	}
}
