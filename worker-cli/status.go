package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

type statusCmd struct {
	Account account `embed:""`
}

// Run shows where the worker stands, and why what is not paid yet waits.
func (s statusCmd) Run(c console) error {
	network, err := s.Account.open(c)
	if err != nil {
		return err
	}
	query := client.StatusQuery{Payouts: 20, Results: 5}
	if c.json {
		query = client.StatusQuery{Payouts: api.MaxStatusEntries, Results: api.MaxStatusEntries}
	}
	status, err := network.Status(context.Background(), query)
	if err != nil {
		return hinted(err)
	}
	if c.json {
		return printJSON(c.out, status)
	}
	show := printer{console: c}
	show.standing(status)
	show.waiting(status)
	show.latest(status)
	s.Account.noteLocal(c, append(status.Waiting, status.Payouts...))
	return nil
}

// standing is the worker's tier and its books.
func (p *printer) standing(s api.WorkerStatus) {
	p.say("%s, paid on %s", s.Address, chainName(s.ChainID))
	p.say("")
	p.say("Tier:      %s, rewards x%s; $%s paid for LLM calls so far", s.Tier, s.Multiplier, cents(s.LifetimePaidUSD))
	p.wallets(s.OwnPaidUSD, s.Linked)
	p.nextTier(s.NextTier)
	if s.NextTier != nil && len(s.Linked) == 0 {
		p.say("           What you pay with ClawRouter's Solana wallet counts, too, once it is linked: worker-cli wallet link")
	}
	p.say("Earned:    %s", usd(s.Earned))
	p.say("Paid:      %s", usd(s.Paid))
	p.say("In flight: %s", usd(s.InFlight))
	p.say("Pending:   %s for %s; the next payout is made at %s: %s to go", usd(s.Pending), counted(s.PendingResults, "check"), usd(s.Threshold), usd(s.Missing))
}

// waiting is each payout that is not paid, and what its worker may expect.
func (p *printer) waiting(s api.WorkerStatus) {
	p.say("")
	if len(s.Waiting) == 0 {
		p.say("No payout waits.")
		return
	}
	p.say("Waiting:")
	for _, w := range s.Waiting {
		p.say("  payout %d: %s for %s, since %s (%s)", w.Seq, usd(w.Amount), counted(w.ResultCount, "check"), minute(w.CreatedAt), w.State)
		for _, text := range []string{w.Reason, w.Next, until(w, s.Time)} {
			if text != "" {
				p.say("    %s", text)
			}
		}
		if w.UsdcTx != "" {
			p.say("    %s", txText(w.ChainID, w.UsdcTx))
		}
	}
	if len(s.Waiting) >= api.MaxStatusEntries {
		p.say("  and perhaps older ones")
	}
}

// until says when the network goes on with a payout, by its own clock.
func until(w api.PayoutStatus, now time.Time) string {
	var parts []string
	switch wait := w.WaitsUntil.Sub(now); {
	case w.WaitsUntil.IsZero():
	case wait <= 0:
		parts = append(parts, "the network goes on with it as soon as it can (due since "+clock(w.WaitsUntil, now)+")")
	default:
		parts = append(parts, fmt.Sprintf("the network goes on with it at %s, in %v", clock(w.WaitsUntil, now), wait.Round(time.Second)))
	}
	if !w.AuthorizedUntil.IsZero() {
		verb := "runs out"
		if !w.AuthorizedUntil.After(now) {
			verb = "ran out"
		}
		parts = append(parts, fmt.Sprintf("the signed payment %s at %s", verb, clock(w.AuthorizedUntil, now)))
	}
	return strings.Join(parts, "; ")
}

// clock is a time, with its day when that is not today's.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05 UTC")
	}
	return t.Format("2006-01-02 15:04:05 UTC")
}

// shownPayouts is how many paid ones status shows; earnings has all.
const shownPayouts = 3

// latest is what was paid and accepted most recently.
func (p *printer) latest(s api.WorkerStatus) {
	var paid []api.PayoutStatus
	for _, x := range s.Payouts {
		if x.State == api.PayoutConfirmed && len(paid) < shownPayouts {
			paid = append(paid, x)
		}
	}
	if len(paid) > 0 {
		p.say("")
		p.say("Latest payouts:")
		for _, x := range paid {
			p.say("  payout %d: %s for %s, paid %s", x.Seq, usd(x.Amount), counted(x.ResultCount, "check"), minute(x.ConfirmedAt))
			p.links(x, "    ")
		}
	}
	if len(s.Results) > 0 {
		p.say("")
		p.say("Latest accepted checks:")
		for _, r := range s.Results {
			p.say("  %s  %s  %s (x%s)  %s", r.Time.UTC().Format("2006-01-02 15:04:05 UTC"), r.TaskID, usd(r.Reward), r.Multiplier, whereabouts(r))
		}
	}
}

// links are where a payout can be seen on chain.
func (p *printer) links(x api.PayoutStatus, indent string) {
	p.say("%stransfer %s", indent, txText(x.ChainID, x.UsdcTx))
	switch {
	case x.LogTx != "":
		p.say("%sreceipt  %s", indent, txText(x.ChainID, x.LogTx))
	case x.Next != "":
		p.say("%s%s", indent, x.Next)
	}
}

// whereabouts says which payout a result is in.
func whereabouts(r api.ResultStatus) string {
	if i := strings.LastIndexByte(r.Payout, '-'); i >= 0 {
		return "in payout " + r.Payout[i+1:]
	}
	return "pending"
}

// cents cuts the zeros of an amount, but for two decimals.
func cents(s string) string {
	point := strings.IndexByte(s, '.')
	if point < 0 {
		return s
	}
	short := strings.TrimRight(s, "0")
	return short + s[len(short):max(len(short), min(point+3, len(s)))]
}
