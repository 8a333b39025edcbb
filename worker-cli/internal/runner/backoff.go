package runner

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces the attempts at something that fails.
type backoff struct {
	first, most time.Duration // the delay doubles from first to most

	fails int
	until time.Time // no attempt before; zero: at once
	asked bool      // by the API, which is not to be hurried
}

// failed returns how long to wait now: longer with each failure, and not less
// than what the API asked for. It varies a little, so that workers who failed
// together do not come back together.
func (b *backoff) failed(now time.Time, asked time.Duration) time.Duration {
	delay := b.most
	if b.fails < 16 {
		delay = min(b.first<<b.fails, b.most)
	}
	b.fails++
	b.asked = asked > 0
	delay = max(vary(delay, 0.75, 1.25), vary(asked, 1, 1.1))
	b.until = now.Add(delay)
	return delay
}

func (b *backoff) succeeded() { *b = backoff{first: b.first, most: b.most} }

// vary is d times something between low and high.
func vary(d time.Duration, low, high float64) time.Duration {
	return time.Duration(float64(d) * (low + rand.Float64()*(high-low)))
}

// sleepUntil reports whether t was reached before ctx ended.
func sleepUntil(ctx context.Context, t time.Time) bool {
	if ctx.Err() != nil {
		return false
	}
	wait := time.Until(t)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
