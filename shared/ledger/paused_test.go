package ledger

import (
	"testing"
	"time"
)

func TestPayoutSwitchSet(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	paused := func(reason string) PayoutSwitch { return PayoutSwitch{true, reason, "ann", now} }
	for _, c := range []struct {
		name       string
		before     PayoutSwitch
		paused     bool
		reason, by string
		want       PayoutSwitch
	}{
		{"paused", PayoutSwitch{}, true, "moves", "ben", PayoutSwitch{true, "moves", "ben", later}},
		{"resumed", paused("moves"), false, "", "ben", PayoutSwitch{false, "", "ben", later}},
		{"never paused", PayoutSwitch{}, false, "", "ben", PayoutSwitch{}},
		{"resumed before", PayoutSwitch{false, "", "ann", now}, false, "done", "ben", PayoutSwitch{false, "", "ann", now}},
		{"paused before", paused("moves"), true, "", "ben", paused("moves")},
		{"for the same", paused("moves"), true, "moves", "ben", paused("moves")},
		{"for another reason", paused("moves"), true, "books", "ben", paused("moves; ben: books")},
		{"for it once more", paused("moves; ben: books"), true, "books", "ben", paused("moves; ben: books")},
		{"for one of two", paused("moves; now; ben: books"), true, "moves; now", "cid", paused("moves; now; ben: books")},
		{"for a part of one", paused("it moves"), true, "moves", "ann", paused("it moves; ann: moves")},
		{"for the first one that is given", paused(""), true, "books", "ben", paused("ben: books")},
	} {
		got, changed := c.before.Set(c.paused, c.reason, c.by, later)
		if got != c.want || changed != (c.want != c.before) {
			t.Errorf("%s: %+v, changed %v; want %+v", c.name, got, changed, c.want)
		}
	}
}
