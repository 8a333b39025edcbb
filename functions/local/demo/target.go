package demo

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// target is what the demo's workers check: a small site with three kinds of
// pages.
//
//	/steady/...  always answers, at once
//	/slow/...    every fourth answer takes slowBy; every twelfth, longer than any timeout of the demo
//	/shaky/...   answers 503 for downFor out of every period
type target struct {
	now   func() time.Time
	since time.Time
	slow  atomic.Int64
}

const (
	slowBy  = 700 * time.Millisecond
	hang    = 4 * time.Second
	period  = 12 * time.Second
	downFor = 4 * time.Second
)

func newTarget(now func() time.Time) *target { return &target{now: now, since: now()} }

func (t *target) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /steady/{page}", ok)
	mux.HandleFunc("GET /slow/{page}", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(t.delay(t.slow.Add(1))):
			ok(w, r)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /shaky/{page}", func(w http.ResponseWriter, r *http.Request) {
		if t.down() {
			http.Error(w, "down for a moment", http.StatusServiceUnavailable)
			return
		}
		ok(w, r)
	})
	return mux
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"ok":true}`) }

func (t *target) delay(request int64) time.Duration {
	switch {
	case request%12 == 0:
		return hang
	case request%4 == 0:
		return slowBy
	}
	return 0
}

// down begins with an up time, so that the first checks succeed.
func (t *target) down() bool {
	return t.now().Sub(t.since)%period >= period-downFor
}
