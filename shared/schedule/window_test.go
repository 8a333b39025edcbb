package schedule

import (
	"fmt"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		tier     BuyerTier
		interval time.Duration
		want     time.Duration
	}{
		{BestEffort, 5 * time.Minute, 5 * time.Minute},
		{"", time.Second, time.Second},
		{StandardBuyer, time.Hour, time.Minute},
		{StandardBuyer, 20 * time.Second, 20 * time.Second},
		{PremiumBuyer, time.Minute, 30 * time.Second},
		{PremiumBuyer, 10 * time.Second, 10 * time.Second},
	} {
		k := Task{ID: "t", BuyerTier: c.tier, Interval: c.interval}
		if got := k.Window(); got != c.want {
			t.Errorf("%s every %v: window of %v, want %v", c.tier, c.interval, got, c.want)
		}
	}
}

// Windows have no gaps, spread over tasks, and are the same for a group.
func TestWindowsAreAligned(t *testing.T) {
	starts := map[time.Duration]bool{}
	for i := range 100 {
		k := Task{ID: fmt.Sprint("task", i), Interval: 30 * time.Second, BuyerTier: PremiumBuyer}
		n := k.windowOf(t0)
		from, to := k.startOf(n), k.startOf(n+1)
		if t0.Before(from) || !t0.Before(to) || to.Sub(from) != 30*time.Second || k.windowOf(from) != n || k.windowOf(to.Add(-1)) != n {
			t.Fatalf("%s: %v is in window %d from %v to %v", k.ID, t0, n, from, to)
		}
		starts[t0.Sub(from)/(3*time.Second)] = true
		other := Task{ID: k.ID + ":EU", Group: k.ID, Interval: time.Minute, BuyerTier: PremiumBuyer}
		if !other.startOf(n).Equal(from) {
			t.Errorf("%s and %s have different windows", k.ID, other.ID)
		}
	}
	if len(starts) != 10 {
		t.Errorf("the windows of 100 tasks begin in %d of 10 parts", len(starts))
	}
}

// A guaranteed task is due when its window begins, not an interval after its
// last check; best effort the other way.
func TestDue(t *testing.T) {
	for _, tier := range []BuyerTier{BestEffort, PremiumBuyer, StandardBuyer} {
		k := Task{ID: "t", Timeout: time.Second, Interval: 20 * time.Second, BuyerTier: tier, Active: true}
		k.Open(t0)
		if !k.DueAt.Equal(t0) || !k.OfferAt.Equal(t0) {
			t.Errorf("%s: a new task is due at %v", tier, k.DueAt)
		}
		at := k.startOf(k.windowOf(t0) + 1).Add(12 * time.Second)
		k.win(at)
		want := at.Add(20 * time.Second)
		if k.Guaranteed() {
			want = at.Add(8 * time.Second)
		}
		if !k.DueAt.Equal(want) || !k.OfferAt.Equal(want) {
			t.Errorf("%s: due after %v, want %v", tier, k.DueAt.Sub(at), want.Sub(at))
		}
		k.win(at.Add(-2 * time.Second)) // by an instance whose clock is behind
		if !k.LastAcceptedAt.Equal(at) || !k.DueAt.Equal(want) {
			t.Errorf("%s: the last check went back to %v, due at %v", tier, k.LastAcceptedAt, k.DueAt)
		}
	}
}

func TestTally(t *testing.T) {
	k := Task{ID: "t", Timeout: time.Second, Interval: 30 * time.Second, BuyerTier: PremiumBuyer, Active: true}
	first := k.startOf(k.windowOf(t0) + 1)
	k.Open(t0)
	at := func(window int, after time.Duration) time.Time {
		return first.Add(time.Duration(window)*30*time.Second + after)
	}
	read := func(now time.Time, delivered, missed int64) {
		t.Helper()
		before := k.Tally
		if d, m := k.Windows(now); d != delivered || m != missed {
			t.Errorf("at %v: %d delivered and %d missed, want %d and %d", now.Sub(first), d, m, delivered, missed)
		}
		if k.Tally != before {
			t.Errorf("reading changed the tally to %+v", k.Tally)
		}
	}
	k.win(first.Add(-1)) // in the part of a window before the first whole one
	read(at(0, 29*time.Second), 0, 0)
	read(at(1, 0), 0, 1)
	k.win(at(1, 0))
	k.win(at(1, 29*time.Second)) // twice is once
	read(at(1, 30*time.Second-1), 0, 1)
	read(at(2, 0), 1, 1)
	k.win(at(5, 3*time.Second)) // 2, 3, 4 passed
	read(at(6, 0), 2, 4)
	read(at(106, 0), 2, 104)

	paused := k
	paused.Active = false
	k.Redefine(&paused, at(6, time.Second))
	read(at(50, 0), 2, 4)
	k.Redefine(&Task{ID: "t", Timeout: time.Second, Interval: 30 * time.Second, BuyerTier: PremiumBuyer, Active: true}, at(50, time.Second))
	read(at(51, 29*time.Second), 2, 4) // 6 and 50 were begun, and are neither
	read(at(52, 0), 2, 5)
}
