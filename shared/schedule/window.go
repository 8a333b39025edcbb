package schedule

import (
	"cmp"
	"hash/fnv"
	"time"
)

// BuyerTier is what was promised to who pays for the checks (product.md, Money).
type BuyerTier string

// The buyers' tiers.
const (
	BestEffort    BuyerTier = "best_effort"
	StandardBuyer BuyerTier = "standard"
	PremiumBuyer  BuyerTier = "premium"
)

// promised is how long a window of a guaranteed task may be at most: each has
// at least one accepted check.
var promised = map[BuyerTier]time.Duration{
	StandardBuyer: time.Minute,
	PremiumBuyer:  30 * time.Second,
}

// Longest is how long the windows of such a task may be; 0: as long as its
// interval.
func (b BuyerTier) Longest() time.Duration { return promised[b] }

// Guaranteed says that a window must not pass without a check.
func (t *Task) Guaranteed() bool { return promised[t.BuyerTier] > 0 }

// Window is the time in which one check is expected: the interval, or what the
// buyer was promised when that is shorter. Windows follow each other without
// gaps. Where they begin depends on the group's name, so that the tasks of one
// group have the same windows, and those of others spread over time.
func (t *Task) Window() time.Duration {
	if longest, ok := promised[t.BuyerTier]; ok {
		return min(longest, t.Interval)
	}
	return t.Interval
}

func (t *Task) phase() int64 {
	h := fnv.New64a()
	h.Write([]byte(cmp.Or(t.Group, t.ID)))
	return int64(h.Sum64() % uint64(max(t.Window(), 1)))
}

// windowOf is the number of the window that at lies in.
func (t *Task) windowOf(at time.Time) int64 {
	return (at.UnixNano() - t.phase()) / int64(max(t.Window(), 1))
}

// startOf is when a window begins.
func (t *Task) startOf(window int64) time.Time {
	return time.Unix(0, window*int64(max(t.Window(), 1))+t.phase()).UTC()
}

// dueAfter is when the check that follows on one is due. Of best effort, the
// interval is a minimum. A guaranteed task is due at the beginning of its next
// window: counted from the last check, each would come later than its interval
// by as much as its delivery takes, until one window has none.
func (t *Task) dueAfter(accepted time.Time) time.Time {
	if t.Guaranteed() {
		return t.startOf(t.windowOf(accepted) + 1)
	}
	return accepted.Add(t.Interval)
}

// Tally is how many windows ended with an accepted check and how many without,
// as far as they are counted. Task.Windows counts on to the present. A window
// in which the task was paused or redefined is neither.
type Tally struct {
	From      time.Time // beginning of the first window that is not counted; zero: while paused, or never begun
	Delivered int64
	Missed    int64
}

// Windows are the windows that have ended until now, with an accepted check or
// without. Nothing has to have touched the task: what is stored, and that
// every accepted check counts the windows before it, is enough.
func (t *Task) Windows(now time.Time) (delivered, missed int64) {
	k := *t
	k.settle(now)
	return k.Delivered, k.Missed
}

// settle counts the windows that have ended. No check was accepted in them but
// perhaps the last one, since every win settles first.
func (t *Task) settle(now time.Time) {
	switch {
	case !t.Active:
		t.From = time.Time{}
		return
	case t.From.IsZero():
		first := t.windowOf(now)
		if t.startOf(first).Before(now) {
			first++
		}
		t.From = t.startOf(first)
		return
	}
	from, present := t.windowOf(t.From), t.windowOf(now)
	if present <= from {
		return
	}
	delivered := int64(0)
	if last := t.LastAcceptedAt; !last.Before(t.From) && t.windowOf(last) < present {
		delivered = 1
	}
	t.Delivered += delivered
	t.Missed += present - from - delivered
	t.From = t.startOf(present)
}
