package main

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

// What is counted is what the transactions are known to do, and it grows with
// the checks.
func TestCount(t *testing.T) {
	database := spannertest.New(t)
	var work spannertest.Work
	db := spannertest.Open(t, database, work.Options()...)
	for _, size := range []int{1, 10} {
		l, err := count(t.Context(), db, &work, size)
		if err != nil {
			t.Fatal(err)
		}
		p, s := l.Poll, l.Submit
		if p.Calls != 3 || p.Rows["Tasks"] != size || p.Rows["Assignments"] != size || p.Rows["WorkerStandings"] != 1 || p.Lookups < 2*size || p.Entries < size || p.Entries > 4*size {
			t.Errorf("a poll for %d: %+v", size, p)
		}
		if s.Calls > 3 || s.Rows["Tasks"] != size || s.Rows["WorkerResults"] != size || s.Rows["Assignments"] != size || s.Rows["WorkerCredits"] != 1 || s.Lookups < 3*size {
			t.Errorf("a submission of %d: %+v", size, s)
		}
	}
}

func TestPage(t *testing.T) {
	l := load{Checks: 10, Poll: spannertest.WorkCounts{Lookups: 25, Entries: 20, Rows: map[string]int{"Tasks": 10}}, Submit: spannertest.WorkCounts{Rows: map[string]int{"WorkerResults": 10}}}
	p := prices{NodeHourUSD: 0.9, Utilisation: 0.5, Won: 0.5}
	r, w := l.perMillion(p)
	if want := 2e5 * 45 / 22500.0; math.Abs(r-want) > 1e-6 {
		t.Errorf("reads take %v s, want %v", r, want)
	}
	if want := 2e5 * 70 / 3500.0; math.Abs(w-want) > 1e-6 { // 10 rows and 40 entries; 10 and 10
		t.Errorf("writes take %v s, want %v", w, want)
	}
	if want := (400 + 4000) / 3600.0 / 0.5 * 0.9; math.Abs(l.usd(p)-want) > 1e-6 {
		t.Errorf("%v USD, want %v", l.usd(p), want)
	}
	var b strings.Builder
	if err := page(&b, []load{l}, p); err != nil || !regexp.MustCompile(`\| 10 \| 0, 25, 20, 10 \| 0, 0, 10 \| 400 \+ 4000 \| 2\.200 \|`).MatchString(b.String()) {
		t.Errorf("%v\n%s", err, b.String())
	}
	if roundUp(1) != 1000 || roundUp(1000) != 1000 || roundUp(1001) != 2000 {
		t.Error("rounding")
	}
}
