package client

import (
	"net/http"
	"sync"
	"time"
)

// MaxClockOff is how wrong this machine's clock may be before it matters.
const MaxClockOff = 2 * time.Second

// keptDates is how many answers an estimate of the clock rests on.
const keptDates = 8

// clock compares this machine's clock with the API's, by the Date of its
// answers (RFC 9110, section 6.6.1). A Date is cut to whole seconds and was
// written between the request and the answer: so each is a range that the
// offset lies in, and several are a narrower one.
type clock struct {
	mu    sync.Mutex
	dates []offsets // the latest last
}

// offsets are the least and the most that the API's clock can be ahead.
type offsets struct{ low, high time.Duration }

// heard takes the Date of an answer to a request that was made at asked, both
// by this machine's wall clock.
func (c *clock) heard(h http.Header, asked, answered time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dates = append(c.dates, offsets{date.Sub(answered.Round(0)), date.Add(time.Second).Sub(asked.Round(0))})
	c.dates = c.dates[max(0, len(c.dates)-keptDates):]
}

// offset is what all dates agree on. When they do not agree the clock was set,
// and only the latest ones that do count.
func (c *clock) offset() (o offsets, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.dates) - 1; i >= 0; i-- {
		d := c.dates[i]
		if !known {
			o, known = d, true
			continue
		}
		narrower := offsets{max(o.low, d.low), min(o.high, d.high)}
		if narrower.low > narrower.high {
			break
		}
		o = narrower
	}
	return o, known
}

// ClockOffset is how far the API's clock is ahead of this machine's, behind
// when it is negative; 0 unless it is more than MaxClockOff for certain.
func (c *Client) ClockOffset() time.Duration {
	o, known := c.clock.offset()
	if known && (o.low > MaxClockOff || o.high < -MaxClockOff) {
		return (o.low + o.high) / 2
	}
	return 0
}
