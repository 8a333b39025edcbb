package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// A clock that is off by more than 2 s (client.MaxClockOff) is told of, and
// what it says is corrected, up to maxCorrection: the network takes a result
// of any age up to that, so the correction puts none where it could not have
// been, and whoever's clock is a minute off goes on being paid. Beyond that the
// worker does not check: it signs when it saw something, and will not have
// that dictated by whoever answers it.
const maxCorrection = api.MaxAge

// offset is how far the network's time is ahead of this machine's, if it matters.
func (r *Runner) offset() time.Duration {
	if r.Offset == nil {
		return 0
	}
	return r.Offset()
}

// networkTime is what the network's clock shows.
func (r *Runner) networkTime() time.Time { return time.Now().Add(r.offset()) }

// clockFits is an error while the clock is too wrong to check by.
func (r *Runner) clockFits() error {
	if off := r.offset(); off.Abs() > maxCorrection {
		return &clockError{off}
	}
	return nil
}

// clockError says that nothing is checked, by how much the clock is off, and
// what to do.
type clockError struct{ off time.Duration }

func (e *clockError) Error() string {
	return fmt.Sprintf("this machine's clock is %s; nothing is checked until it is right: set it, and have it set by the network (NTP)", wrong(e.off))
}

// wrong is an offset in words.
func wrong(off time.Duration) string {
	if off > 0 {
		return off.Round(time.Second).String() + " slow"
	}
	return (-off).Round(time.Second).String() + " fast"
}

// measureClock asks for the network's time, if the clock was too wrong.
func (r *Runner) measureClock(ctx context.Context) error {
	if r.clockFits() != nil && r.Line != nil {
		_ = r.Line.Reach(ctx) // without an answer, the last one still counts
	}
	return r.clockFits()
}

// tellClock says when the clock went wrong, and when it is right again.
func (r *Runner) tellClock() {
	off := r.offset()
	if (off-r.toldOff).Abs() <= 2*time.Second || off.Abs() > maxCorrection { // that is an error of its own
		return
	}
	r.toldOff = off
	if off == 0 {
		r.Emit(Note{About: "clock", Text: "this machine's clock is right again"})
		return
	}
	r.Emit(Note{About: "clock", OffsetMs: off.Milliseconds(),
		Text: fmt.Sprintf("this machine's clock is %s; the times of checks are corrected by that, but better set it", wrong(off))})
}
