package runner

import (
	"sync"
	"time"
)

// Limits are the most that a worker does in any minute. Nil is none.
type Limits struct {
	mu     sync.Mutex
	checks window
	bytes  window
	now    func() time.Time
}

// NewLimits allows so many checks, and bytes of all checks together, in any 60
// seconds; 0 is any number. A check that has begun is not broken off: so the
// bytes may be exceeded by what ten checks move.
func NewLimits(checks, bytes int64) *Limits {
	return &Limits{checks: window{most: checks}, bytes: window{most: bytes}, now: time.Now}
}

// Moved counts bytes that checks have moved.
func (l *Limits) Moved(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes.add(l.now(), int64(bytes))
}

// take counts one more check, if there may be one.
func (l *Limits) take() bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.checks.wait(now) > 0 || l.bytes.wait(now) > 0 {
		return false
	}
	l.checks.add(now, 1)
	return true
}

// wait is how long until there may be one more check.
func (l *Limits) wait() time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	return max(l.checks.wait(now), l.bytes.wait(now))
}

// slots is how many seconds a window remembers: a minute, and the second that
// has begun.
const slots = 61

// window counts what happened in the last minute, by seconds.
type window struct {
	most  int64 // 0 is any number
	count [slots]int64
	last  int64 // the second that was counted last
}

// roll forgets what is older than a minute.
func (w *window) roll(now time.Time) {
	second := now.Unix()
	if second < w.last || second >= w.last+slots {
		w.count = [slots]int64{} // also when the clock was set back
		w.last = second
	}
	for ; w.last < second; w.last++ {
		w.count[(w.last+1)%slots] = 0
	}
}

func (w *window) add(now time.Time, n int64) {
	w.roll(now)
	w.count[w.last%slots] += n
}

// wait is how long until less than the most has happened in a minute.
func (w *window) wait(now time.Time) time.Duration {
	w.roll(now)
	var sum int64
	for _, n := range w.count {
		sum += n
	}
	if w.most == 0 || sum < w.most {
		return 0
	}
	for age := int64(slots - 1); age >= 0; age-- { // the oldest seconds go first
		second := w.last - age
		if sum -= w.count[((second%slots)+slots)%slots]; sum < w.most {
			return max(time.Unix(second+slots, 0).Sub(now), time.Millisecond)
		}
	}
	return time.Minute
}
