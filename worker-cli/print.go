package main

import (
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/view"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

// printer writes what the worker does, as lines for people or as JSON.
type printer struct {
	console
	now   func() time.Time
	idle  bool // the last poll brought nothing, and that has been said
	dated bool // lines have their date, too
	local bool // the API is on this machine, and so is its chain: no explorer knows its transactions
}

// started is the first event of run, in JSON.
type started struct {
	Address      string `json:"address"`
	Wallet       string `json:"wallet"`
	API          string `json:"api"`
	Region       string `json:"region"`
	IntervalMs   int64  `json:"intervalMs"`
	AllowPrivate bool   `json:"allowPrivate"`
}

func (started) Kind() string { return "start" }

// start says what will happen, with which wallet, what it costs and uses.
func (p *printer) start(r runCmd, w *wallet.Wallet) {
	if p.json {
		p.event(started{w.Address, w.Source, r.API, r.Region, r.Interval.Milliseconds(), r.AllowPrivate})
	} else {
		rhythm := "every " + r.Interval.String() + ", until Ctrl-C"
		if r.Once {
			rhythm = "once"
		}
		p.say("This checks public web addresses for %s %s, and is paid in USDC to %s (key: %s). It costs you nothing; it uses bandwidth: about 5 KB a check and the page it reads, at most 64 KB of it, so some 50 MB a day with three small pages every 30 s.",
			r.API, rhythm, w.Address, w.Source)
	}
	if w.Warning != "" {
		fmt.Fprintf(p.err, "warning: %s\n", w.Warning)
	}
	if r.AllowPrivate {
		fmt.Fprintln(p.err, "WARNING: --allow-private is on. Whoever hands out the tasks can make this worker reach this machine and everything on its network.\n"+
			"WARNING: Use it only with an API of your own, for local development.")
	}
}

// event prints one event.
func (p *printer) event(e runner.Event) {
	if p.json {
		_ = p.eventJSON(e) // a reader that went away is no reason to stop
		return
	}
	switch e := e.(type) {
	case runner.Poll:
		if e.Tasks == 0 && !p.idle {
			p.line("nothing to check right now")
		}
		p.idle = e.Tasks == 0
	case runner.Check:
		p.line("%s", checkLine(e))
	case runner.Refused:
		if e.TaskID == "" {
			p.line("not checked: %s", e.Reason)
			return
		}
		p.line("%s  not checked: %s  (%s)", e.TaskID, e.Reason, e.URL)
		if e.Hint != "" {
			p.line("%s  %s", e.TaskID, e.Hint)
		}
	case runner.Withheld:
		p.line("%s failed, and nothing is said of their targets: %s", counted(int64(e.Checks), "check"), e.Reason)
	case runner.Limited:
		p.line("%s left out: the limits allow no more in this minute", counted(int64(e.Checks), "check"))
	case runner.Note:
		p.line("%s: %s", e.About, e.Text)
	case runner.Paid:
		p.line("paid $%s for %s, payout %d: %s", e.Amount, counted(e.Checks, "check"), e.Payout, p.tx(e.ChainID, e.Tx))
	case runner.Submitted:
		p.submitted(e)
	case runner.Problem:
		p.line("%s; trying again in %v%s", e.Error, e.RetryIn().Round(100*time.Millisecond), waiting(e.Waiting))
	case runner.Dropped:
		p.line("gave up %s: %s", results(e.Results), e.Reason)
	case runner.Stopped:
		p.line("stopped; checks: %d, earned $%s with %s", e.Checks, e.Earned, results(e.Accepted))
		if e.Unsent > 0 {
			p.line("%s could not be submitted%s", results(e.Unsent), kept(e.Kept))
		}
	}
}

// tx is where to look up a transaction that was just made.
func (p *printer) tx(chainID int64, tx string) string {
	if p.local {
		return tx
	}
	return txText(chainID, tx)
}

func (p *printer) submitted(e runner.Submitted) {
	p.line("earned $%s with %s ($%s since the start)", e.Earned, results(e.Accepted), e.Total)
	if e.Recounted > 0 {
		p.line("%s had been counted already, but the API's answer was lost", results(e.Recounted))
	}
	for _, n := range e.NotPaid {
		task := n.TaskID
		if task != "" {
			task += ": "
		}
		p.line("not paid: %s%s", task, n.Reason)
	}
}

func checkLine(e runner.Check) string {
	switch {
	case e.Success:
		return fmt.Sprintf("%s  up: %d in %d ms  (%s)", e.TaskID, e.StatusCode, e.ResponseTimeMs, e.URL)
	case e.StatusCode != 0:
		return fmt.Sprintf("%s  NOT UP: %d instead of %d, in %d ms  (%s)", e.TaskID, e.StatusCode, e.ExpectedStatus, e.ResponseTimeMs, e.URL)
	}
	return fmt.Sprintf("%s  NOT UP: %s  (%s)", e.TaskID, e.Error, e.URL)
}

func results(n int) string {
	if n == 1 {
		return "1 result"
	}
	return fmt.Sprintf("%d results", n)
}

func kept(yes bool) string {
	if !yes {
		return ""
	}
	return ": kept, and submitted if the worker is started again within five minutes"
}

func waiting(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s kept for then)", results(n))
}

// line prints a line with the time of day.
func (p *printer) line(format string, args ...any) {
	layout := time.TimeOnly
	if p.dated {
		layout = time.DateTime
	}
	p.say(p.now().Format(layout)+"  "+format, args...)
}

func (p *printer) say(format string, args ...any) {
	fmt.Fprintln(p.out, p.typed(plain(fmt.Sprintf(format, args...))))
}

// plain takes from a line what could play tricks on a terminal: much of it
// was written by others.
func plain(s string) string { return view.Printable(s) }

// eventJSON prints an event as one object: its kind, the time, its own fields.
func (p *printer) eventJSON(e runner.Event) error {
	head, err := encode(struct {
		Event string    `json:"event"`
		Time  time.Time `json:"time"`
	}{e.Kind(), p.now().UTC().Truncate(time.Millisecond)})
	if err != nil {
		return err
	}
	body, err := encode(e)
	if err != nil {
		return err
	}
	if string(body) != "{}" {
		head[len(head)-1] = ','
		head = append(head, body[1:]...)
	}
	_, err = p.out.Write(append(head, '\n'))
	return err
}
