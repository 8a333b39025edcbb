package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// row is what is known of one worker: the first half from its own output, the
// second from chain data alone.
type row struct {
	Name    string
	Address common.Address
	Checks  int64         // accepted
	Earned  ledger.Micros // as the worker was told

	Paid     ledger.Micros // receipts that match their transfer
	Payouts  int           // such receipts
	Transfer common.Hash   // of the latest
	Receipt  common.Hash
}

// verified: paid at least once, receipted, and both found on chain.
func (r row) verified() bool { return r.Payouts > 0 }

// stage says in a few words how far the worker has come.
func (r row) stage() string {
	switch {
	case r.verified():
		return "paid, receipted and verified"
	case r.Checks == 0:
		return "waiting for its first check"
	case r.Earned < threshold:
		return "earning"
	default:
		return "payout under way"
	}
}

// view shows the rows while they change.
type view interface {
	show(elapsed time.Duration, rows []row)
}

// liveView redraws its lines in place on a terminal.
type liveView struct {
	out   io.Writer
	width func() int
	drawn int // lines on the screen
}

func (v *liveView) show(elapsed time.Duration, rows []row) {
	lines := table(rows)
	lines = append(lines, fmt.Sprintf("%3ds of at most %.0fs", int(elapsed.Seconds()), limit.Seconds()))
	width := v.width()
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	for _, l := range lines {
		// A line that wrapped would take two on the screen and spoil the count.
		if r := []rune(l); width > 1 && len(r) >= width {
			l = string(r[:width-1])
		}
		fmt.Fprintf(&b, "\r\x1b[2K%s\n", l)
	}
	v.drawn = len(lines)
	io.WriteString(v.out, b.String())
}

// plainView prints a line whenever a worker has come a step further.
type plainView struct {
	out  io.Writer
	last map[common.Address]string
}

func (v *plainView) show(elapsed time.Duration, rows []row) {
	if v.last == nil {
		v.last = map[common.Address]string{}
	}
	for _, r := range rows {
		step := r.stage()
		if r.verified() {
			step = fmt.Sprintf("paid %s USDC in all, transfer %s, receipt %s, both verified on chain", r.Paid, short(r.Transfer), short(r.Receipt))
		}
		if v.last[r.Address] == step {
			continue
		}
		v.last[r.Address] = step
		fmt.Fprintf(v.out, "%4ds  %s  %s (%s, %s USDC earned)\n", int(elapsed.Seconds()), r.Name, step, checks(r.Checks), r.Earned)
	}
}

// table has what matters most on the left: what a narrow terminal cuts off
// stands on chain, and in the last words of the tour.
func table(rows []row) []string {
	const form = "%-9s  %6s  %9s  %9s  %-28s  %-15s  %-15s  %s"
	lines := []string{fmt.Sprintf(form, "worker", "checks", "earned", "paid", "", "transfer", "receipt", "address")}
	for _, r := range rows {
		transfer, receipt := "", ""
		if r.verified() {
			transfer, receipt = short(r.Transfer), short(r.Receipt)
		}
		lines = append(lines, fmt.Sprintf(form, r.Name, fmt.Sprint(r.Checks), r.Earned, r.Paid, r.stage(), transfer, receipt, short(r.Address)))
	}
	return lines
}

// short keeps the two ends of an address or a hash.
func short(hex interface{ Hex() string }) string {
	s := strings.ToLower(hex.Hex())
	return s[:8] + "…" + s[len(s)-4:]
}

// checks is a number of them, for people.
func checks(n int64) string {
	if n == 1 {
		return "1 check"
	}
	return fmt.Sprintf("%d checks", n)
}
