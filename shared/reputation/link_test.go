package reputation

import (
	"cmp"
	"errors"
	"math"
	"math/big"
	"testing"
	"time"
)

func TestFollows(t *testing.T) {
	at := time.UnixMilli(1_785_585_600_000)
	link := func(worker string, later time.Duration, relink bool) Link {
		return Link{Solana: "S", Worker: worker, At: at.Add(later), Relink: relink}
	}
	stored := link("a", 0, false)
	stored.Since = at
	for _, c := range []struct {
		name   string
		stored *Link
		link   Link
		others int
		want   LinkChange
		err    error
		after  time.Duration // since the stored one; MinLinked unless told
	}{
		{"the first", nil, link("a", 0, false), 0, NewLink, nil, 0},
		{"the first, as a relink", nil, link("a", 0, true), 0, NewLink, nil, 0},
		{"again", &stored, link("a", 0, false), 0, RepeatLink, nil, 0},
		{"again, of later", &stored, link("a", 1, false), 0, RepeatLink, nil, 0},
		{"again, of earlier", &stored, link("a", -1, true), 0, RepeatLink, nil, 0},
		{"again, with many", &stored, link("a", 0, false), MaxLinked, RepeatLink, nil, 0},
		{"another's", &stored, link("b", 1, false), 0, 0, ErrLinkedElsewhere, 0},
		{"another's, of earlier", &stored, link("b", -1, false), 0, 0, ErrLinkedElsewhere, 0},
		{"a relink", &stored, link("b", 1, true), 0, MovedLink, nil, 0},
		{"a relink of the same moment", &stored, link("b", 0, true), 0, 0, ErrSuperseded, 0},
		{"an old relink", &stored, link("b", -1, true), 0, 0, ErrSuperseded, 0},
		{"a relink too soon", &stored, link("b", 1, true), 0, 0, ErrLinkedLately, MinLinked - 1},
		{"again, at once", &stored, link("a", 1, false), 0, RepeatLink, nil, 1},
		{"the last that fits", nil, link("a", 0, false), MaxLinked - 1, NewLink, nil, 0},
		{"one too many", nil, link("a", 0, false), MaxLinked, 0, ErrManyLinked, 0},
		{"one too many, by a relink", &stored, link("b", 1, true), MaxLinked, 0, ErrManyLinked, 0},
	} {
		if got, err := c.link.Follows(c.stored, c.others, at.Add(cmp.Or(c.after, MinLinked))); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestLifetime(t *testing.T) {
	for _, c := range []struct {
		own    NanoUSD
		linked []NanoUSD
		total  NanoUSD
		tier   Tier
	}{
		{0, nil, 0, Bronze},
		{9_999_999_999, []NanoUSD{1}, 10 * USD, Silver},
		{-USD, []NanoUSD{51 * USD}, 50 * USD, Gold},
		{0, []NanoUSD{100 * USD, 100 * USD, -1}, 200*USD - 1, Gold},
		{math.MaxInt64, []NanoUSD{1}, math.MaxInt64, Platinum},
		{math.MinInt64, []NanoUSD{-1}, math.MinInt64, Bronze},
	} {
		l := Lifetime{Own: c.own}
		for _, n := range c.linked {
			l.Linked = append(l.Linked, LinkedTotal{Total: n})
		}
		if l.Total() != c.total || l.Tier() != c.tier {
			t.Errorf("%d and %d: %d, %s", c.own, c.linked, l.Total(), l.Tier())
		}
	}
}

func TestClipped(t *testing.T) {
	for _, c := range []struct{ a, b, want NanoUSD }{
		{1, 2, 3}, {math.MaxInt64, 1, math.MaxInt64}, {1, math.MaxInt64, math.MaxInt64}, {math.MinInt64, -1, math.MinInt64}, {-1, math.MinInt64, math.MinInt64},
		{math.MaxInt64, -1, math.MaxInt64 - 1}, {math.MinInt64, math.MaxInt64, -1},
	} {
		sum := new(big.Int).Add(big.NewInt(int64(c.a)), big.NewInt(int64(c.b)))
		if got := c.a.AddClipped(c.b); got != c.want || ClipNano(sum) != c.want {
			t.Errorf("%d + %d = %d, and of big numbers %d; want %d", c.a, c.b, got, ClipNano(sum), c.want)
		}
	}
}
