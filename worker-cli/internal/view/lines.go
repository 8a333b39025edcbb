package view

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// Style is how a span stands out.
type Style uint8

// The styles.
const (
	Plain Style = iota
	Faint
	Strong
	Good
	Bad
	Warn
)

// Span is a piece of a line in one style.
type Span struct {
	Text  string
	Style Style
}

// Line is one line of the screen.
type Line []Span

// The least room that is drawn for; what does not fit is cut off.
const (
	minWidth, minHeight = 20, 8
	labelWidth          = 10
)

// Lines is the screen at a moment: at most height lines of at most width
// characters, the checks taking what room there is.
func (s *State) Lines(width, height int, now time.Time) []Line {
	width, height = max(width, minWidth), max(height, minHeight)
	head := s.head(now)
	foot := s.foot()
	room := height - len(head) - len(foot)
	lines := append(head, s.latest(room)...)
	lines = append(lines, foot...)
	if extra := len(lines) - height; extra > 0 { // a low screen keeps its top and how to stop
		lines = append(lines[:height-1], lines[len(lines)-1])
	}
	for i := range lines {
		lines[i] = lines[i].fit(width)
	}
	return lines
}

func (s *State) head(now time.Time) []Line {
	w := s.worker
	lines := []Line{
		{{"BlockRun worker", Strong}, {"  paid to ", Faint}, {w.Address, Plain}},
		{{fmt.Sprintf("%s, region %s, every %v; key: %s", w.API, w.Region, w.Interval, w.Wallet), Faint}},
	}
	for _, text := range w.Warnings {
		lines = append(lines, Line{{text, Warn}})
	}
	lines = append(lines, nil)
	lines = append(lines, row("running", Span{span(now.Sub(w.Started)), Plain}, Span{s.polled(now), Faint}))
	lines = append(lines, s.checked())
	lines = append(lines, row("earned", Span{usd(s.earned), Good}, Span{fmt.Sprintf("  with %s since the start", counted(s.accepted, "check")), Faint}))
	return append(append(lines, s.money(now)...), nil)
}

func (s *State) polled(now time.Time) string {
	if s.polledAt.IsZero() {
		return "  asking for the first checks"
	}
	return fmt.Sprintf("  asked for checks %s ago", span(now.Sub(s.polledAt)))
}

func (s *State) checked() Line {
	line := row("checks", Span{fmt.Sprint(s.up + s.down), Plain}, Span{fmt.Sprintf("  %d up", s.up), Good})
	if s.down > 0 {
		line = append(line, Span{fmt.Sprintf("  %d not up", s.down), Bad})
	}
	if ms := s.latencies(); len(ms) > 0 {
		line = append(line,
			Span{fmt.Sprintf("   half within %d ms, 95 %% within %d ms  ", quantile(ms, 0.5), quantile(ms, 0.95)), Faint},
			Span{spark(ms[max(0, len(ms)-keptLatencies):]), Plain})
	}
	return line
}

// money is what the network's books say.
func (s *State) money(now time.Time) []Line {
	b := s.books
	if b == nil {
		return []Line{row("pending", Span{"asking the network", Faint})}
	}
	threshold := client.Micros(b.Threshold.Micros)
	lines := []Line{row("pending", Span{usd(s.pending()), Plain}, Span{"  " + bar(s.pending(), threshold), Good},
		Span{fmt.Sprintf("  paid out at %s", usd(threshold)), Faint})}
	next := "when the network has accepted some checks"
	if in, ok := s.nextPayout(now); ok && in == 0 {
		next = "with the next accepted check"
	} else if ok {
		next = "in about " + rough(in) + ", at this pace"
	}
	lines = append(lines, row("next", Span{next, Plain}, Span{fmt.Sprintf("   tier %s, rewards x%s", b.Tier, b.Multiplier), Faint}))
	paid := row("paid", Span{usd(client.Micros(b.Paid.Micros)), Plain}, Span{lastPayout(b), Faint})
	if b.InFlight.Micros > 0 {
		paid = append(paid, Span{fmt.Sprintf("   %s on its way", usd(client.Micros(b.InFlight.Micros))), Plain}, Span{why(b), Faint})
	}
	return append(lines, paid)
}

func lastPayout(b *api.WorkerStatus) string {
	if b.LastPayoutAt.IsZero() {
		return "  no payout yet"
	}
	return "  last on " + b.LastPayoutAt.Local().Format("2 Jan 15:04")
}

// why is the reason for which the latest payout waits.
func why(b *api.WorkerStatus) string {
	if len(b.Waiting) == 0 || b.Waiting[0].Reason == "" {
		return ""
	}
	return ": " + b.Waiting[0].Reason
}

// latest are the latest checks, as many as there is room for, the latest last.
func (s *State) latest(room int) []Line {
	var lines []Line
	for _, c := range s.checks[max(0, len(s.checks)-max(room, 0)):] {
		line := Line{{c.at.Local().Format("15:04:05  "), Faint}, {fmt.Sprintf("%-24s  ", c.TaskID), Plain}}
		switch {
		case c.Success:
			line = append(line, Span{"up", Good}, Span{fmt.Sprintf("  %d  %5d ms", c.StatusCode, c.ResponseTimeMs), Plain})
		case c.StatusCode != 0:
			line = append(line, Span{fmt.Sprintf("NOT UP: %d instead of %d", c.StatusCode, c.ExpectedStatus), Bad}, Span{fmt.Sprintf("  %d ms", c.ResponseTimeMs), Plain})
		default:
			line = append(line, Span{"NOT UP: " + c.Error, Bad})
		}
		lines = append(lines, append(line, Span{"  " + c.URL, Faint}))
	}
	return lines
}

func (s *State) foot() []Line {
	var lines []Line
	if s.problem != "" {
		style := Bad
		if s.healed {
			style = Faint
		}
		lines = append(lines, nil, Line{{"last problem " + s.troubled.Local().Format("15:04:05") + "  ", Faint}, {s.problem, style}})
	}
	if s.stopping {
		return append(lines, nil, Line{{"stopping: submitting what there is; once more to stop at once", Warn}})
	}
	return append(lines, nil, Line{{"q stops, and submits what there is", Faint}})
}

func row(label string, spans ...Span) Line {
	return append(Line{{fmt.Sprintf("%-*s", labelWidth, label), Faint}}, spans...)
}

// fit cuts a line to width characters, and takes from it what could play
// tricks on a terminal: much of it was written by others.
func (l Line) fit(width int) Line {
	var fitted Line
	for _, s := range l {
		text := []rune(Printable(s.Text))
		if len(text) > width {
			text = text[:width]
		}
		if width -= len(text); len(text) > 0 {
			fitted = append(fitted, Span{string(text), s.Style})
		}
	}
	return fitted
}

// Printable has a question mark for every character of s that does not stand
// for itself on a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

func usd(m client.Micros) string { return "$" + m.String() }

// spark draws each value as a block, its height relative to the greatest.
func spark(values []int64) string {
	blocks := []rune("▁▂▃▄▅▆▇█")
	most := int64(1)
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	for _, v := range values {
		b.WriteRune(blocks[min(max(v, 0)*int64(len(blocks))/most, int64(len(blocks)-1))])
	}
	return b.String()
}

// bar draws how much of the whole there is.
func bar(part, whole client.Micros) string {
	const length = 20
	full := length
	if whole > 0 {
		full = int(min(max(part, 0), whole) * length / whole)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", length-full)
}

// span is a time that passed: "12 s", "3 min 5 s", "2 h 7 min".
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// rough is a time to come, to two digits or so.
func rough(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", max(d/time.Second, 1))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
