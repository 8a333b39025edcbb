package client

import (
	"net/http"
	"strconv"
	"time"
)

// MaxRetryAfter is as long as an API can send a worker away with one answer.
const MaxRetryAfter = time.Hour

// retryAfter reads the header Retry-After (RFC 9110, section 10.2.3): seconds
// or a date, which is taken by the Date of the same answer. It is 0 when there is none that makes sense.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return bound(seconds, time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			now = date // both by the clock of the one who asks
		}
		return bound(int64(at.Sub(now)), 1)
	}
	return 0
}

// bound is n units, between 0 and MaxRetryAfter.
func bound(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(MaxRetryAfter/unit))) * unit
}
