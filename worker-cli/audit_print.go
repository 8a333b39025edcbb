package main

import (
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/auditor"
)

// auditPrinter says how far an audit is, on standard error, and what it found.
type auditPrinter struct {
	printer
	every time.Duration
	last  time.Time
}

func (p *auditPrinter) note(format string, args ...any) {
	fmt.Fprintln(p.err, plain(fmt.Sprintf(format, args...)))
}

// due reports whether it is time to say how far it is.
func (p *auditPrinter) due(end bool) bool {
	now := p.now()
	if p.every <= 0 || end {
		return false
	}
	if p.last.IsZero() {
		p.last = now // a short audit has nothing to say
		return p.every < time.Millisecond
	}
	if now.Sub(p.last) < p.every {
		return false
	}
	p.last = now
	return true
}

func (p *auditPrinter) progress(g auditor.Progress) {
	if !p.due(g.Next > g.To) {
		return
	}
	done, all := g.Next-g.Began, g.To+1-g.Began
	left := time.Duration(float64(g.Elapsed) * float64(all-done) / float64(done)).Round(time.Second)
	p.note("block %d of %d (%.1f%%), %d requests so far, about %v left", g.Next-1, g.To,
		100*float64(g.Next-g.From)/float64(g.To+1-g.From), g.Requests, left)
}

func (p *auditPrinter) parts(done, all int) {
	if p.due(done == all) {
		p.note("result log: %d of %d parts", done, all)
	}
}

func (p *auditPrinter) retry(err error, wait time.Duration) {
	p.note("%v; trying again in %v", err, wait)
}

// found is how many disagreements there are, listed or not.
func found(r audit.Report) int64 {
	n := int64(len(r.Disagreements) + r.Unlisted)
	if r.Log != nil {
		n += r.Log.Unlisted
	}
	return n
}

// shownDisagreements is how many are listed for people; JSON has all.
const shownDisagreements = 100

func (p *auditPrinter) report(a auditCmd, s audit.Scope, r audit.Report) error {
	if p.json {
		return printJSON(p.out, auditJSON(a, s, r))
	}
	reading := "every block read"
	if s.SendersOnly {
		reading = "only the senders' blocks read: receipts by strangers are not looked for"
	}
	p.say("%s, blocks %d to %d, %s", chainName(s.ChainID), r.From, r.To, reading)
	p.say("")
	p.workers(r)
	for i, m := range r.Waiting {
		if i == 0 {
			p.say("")
			p.say("Transfers that may still wait for their receipt:")
		}
		p.say("  $%s to %s in %s (block %d)", m.Value, m.To, txText(s.ChainID, m.Tx.Hex()), m.Block)
	}
	if l := r.Log; l != nil {
		p.say("")
		p.say("Result log: %s in %s, each signed by its worker; %s recomputed.",
			counted(l.Results, "result"), counted(int64(l.Parts), "part"), counted(int64(l.Recomputed), "payout"))
		if l.OpenPayouts > 0 {
			p.say("%s of it stand in no receipt of these blocks: in payouts that are not made yet, or elsewhere.", counted(l.OpenResults, "result"))
		}
		if l.LostResults > 0 {
			p.say("%s worth $%s were lost before they were in it, when the operator restored his database. They were paid for; which they were, only the receipts' hashes know.", counted(l.LostResults, "result"), l.LostSum)
		}
	}
	if r.Strange > 0 {
		p.say("Strangers sent %s to the log address, none of them a receipt.", counted(int64(r.Strange), "transaction"))
	}
	if r.Proven {
		p.say("The treasury's balances account for all transfers: the node left none out.")
	} else {
		p.say("That the node left no transfer out is not proven: it does not know the balance before the first block.")
	}
	p.say("")
	if r.OK() {
		p.say("All agree.")
		return nil
	}
	p.say("%s:", counted(found(r), "disagreement"))
	for _, d := range r.Disagreements[:min(len(r.Disagreements), shownDisagreements)] {
		p.say("  %s", d)
	}
	if more := found(r) - shownDisagreements; more > 0 {
		p.say("  and %d more (--json has those that are remembered)", more)
	}
	if missing(r) {
		p.say("If the result log was fetched before the last payouts were made, fetch it again.")
	}
	return nil
}

// missing reports whether results are.
func missing(r audit.Report) bool {
	for _, d := range r.Disagreements {
		if d.Kind == audit.MissingResults {
			return true
		}
	}
	return false
}

// workers are the totals of what is verified.
func (p *auditPrinter) workers(r audit.Report) {
	if len(r.Payouts) == 0 {
		p.say("No payout is verified in these blocks.")
		return
	}
	p.say("  %-42s  %7s  %8s  %14s", "worker", "payouts", "results", "paid")
	line := func(name string, w audit.Worker) {
		p.say("  %-42s  %7d  %8d  %14s", name, w.Payouts, w.Results, "$"+w.Paid.String())
	}
	for _, w := range r.Workers {
		line(w.Address.Hex(), w)
	}
	line("verified in all", total(r))
}

func total(r audit.Report) (t audit.Worker) {
	for _, w := range r.Workers {
		t.Payouts, t.Results, t.Paid = t.Payouts+w.Payouts, t.Results+w.Results, t.Paid+w.Paid
	}
	return t
}
