package resultlog

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

func TestACycleIsWonOnce(t *testing.T) {
	first := accepted(t, noon, nil)
	later := func(by time.Duration, change func(*Line)) Line {
		l := first
		l.AcceptedAt = l.AcceptedAt.Add(by)
		if change != nil {
			change(&l)
		}
		return l
	}
	for _, c := range []struct {
		name  string
		other Line
		twice bool
	}{
		{"at once", later(0, nil), true},
		{"a second later", later(time.Second, nil), true},
		{"at the edge", later(OneHistory, nil), true},
		{"in a slot before", later(-OneHistory+time.Second, nil), true},
		{"after a restore", later(OneHistory+time.Second, nil), false},
		{"before a restore", later(-OneHistory-time.Second, nil), false},
		{"another cycle", later(time.Second, func(l *Line) { l.Cycle++ }), false},
		{"another task", later(time.Second, func(l *Line) { l.Result.TaskID = "task_2" }), false},
		{"a task whose name begins with digits", later(0, func(l *Line) { l.Result.TaskID = "7 task_1" }), false},
	} {
		for _, lines := range [][]Line{{first, c.other}, {c.other, first}} { // parts are read in any order
			cycles := NewCycles()
			if err := cycles.Add(lines[0]); err != nil {
				t.Fatal(err)
			}
			if err := cycles.Add(lines[1]); errors.Is(err, ErrCycleTwice) != c.twice || err != nil != c.twice {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

// After a restore both histories stand in the log; what is won twice within
// one of them is found, whichever is read first.
func TestACycleWonTwiceAfterARestore(t *testing.T) {
	first := accepted(t, noon, nil)
	lines := []Line{first, first, first}
	lines[1].AcceptedAt = noon.Add(time.Hour)
	lines[2].AcceptedAt = noon.Add(time.Hour + time.Minute)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		found, cycles := 0, NewCycles()
		for _, l := range lines {
			if cycles.Add(l) != nil {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d found", found)
		}
	}
}

func TestWhatCyclesKeep(t *testing.T) {
	const n = 200_000
	l, cycles := accepted(t, noon, nil), NewCycles()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		l.Cycle = int64(i)
		l.AcceptedAt = noon.Add(time.Duration(i) * time.Minute)
		if err := cycles.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes a line", per)
	if per > 60 {
		t.Errorf("%.0f bytes a line; about 40 are documented", per)
	}
	runtime.KeepAlive(cycles)
}
