package spannerdb_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

const plenty = 1 << 20 // bytes of a part

// linesOf reads a part.
func (n *network) linesOf(p resultlog.Part) (lines []resultlog.Line) {
	n.Helper()
	for l, err := range resultlog.ReadPart(p.Name(), bytes.NewReader(p.Content)) {
		n.must(err)
		lines = append(lines, l)
	}
	same(n, "results of "+p.Name(), int64(len(lines)), p.Results)
	return lines
}

// reserveParts moves the outbox into parts.
func (n *network) reserveParts(maxBytes int) []resultlog.Part {
	n.Helper()
	parts, err := n.db.ReserveResultParts(n.Context(), n.now, maxBytes)
	n.must(err)
	return parts
}

func (n *network) openParts() []resultlog.Part {
	n.Helper()
	parts, err := n.db.OpenResultParts(n.Context(), "", 1000)
	n.must(err)
	return parts
}

// number is the one value of a query.
func (n *network) number(sql string) (value int64) {
	n.Helper()
	n.must(n.raw.Single().Query(context.Background(), spanner.Statement{SQL: sql}).Do(func(row *spanner.Row) error {
		return row.Column(0, &value)
	}))
	return value
}

func TestAcceptedResultsAreLogged(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(4, 100)
	a, b := workerAddr(1), workerAddr(2)
	n.paid(ledger.CanonicalAddress(b), 12*reputation.USD)
	n.open(a) // one entry of three results, which open payout 1
	n.now = n.now.Add(time.Minute + 7*time.Microsecond)
	n.assign(taskID(0), a)
	n.assign(taskID(1), b)
	ra, rb := result(taskID(0), a, n.now), result(taskID(1), b, n.now)
	rb.Result.StatusCode, rb.Result.Error, rb.Result.Success = nil, "Timeout after 10000ms", false
	n.credit(ra, rb, ra, result("task_unknown", a, n.now))
	n.credit(ra) // accepts nothing, logs nothing
	same(n, "entries", n.number("SELECT COUNT(*) FROM ResultLogOutbox"), 2)
	n.balanced()

	parts := n.reserveParts(plenty)
	if len(parts) != 1 {
		t.Fatalf("%d parts", len(parts))
	}
	tally := resultlog.NewTally()
	var latest []string
	for _, l := range n.linesOf(parts[0]) {
		n.must(tally.Add(l))
		if l.AcceptedAt.Equal(n.now.Truncate(time.Millisecond)) {
			latest = append(latest, string(resultlog.Encode(l)))
		}
	}
	want := []string{}
	for _, l := range []resultlog.Line{
		{Result: ra.Result, ResultID: ra.ResultID, Payout: ledger.PayoutID{Worker: a, Seq: 2}, Reward: 100, MultiplierBps: 10_000, Cycle: 2},
		{Result: rb.Result, ResultID: rb.ResultID, Payout: ledger.PayoutID{Worker: b, Seq: 1}, Reward: 120, MultiplierBps: 12_000, Cycle: 2},
	} {
		l.AcceptedAt = n.now.Truncate(time.Millisecond)
		want = append(want, string(resultlog.Encode(l)))
	}
	slices.Sort(latest)
	slices.Sort(want)
	if !slices.Equal(latest, want) {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(latest, ""), strings.Join(want, ""))
	}
	// The log alone says of the payout what the database says.
	id := ledger.PayoutID{Worker: a, Seq: 1}
	ids, sum, err := n.db.PayoutResults(t.Context(), id)
	n.must(err)
	same(n, "payout 1", tally.Payouts()[id], resultlog.Payout{Count: int64(len(ids)), Sum: sum, ResultsHash: ledger.ResultsHash(ids)})
}

// A part belongs to one day; both days' results leave in one go.
func TestPartsEndAtMidnight(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(2, 100)
	w := workerAddr(1)
	midnight := time.Date(2026, 10, 21, 0, 0, 0, 0, time.UTC)
	for i, at := range []time.Time{midnight.Add(-time.Nanosecond), midnight} {
		n.now = at
		n.assign(taskID(i), w)
		n.wants("credit", n.credit(result(taskID(i), w, at)), "accepted 100")
	}
	parts := n.reserveParts(plenty)
	if len(parts) != 2 || parts[0].Day != "2026-10-20" || parts[1].Day != "2026-10-21" {
		t.Fatalf("parts %+v", parts)
	}
	for i, p := range parts {
		if lines := n.linesOf(p); len(lines) != 1 || lines[0].Result.TaskID != taskID(i) {
			t.Errorf("%s holds %+v", p.Name(), lines)
		}
	}
	n.balanced()
}

// A part has as many entries as bring it to the limit, and is never empty.
func TestPartsAreBounded(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(1, 100)
	for i := range 5 {
		n.assign(taskID(0), workerAddr(i))
		n.credit(result(taskID(0), workerAddr(i), n.now))
	}
	total := n.number("SELECT SUM(LENGTH(Lines)) FROM ResultLogOutbox")
	var got []int64
	for _, limit := range []int64{1, total/5 + 9, 0, total, total} {
		parts := n.reserveParts(int(limit))
		if len(parts) == 0 {
			got = append(got, 0)
		}
		for _, p := range parts {
			got = append(got, p.Results)
		}
	}
	if !slices.Equal(got, []int64{1, 2, 0, 2, 0}) {
		t.Errorf("parts of %v results, want 1, 2, 0, 2 and 0", got)
	}
	n.balanced()

	// They are found open in pages, each once, until they are closed.
	open := n.openParts()
	var paged []resultlog.Part
	for after := ""; ; after = paged[len(paged)-1].ID {
		page, err := n.db.OpenResultParts(t.Context(), after, 2)
		n.must(err)
		paged = append(paged, page...)
		if len(page) < 2 {
			break
		}
	}
	if len(open) != 3 || fmt.Sprint(paged) != fmt.Sprint(open) {
		t.Errorf("%d parts open, in pages %d", len(open), len(paged))
	}
	n.must(n.db.CloseResultPart(t.Context(), open[1].ID, n.now))
	closed := n.dump()
	n.must(n.db.CloseResultPart(t.Context(), open[1].ID, n.now.Add(time.Hour)))
	if again := n.dump(); !slices.Equal(closed, again) {
		t.Errorf("closed again, it changed the database:\n%v", differences(closed, again))
	}
	if left := n.openParts(); len(left) != 2 || left[0].ID != open[0].ID || left[1].ID != open[2].ID {
		t.Errorf("open after one was closed: %+v", left)
	}
	n.balanced()
	n.fails("close an unknown one", n.db.CloseResultPart(t.Context(), strings.Repeat("ab", 32), n.now), ledger.ErrNotFound)
}

// Ten instances reserve at once, while results come in: no result is in two
// parts, and none in none.
func TestReserversShareTheOutbox(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(30, 100)
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for i := range 10 {
		db := spannertest.Open(t, n.database)
		all.Go(func() {
			for range 6 {
				parts, err := db.ReserveResultParts(context.Background(), n.now, 1500)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, p := range parts {
					seen[p.ID]++
				}
				mu.Unlock()
			}
		})
		for j := range 3 {
			n.assign(taskID(3*i+j), workerAddr(i))
			n.credit(result(taskID(3*i+j), workerAddr(i), n.now))
		}
	}
	all.Wait()
	for parts := n.reserveParts(1500); len(parts) > 0; parts = n.reserveParts(1500) {
		seen[parts[0].ID]++
	}
	ids := map[string]int{}
	for _, p := range n.openParts() {
		if seen[p.ID] != 1 {
			t.Errorf("%d instances reserved %s", seen[p.ID], p.Name())
		}
		for _, l := range n.linesOf(p) {
			ids[l.ResultID]++
		}
	}
	if len(ids) != 30 || slices.ContainsFunc(slices.Collect(maps.Values(ids)), func(n int) bool { return n != 1 }) {
		t.Errorf("%d results in the log, by their number of lines: %v; want 30, once each", len(ids), ids)
	}
	n.balanced()
}

// reserveAttempt and closeAttempt are tried under faults with the money verbs.
func reserveAttempt(n *network, w common.Address) attempt {
	n.assign(taskID(0), w)
	r := result(taskID(0), w, n.now)
	n.credit(r)
	return attempt{
		func(db *spannerdb.DB) error {
			_, err := db.ReserveResultParts(n.Context(), n.now, plenty)
			return err
		},
		func() { n.logged(r, 1) },
	}
}

func closeAttempt(n *network, w common.Address) attempt {
	a := reserveAttempt(n, w)
	n.must(a.call(n.db))
	open := n.openParts()
	p := open[len(open)-1]
	before := len(open)
	return attempt{
		func(db *spannerdb.DB) error { return db.CloseResultPart(n.Context(), p.ID, n.now) },
		func() {
			same(n, "open parts", len(n.openParts()), before-1)
			same(n, "written parts", n.number("SELECT COUNT(*) FROM ResultLogParts WHERE WrittenAt IS NOT NULL AND PartId = '"+p.ID+"'"), 1)
		},
	}
}

// logged checks that the result is in that many open parts, and in the outbox
// no more.
func (n *network) logged(r ledger.SubmittedResult, want int) {
	n.Helper()
	found := 0
	for _, p := range n.openParts() {
		for _, l := range n.linesOf(p) {
			if l.ResultID == r.ResultID {
				found++
			}
		}
	}
	same(n, "lines of the result", found, want)
	same(n, "its entries in the outbox", n.number("SELECT COUNT(*) FROM ResultLogOutbox WHERE EntryId = '"+r.ResultID+"'"), 0)
}
