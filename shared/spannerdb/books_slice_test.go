package spannerdb_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// walk walks through all books in slices of so many rows, and adds up what
// they say.
func (n *network) walk(rows int) (sum ledger.BooksReport, slices int) {
	n.Helper()
	for _, part := range []func(ledger.BooksMark) (ledger.BooksSlice, error){
		func(m ledger.BooksMark) (ledger.BooksSlice, error) { return n.db.BooksOfWorkers(n.Context(), m, rows) },
		func(m ledger.BooksMark) (ledger.BooksSlice, error) { return n.db.BooksOfReceipts(n.Context(), m, rows) },
	} {
		var at ledger.BooksMark
		for done := false; !done; slices++ {
			s, err := part(at)
			n.must(err)
			if slices > 200 || !s.Done && s.Next == at {
				n.Fatalf("no end: at %+v, slice %+v", at, s)
			}
			at, done = s.Next, s.Done
			// One payout's results, its batch, and a worker's credits.
			if most := 4*rows + 10; s.Rows > most {
				n.Errorf("a slice of %d rows read %d", rows, s.Rows)
			}
			sum.Workers, sum.Payouts, sum.Results, sum.Batches = sum.Workers+s.Report.Workers, sum.Payouts+s.Report.Payouts, sum.Results+s.Report.Results, sum.Batches+s.Report.Batches
			sum.Credits.TotalEarned += s.Report.Credits.TotalEarned
			sum.Disagreements = append(sum.Disagreements, s.Report.Disagreements...)
		}
	}
	return sum, slices
}

var rowsOfSlices = []int{1, 2, 3, 5, 7, 1000}

// Whatever is damaged, a walk in slices of any size sees what reading all at
// once sees; but for what is summed up over all workers.
func TestSlicesSeeDamage(t *testing.T) {
	sums := []string{"a submission never reaches the log", "a part is lost", "a day's total"}
	more := slices.Clone(booksDamage)
	more = append(more, []struct {
		name, want string
		do         func(n *network)
	}{
		{"results of a stranger in between", "0xaa00000000000000000000000000000000000000: has results or payouts, but no books", func(n *network) {
			n.put(resultOf("0xaa00000000000000000000000000000000000000", 1, n.now))
		}},
		{"results of a stranger before all", "0x0000000000000000000000000000000000000001: has results or payouts, but no books", func(n *network) {
			n.put(resultOf("0x0000000000000000000000000000000000000001", 1, n.now))
		}},
		{"results of a stranger behind all", "0xffffffffffffffffffffffffffffffffffffffff: has results or payouts, but no books", func(n *network) {
			n.put(resultOf("0xffffffffffffffffffffffffffffffffffffffff", 1, n.now))
		}},
		{"payouts of somebody whose books are lost", "has results or payouts, but no books", func(n *network) {
			n.put(spanner.Delete("WorkerCredits", spanner.Key{text(workerAddr(1))}))
		}},
		{"results of a payout to come", "1 results are stamped with payout 9, which cannot exist yet", func(n *network) {
			n.put(resultOf(text(workerAddr(2)), 9, n.now.Add(time.Second)))
		}},
		{"results of payout 0", "1 results are stamped with payout 0, which cannot exist yet", func(n *network) {
			n.put(resultOf(text(workerAddr(2)), 0, n.now.Add(time.Second)))
		}},
	}...)
	for _, d := range more {
		t.Run(d.name, func(t *testing.T) {
			n := newNetwork(t)
			n.addTasks(3, 100)
			n.first = n.now
			n.confirmed(workerAddr(1))
			n.reserved()
			n.authorise(n.open(workerAddr(2)))
			n.assign(taskID(0), workerAddr(3))
			n.credit(result(taskID(0), workerAddr(3), n.now))
			d.do(n)
			all, err := n.db.Books(t.Context())
			n.must(err)
			for _, rows := range rowsOfSlices {
				report, _ := n.walk(rows)
				switch err := report.Err(); {
				case rows == 1 && d.name == "paid and in flight are exchanged":
					n.must(err) // of a worker in parts their sum is known
				case slices.Contains(sums, d.name):
					n.must(err)
				case err == nil || !strings.Contains(err.Error(), d.want):
					t.Errorf("slices of %d rows lack %q:\n%v\nall at once:\n%v", rows, d.want, err, all.Err())
				}
			}
		})
	}
}

func resultOf(worker string, payout int64, at time.Time) *spanner.Mutation {
	return spanner.InsertMap("WorkerResults", map[string]any{
		"Worker": worker, "TaskId": "damage", "TimestampMs": at.UnixMilli(), "ResultId": strings.Repeat("0", 64), "Cycle": 1,
		"WorkerAddress": worker, "Success": true, "ResponseTimeMs": 1, "Signature": "0x", "RewardMicros": 1, "MultiplierBps": 10000,
		"PayoutSeq": payout, "CreatedAt": at,
	})
}

// Workers with many payouts, some, and none; in slices of every size all of it
// is counted once.
func TestSlicesAddUp(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	for i := range 4 {
		for range 2*i + 1 {
			n.confirmed(workerAddr(i))
			n.reserved()
			n.now = n.now.Add(time.Minute)
		}
	}
	n.assign(taskID(0), workerAddr(9))
	n.credit(result(taskID(0), workerAddr(9), n.now))
	all, err := n.db.Books(t.Context())
	n.must(err)
	n.must(all.Err())
	for _, rows := range rowsOfSlices {
		got, slices := n.walk(rows)
		n.must(got.Err())
		if got.Workers != all.Workers || got.Payouts != all.Payouts || got.Results != all.Results || got.Batches != all.Batches || got.Credits.TotalEarned != all.Credits.TotalEarned {
			t.Errorf("slices of %d rows: %+v, all at once %+v", rows, got, all)
		}
		if rows < 10 && slices < 16/rows {
			t.Errorf("%d slices of %d rows", slices, rows)
		}
	}
}
