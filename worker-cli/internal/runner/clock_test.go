package runner

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// A clock that is off is told of and corrected; one that is far off, told of
// and not worked by; a good one, not mentioned.
func TestClock(t *testing.T) {
	for off, c := range map[time.Duration]struct {
		accepted int
		note     string
	}{
		0:                           {2, ""},
		3 * time.Second:             {2, "3s slow; the times of checks are corrected"},
		-61 * time.Second:           {2, "1m1s fast"},
		5 * time.Minute:             {2, "5m0s slow"},
		5*time.Minute + time.Second: {0, ""},
		-8 * time.Hour:              {0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := &network{tasks: first(give(1, 2))}
			n.before = func(_ int, results []api.Result) error {
				for _, r := range results {
					if age := time.Now().Add(off).UnixMilli() - r.Timestamp; age < 0 || age > 2000 {
						t.Errorf("%v: a result of the age of %d ms", off, age)
					}
				}
				return nil
			}
			w := newWorker(n)
			w.Offset = func() time.Duration { // known with the first answer
				if len(n.polledAt) == 0 {
					return 0
				}
				return off
			}
			w.runFor(t, 20*time.Minute)
			if len(n.batches) > 0 != (c.accepted > 0) || w.totals.Checks != c.accepted {
				t.Errorf("%v: %+v", off, w.totals)
			}
			notes := events[Note](w)
			if (c.note != "") != (len(notes) == 1) || c.note != "" && (notes[0].About != "clock" || notes[0].OffsetMs != off.Milliseconds() || !strings.Contains(notes[0].Text, c.note)) {
				t.Errorf("%v: notes %+v", off, notes)
			}
			problems := events[Problem](w)
			if c.accepted > 0 {
				if len(problems) > 0 {
					t.Errorf("%v: %+v", off, problems)
				}
				return
			}
			if len(n.polledAt) != 1 || len(problems) == 0 || problems[0].Doing != "clock" || !strings.Contains(problems[0].Error, "nothing is checked until it is right") {
				t.Errorf("%v: %d polls, %+v", off, len(n.polledAt), problems)
			}
		})
	}
}

// Once the clock has been set the worker goes on by itself, and says so.
func TestClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(1)}
		w := newWorker(n)
		start := time.Now()
		l := &line{}
		w.Line = l
		w.Offset = func() time.Duration {
			switch since := time.Since(start); {
			case since < 10*time.Minute:
				return time.Hour
			case since < 20*time.Minute:
				return 10 * time.Second
			}
			return 0
		}
		w.runFor(t, 30*time.Minute)
		if l.reached < 2 || n.polledAt[0].Sub(start) < 10*time.Minute || w.totals.Accepted < 20 {
			t.Errorf("the line was asked %d times, polled after %v, %+v", l.reached, n.polledAt[0].Sub(start), w.totals)
		}
		notes := events[Note](w)
		if len(notes) != 2 || notes[0].OffsetMs != 10_000 || notes[1].Text != "this machine's clock is right again" {
			t.Errorf("%+v", notes)
		}
	})
}

// Over HTTP, with a network whose clock is ahead: its Date is enough. A poll
// that was refused for its time is made again at once.
func TestClockOverHTTP(t *testing.T) {
	const off = 90 * time.Second
	var stamped []int64
	n := &network{tasks: give(1), before: func(_ int, results []api.Result) error {
		for _, r := range results {
			stamped = append(stamped, r.Timestamp)
		}
		return nil
	}}
	polls := 0
	inner := overHTTP(n)
	p := &port{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		if r.URL.Path == api.TasksPath {
			if polls++; polls == 1 {
				http.Error(w, `{"error":"too old","code":"proof_clock"}`, http.StatusUnauthorized)
				return
			}
		}
		inner.ServeHTTP(w, r)
	})}
	defer p.close()
	c, err := client.New(p.open(t), "0x", "", "Test/1")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(c)
	w.Offset = c.ClockOffset
	before := time.Now()
	if err := w.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if polls != 2 || len(stamped) != 1 {
		t.Fatalf("%d polls, %d results", polls, len(stamped))
	}
	if late := time.UnixMilli(stamped[0]).Sub(before.Add(off)).Abs(); late > 3*time.Second {
		t.Errorf("the result's time is %v off", late)
	}
}
