package view

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

// ErrAtOnce: the user asked twice to stop, and does not wait for what is left.
var ErrAtOnce = errors.New("stopped at once")

// refresh is how often the screen is drawn while nothing happens.
const refresh = time.Second

// Live draws a State on a terminal while it changes. Its methods may be called
// by any goroutine.
type Live struct {
	program *tea.Program
}

// Terminal is where a Live draws, and what it does when its user asks to stop.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	// Stop is called when the user asks for it the first time.
	Stop func()
}

// NewLive makes a view of w; Run shows it.
func NewLive(w Worker, t Terminal) *Live {
	return &Live{tea.NewProgram(&model{state: New(w), stop: t.Stop, width: 80, height: 24, now: time.Now},
		tea.WithInput(t.In), tea.WithOutput(t.Out), tea.WithoutSignalHandler(), tea.WithFPS(10), tea.WithWindowSize(80, 24))}
}

// Run draws until Close, or until the user does not want to wait any longer:
// ErrAtOnce. The terminal is then as it was before.
func (l *Live) Run() error {
	last, err := l.program.Run()
	if err != nil {
		return fmt.Errorf("draw on the terminal (--plain prints lines instead): %w", err)
	}
	if m, ok := last.(*model); ok && m.atOnce {
		return ErrAtOnce
	}
	return nil
}

// Event, Books and Stopping tell it what happened; after Run they do nothing.
func (l *Live) Event(e runner.Event) { l.program.Send(told{e, time.Now()}) }

// Books is what the network has just told of the worker's earnings.
func (l *Live) Books(b api.WorkerStatus) { l.program.Send(b) }

// Stopping says that the worker submits what it has and then ends.
func (l *Live) Stopping() { l.program.Send(stopping{}) }

// Close ends Run.
func (l *Live) Close() { l.program.Quit() }

type (
	tick     time.Time
	stopping struct{}
	told     struct {
		event runner.Event
		at    time.Time
	}
)

// model is what Bubble Tea asks for.
type model struct {
	state         *State
	stop          func()
	width, height int
	asked, atOnce bool
	now           func() time.Time
}

func (m *model) Init() tea.Cmd { return nextTick() }

func nextTick() tea.Cmd { return tea.Tick(refresh, func(t time.Time) tea.Msg { return tick(t) }) }

// Update is called for one message at a time.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tick:
		return m, nextTick()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	case told:
		m.state.Event(msg.event, msg.at)
	case api.WorkerStatus:
		m.state.Books(msg)
	case stopping:
		m.asked = true
		m.state.Stopping()
	}
	return m, nil
}

// key stops the worker, and the second time does not wait for it.
func (m *model) key(name string) tea.Cmd {
	if name != "q" && name != "ctrl+c" {
		return nil
	}
	if m.asked {
		m.atOnce = true
		return tea.Quit
	}
	m.asked = true
	m.state.Stopping()
	m.stop()
	return nil
}

func (m *model) View() tea.View {
	v := tea.NewView(ANSI(m.state.Lines(m.width, m.height, m.now())))
	v.AltScreen = true
	return v
}

// sgr are the ECMA-48 attributes of the styles.
var sgr = map[Style]string{Faint: "2", Strong: "1", Good: "32", Bad: "31", Warn: "33"}

// ANSI writes lines for a terminal.
func ANSI(lines []Line) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, s := range l {
			if code := sgr[s.Style]; code != "" {
				fmt.Fprintf(&b, "\x1b[%sm%s\x1b[m", code, s.Text)
				continue
			}
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// Follow asks for the books when there may be news of them, until ctx ends: at
// the start and after each submission, but not more often than every so often.
// What goes wrong is not told: the worker's own exchanges tell of it.
func Follow(ctx context.Context, news <-chan struct{}, every time.Duration, ask func(context.Context)) {
	for {
		ask(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		select {
		case <-ctx.Done():
			return
		case <-news:
		}
	}
}
