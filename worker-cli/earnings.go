package main

import (
	"context"
	"errors"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

type earningsCmd struct {
	Account account `embed:""`
	Days    int     `default:"30" help:"How many days back, today included; 0 for all."`
}

// The bounds of one look back.
const (
	maxDays  = 3650
	maxPages = 100
)

// Run shows what was earned day by day, and each payout with its transactions.
func (e earningsCmd) Run(c console) error {
	if e.Days < 0 || e.Days > maxDays {
		return usageError{errors.New("--days must be 0 to 3650")}
	}
	network, err := e.Account.open(c)
	if err != nil {
		return err
	}
	h, err := e.collect(context.Background(), network)
	if err != nil {
		return hinted(err)
	}
	if c.json {
		return printJSON(c.out, h)
	}
	show := printer{console: c}
	show.days(h)
	show.payouts(h)
	e.Account.noteLocal(c, h.status)
	return nil
}

// earnings is what a worker earned, in JSON. A payout counts on the day of its
// last check, in UTC; the days' earnings and what is pending add up to all that
// was earned in them.
type earnings struct {
	Address  string        `json:"address"`
	ChainID  int64         `json:"chainId"`
	Since    string        `json:"since,omitempty"` // the first day, YYYY-MM-DD; all if left out
	Complete bool          `json:"complete"`        // false: older payouts were too many to fetch
	Pending  client.Micros `json:"pending"`         // in no payout yet
	Checks   int64         `json:"pendingChecks"`
	Total    earned        `json:"total"` // of the days below and of what is pending
	Days     []day         `json:"days"`  // those with payouts, the latest first
	Payouts  []payout      `json:"payouts"`

	status []api.PayoutStatus
}

type earned struct {
	Payouts int64         `json:"payouts"`
	Checks  int64         `json:"checks"`
	Earned  client.Micros `json:"earned"`
	Paid    client.Micros `json:"paid"` // of Earned, in confirmed payouts
}

type day struct {
	Day string `json:"day"` // YYYY-MM-DD, UTC
	earned
}

type payout struct {
	api.PayoutStatus
	UsdcTxURL string `json:"usdcTxUrl,omitempty"`
	LogTxURL  string `json:"logTxUrl,omitempty"`
}

// collect fetches the payouts of the days asked for, page by page.
func (e earningsCmd) collect(ctx context.Context, network *client.Client) (earnings, error) {
	page, err := network.Status(ctx, client.StatusQuery{Payouts: api.MaxStatusEntries})
	if err != nil {
		return earnings{}, err
	}
	var since time.Time
	h := earnings{
		Address: page.Address, ChainID: page.ChainID, Complete: true, Pending: client.Micros(page.Pending.Micros), Checks: page.PendingResults,
		Days: []day{}, Payouts: []payout{},
	}
	h.Total.Checks, h.Total.Earned = h.Checks, h.Pending
	if e.Days > 0 {
		since = page.Time.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-e.Days)
		h.Since = since.Format(time.DateOnly)
	}
	for pages := 1; ; pages++ {
		for _, p := range page.Payouts {
			if p.CreatedAt.Before(since) {
				return h, nil
			}
			h.add(p)
		}
		if page.NextBefore == 0 {
			return h, nil
		}
		if pages == maxPages {
			h.Complete = false
			return h, nil
		}
		if page, err = network.Status(ctx, client.StatusQuery{Payouts: api.MaxStatusEntries, Before: page.NextBefore}); err != nil {
			return earnings{}, err
		}
	}
}

// add counts a payout that is older than those before.
func (h *earnings) add(p api.PayoutStatus) {
	date := p.CreatedAt.UTC().Format(time.DateOnly)
	if n := len(h.Days); n == 0 || h.Days[n-1].Day != date {
		h.Days = append(h.Days, day{Day: date})
	}
	for _, e := range []*earned{&h.Days[len(h.Days)-1].earned, &h.Total} {
		e.Payouts++
		e.Checks += p.ResultCount
		e.Earned += client.Micros(p.Amount.Micros)
		if p.State == api.PayoutConfirmed {
			e.Paid += client.Micros(p.Amount.Micros)
		}
	}
	h.status = append(h.status, p)
	h.Payouts = append(h.Payouts, payout{p, txURL(p.ChainID, p.UsdcTx), txURL(p.ChainID, p.LogTx)})
}

func (p *printer) days(h earnings) {
	span := "since " + h.Since
	if h.Since == "" {
		span = "in all"
	}
	p.say("Earned by %s on %s, %s", h.Address, chainName(h.ChainID), span)
	p.say("")
	line := func(name string, e earned) {
		p.say("  %-10s  %7d  %7d  %13s  %13s", name, e.Payouts, e.Checks, "$"+e.Earned.String(), "$"+e.Paid.String())
	}
	p.say("  %-10s  %7s  %7s  %13s  %13s", "day (UTC)", "payouts", "checks", "earned", "of it paid")
	for _, d := range h.Days {
		line(d.Day, d.earned)
	}
	line("pending", earned{Checks: h.Checks, Earned: h.Pending})
	line("total", h.Total)
	p.say("")
	p.say("A payout counts on the day of its last check.")
	if !h.Complete {
		p.say("Older payouts were left out: there are too many.")
	}
}

func (p *printer) payouts(h earnings) {
	if len(h.status) > 0 {
		p.say("")
		p.say("Payouts:")
	}
	waits := false
	for _, x := range h.status {
		head := func(end string) {
			p.say("  %d  %s  %s for %s, %s", x.Seq, minute(x.CreatedAt), usd(x.Amount), counted(x.ResultCount, "check"), end)
		}
		switch x.State {
		case api.PayoutConfirmed:
			head("paid " + minute(x.ConfirmedAt))
			p.links(x, "     ")
			continue
		case api.PayoutFailed:
			head("FAILED: " + x.Reason)
		default:
			head("not paid yet: " + x.Reason)
		}
		waits = true
	}
	if waits {
		p.say("")
		p.say("worker-cli status says what happens next to those that are not paid.")
	}
}
