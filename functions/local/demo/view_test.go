package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

func someRows() []row {
	return []row{
		{Name: "worker-1", Address: common.HexToAddress("0x1111111111111111111111111111111111111111")},
		{Name: "worker-2", Address: common.HexToAddress("0x2222222222222222222222222222222222222222"), Checks: 12, Earned: 10_800,
			Paid: 10_800, Payouts: 1, Transfer: common.HexToHash("0xaa"), Receipt: common.HexToHash("0xbb")},
	}
}

// Each redraw covers exactly the lines of the one before, and no line is as
// wide as the terminal.
func TestLiveViewRedrawsInPlace(t *testing.T) {
	var out strings.Builder
	v := &liveView{out: &out, width: func() int { return 60 }}
	v.show(time.Second, someRows())
	first := out.String()
	if strings.Contains(first, "A\r") || strings.Count(first, "\n") != 4 {
		t.Errorf("first drawing %q: want 4 lines and no step up", first)
	}
	out.Reset()
	v.show(2*time.Second, someRows())
	if !strings.HasPrefix(out.String(), "\x1b[4A\r\x1b[2K") {
		t.Errorf("second drawing begins %q, want 4 lines up", out.String()[:20])
	}
	for l := range strings.Lines(out.String()) {
		l = strings.TrimPrefix(l, "\x1b[4A")
		l = strings.TrimSuffix(strings.TrimPrefix(l, "\r\x1b[2K"), "\n")
		if n := len([]rune(l)); n >= 60 {
			t.Errorf("%d characters on a terminal of 60: %q", n, l)
		}
	}
}

// A plain line is printed once for each step of a worker, never again.
func TestPlainViewPrintsSteps(t *testing.T) {
	var out strings.Builder
	v := &plainView{out: &out}
	rows := someRows()
	v.show(0, rows)
	v.show(time.Second, rows)
	if got := strings.Count(out.String(), "\n"); got != 2 {
		t.Errorf("%d lines, want 2:\n%s", got, out.String())
	}
	for _, want := range []string{"worker-1  waiting for its first check", "worker-2  paid 0.010800 USDC", "0x000000…00aa", "0x000000…00bb"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	out.Reset()
	rows[0].Checks, rows[0].Earned = 3, 2_700
	v.show(2*time.Second, rows)
	if got := out.String(); got != "   2s  worker-1  earning (3 checks, 0.002700 USDC earned)\n" {
		t.Errorf("got %q", got)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("a plain line holds a control sequence")
	}
}
