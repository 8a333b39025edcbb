// Command picture draws the live view as an SVG, for the README: it reads what
// `worker-cli run --json` printed, and after it what `worker-cli status --json`
// did, and shows the screen as it was then. `make picture` runs it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/view"
)

// The screen, in characters.
const columns, lines = 100, 24

func main() {
	if err := draw(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// head is what tells the lines apart.
type head struct {
	Event string    `json:"event"` // empty for a status
	Time  time.Time `json:"time"`

	// Of start.
	Address, Wallet, API, Region string
	IntervalMs                   int64
}

func draw(in io.Reader, out io.Writer) error {
	var state *view.State
	var now time.Time
	for sc := bufio.NewScanner(in); sc.Scan(); {
		var h head
		if err := json.Unmarshal(sc.Bytes(), &h); err != nil {
			return fmt.Errorf("%w in %s", err, sc.Text())
		}
		if h.Event == "start" {
			state = view.New(view.Worker{Address: h.Address, Wallet: h.Wallet, API: h.API, Region: h.Region,
				Interval: time.Duration(h.IntervalMs) * time.Millisecond, Started: h.Time})
		}
		if state == nil {
			return fmt.Errorf("it does not begin with a start, but with %s", sc.Text())
		}
		if h.Event == "" {
			var books api.WorkerStatus
			if err := json.Unmarshal(sc.Bytes(), &books); err != nil {
				return err
			}
			state.Books(books)
			continue
		}
		now = h.Time
		if err := apply(state, h, sc.Bytes()); err != nil {
			return err
		}
	}
	if state == nil {
		return fmt.Errorf("nothing to read: want what worker-cli run --json prints")
	}
	return svg(out, state.Lines(columns, lines, now.Add(time.Second)))
}

// apply tells the state of an event; what it does not show is left out.
func apply(s *view.State, h head, line []byte) error {
	var err error
	read := func(e any) bool { err = json.Unmarshal(line, e); return err == nil }
	switch h.Event {
	case "poll":
		if e := (runner.Poll{}); read(&e) {
			s.Event(e, h.Time)
		}
	case "check":
		if e := (runner.Check{}); read(&e) {
			s.Event(e, h.Time)
		}
	case "error":
		if e := (runner.Problem{}); read(&e) {
			s.Event(e, h.Time)
		}
	case "submitted":
		var e struct {
			Accepted      int
			Earned, Total string
		}
		if !read(&e) {
			break
		}
		told := runner.Submitted{Accepted: e.Accepted}
		if told.Earned, err = client.ParseMicros(e.Earned); err != nil {
			break
		}
		told.Total, err = client.ParseMicros(e.Total)
		s.Event(told, h.Time)
	}
	return err
}

// colours are the styles' on a dark screen.
var colours = map[view.Style]string{
	view.Plain: "#e6edf3", view.Faint: "#8b949e", view.Strong: "#ffffff", view.Good: "#3fb950", view.Bad: "#ff7b72", view.Warn: "#d29922",
}

// A character's size in units of the picture.
const charWidth, lineHeight, margin = 8.4, 19, 16

func svg(out io.Writer, screen []view.Line) error {
	width, height := charWidth*columns+2*margin, lineHeight*float64(len(screen))+2*margin
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">
<title>worker-cli run</title>
<rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>
`, width, height)
	for i, l := range screen {
		column := 0
		for _, s := range l {
			// Each span stands where its column is, whatever font there is.
			if strings.TrimSpace(s.Text) != "" {
				n := len([]rune(s.Text))
				fmt.Fprintf(out, `<text x="%.1f" y="%d" fill="%s" textLength="%.1f" lengthAdjust="spacingAndGlyphs" xml:space="preserve"%s>%s</text>`+"\n",
					margin+charWidth*float64(column), margin+lineHeight*i+14, colours[s.Style], charWidth*float64(n), weight(s.Style), html.EscapeString(s.Text))
			}
			column += len([]rune(s.Text))
		}
	}
	_, err := fmt.Fprintln(out, "</svg>")
	return err
}

func weight(s view.Style) string {
	if s == view.Strong {
		return ` font-weight="bold"`
	}
	return ""
}
