package view

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func example() *State {
	return New(Worker{Address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", Wallet: "/home/a/.openclaw/blockrun/wallet.key",
		API: "https://blockrun.ai/api", Region: "US-West", Interval: 30 * time.Second, Started: noon})
}

// text is the screen without its colours.
func text(s *State, width, height int, at time.Time) string {
	var b strings.Builder
	for _, l := range s.Lines(width, height, at) {
		for _, p := range l {
			b.WriteString(p.Text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func books() api.WorkerStatus {
	amount := func(micros int64) api.Amount { return api.Amount{Micros: micros} }
	return api.WorkerStatus{Tier: "silver", Multiplier: "1.2", Pending: amount(6000), Threshold: amount(10_000), Missing: amount(4000),
		Paid: amount(20_000), InFlight: amount(10_000), LastPayoutAt: noon.Add(-26 * time.Hour), Waiting: []api.PayoutStatus{{Reason: "the transfer's block is not safe yet"}}}
}

// The screen of a worker that has seen most of what can happen, whole: what
// stands in testdata is written anew with UPDATE=1.
func TestScreen(t *testing.T) {
	s := example()
	s.Event(runner.Poll{Tasks: 3}, noon.Add(time.Second))
	s.Event(runner.Check{TaskID: "task_br_health", URL: "https://blockrun.ai/api/health", Success: true, StatusCode: 200, ExpectedStatus: 200, ResponseTimeMs: 83}, noon.Add(time.Second))
	s.Event(runner.Check{TaskID: "task_br_models", URL: "https://blockrun.ai/api/v1/models", StatusCode: 429, ExpectedStatus: 200, ResponseTimeMs: 41}, noon.Add(2*time.Second))
	s.Event(runner.Check{TaskID: "task_base_rpc", URL: "https://mainnet.base.org", ExpectedStatus: 200, ResponseTimeMs: 10000, Error: "Timeout after 10000ms"}, noon.Add(11*time.Second))
	s.Books(books())
	s.Event(runner.Submitted{Accepted: 2, Rejected: 1, Earned: 220, Total: 220, NotPaid: []runner.NotPaid{{TaskID: "task_x", Status: api.Rejected, Reason: "older than 5 minutes"}}}, noon.Add(12*time.Second))
	got := text(s, 100, 24, noon.Add(20*time.Second))
	golden(t, "screen.txt", got)
	if n := strings.Count(text(s, 100, 10, noon), "\n"); n != 10 {
		t.Errorf("a screen of 10 lines gets %d", n)
	}
	for line := range strings.Lines(text(s, 40, 24, noon)) {
		if len([]rune(line)) > 41 {
			t.Errorf("%q does not fit 40 columns", line)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v, got\n%s", file, err, got)
	}
}

func TestWhatIsSaid(t *testing.T) {
	broke := runner.Problem{Doing: "poll", Error: "cannot reach the API", RetryInMs: 30_000, Waiting: 2}
	for name, c := range map[string]struct {
		happens func(s *State)
		says    string
	}{
		"at first":          {func(*State) {}, "asking for the first checks"},
		"without books":     {func(*State) {}, "pending   asking the network"},
		"a problem":         {func(s *State) { s.Event(broke, noon) }, "last problem 12:00:00  cannot reach the API; trying again in 30s (2 results kept for then)"},
		"given up":          {func(s *State) { s.Event(runner.Dropped{Results: 1, Reason: "too old"}, noon) }, "gave up 1 result: too old"},
		"refused":           {func(s *State) { s.Event(runner.Refused{TaskID: "t", Reason: "private"}, noon) }, "not checked: t: private"},
		"refused, no task":  {func(s *State) { s.Event(runner.Refused{Reason: "too many"}, noon) }, "not checked: too many"},
		"stopping":          {func(s *State) { s.Stopping() }, "stopping: submitting what there is"},
		"how to stop":       {func(*State) {}, "q stops"},
		"no pace yet":       {func(s *State) { s.Books(books()) }, "next      when the network has accepted some checks"},
		"a pace":            {func(s *State) { s.Books(books()); s.Event(runner.Submitted{Earned: 1000, Total: 1000}, noon) }, "next      in about 3 minutes, at this pace"},
		"earned since":      {func(s *State) { s.Books(books()); s.Event(runner.Submitted{Earned: 1000, Total: 1000}, noon) }, "$0.007000  ██████████████░░░░░░  paid out at $0.010000"},
		"one check is left": {func(s *State) { s.Books(books()); s.Event(runner.Submitted{Earned: 4000, Total: 4000}, noon) }, "with the next accepted check"},
		"why it waits":      {func(s *State) { s.Books(books()) }, "$0.010000 on its way: the transfer's block is not safe yet"},
		"the last payout":   {func(s *State) { s.Books(books()) }, "last on 21 Nov 10:00"},
		"nothing paid":      {func(s *State) { s.Books(api.WorkerStatus{}) }, "no payout yet"},
		"tricks":            {func(s *State) { s.Event(runner.Refused{Reason: "\x1b[2J\u202e"}, noon) }, "not checked: ?[2J?"},
		"discarded is quiet": {func(s *State) {
			s.Event(runner.Submitted{NotPaid: []runner.NotPaid{{Status: api.Discarded, Reason: "x"}}}, noon)
		}, "region US-West"},
	} {
		s := example()
		c.happens(s)
		if got := text(s, 120, 24, noon.Add(time.Minute)); !strings.Contains(got, c.says) || strings.Contains(got, "\x1b") || strings.Contains(name, "quiet") && strings.Contains(got, "problem") {
			t.Errorf("%s: %q is not in\n%s", name, c.says, got)
		}
	}
}

// A worker that runs for months takes no more memory for it.
func TestKeepsTheLatest(t *testing.T) {
	s := example()
	for i := range 10 * keptChecks {
		s.Event(runner.Check{TaskID: "t", Success: i%2 == 0, StatusCode: 200, ResponseTimeMs: int64(i)}, noon)
	}
	if len(s.checks) != keptChecks || s.up != 5*keptChecks || s.down != 5*keptChecks || s.checks[keptChecks-1].ResponseTimeMs != 10*keptChecks-1 {
		t.Errorf("%d checks, %d up, %d down", len(s.checks), s.up, s.down)
	}
}

func TestQuantile(t *testing.T) {
	values := []int64{50, 10, 40, 20, 30, 60, 70, 80, 90, 100}
	for part, want := range map[float64]int64{0.5: 50, 0.95: 100, 0.9: 90, 0.001: 10, 1: 100} {
		if got := quantile(values, part); got != want {
			t.Errorf("quantile %v is %d, want %d", part, got, want)
		}
	}
	if got := quantile([]int64{7}, 0.5); got != 7 {
		t.Error(got)
	}
}

func TestDrawings(t *testing.T) {
	if got := spark([]int64{0, 50, 100, -5}); got != "▁▅█▁" {
		t.Error(got)
	}
	for part, want := range map[int64]int{0: 0, 5: 10, 10: 20, 99: 20, -3: 0} {
		if got := strings.Count(bar(clientMicros(part), 10), "█"); got != want {
			t.Errorf("bar of %d has %d blocks, want %d", part, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-1: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s", 25 * time.Hour: "25 h 0 min"} {
		if got := span(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
	for d, want := range map[time.Duration]string{time.Millisecond: "1 s", 10 * time.Minute: "10 minutes", 5 * time.Hour: "5 hours", 100 * time.Hour: "4 days"} {
		if got := rough(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}
