package spannerdb_test

import (
	"strings"
	"testing"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// booksDamage changes one thing of a database in which worker 1 has a
// confirmed payout in a batch, worker 2 an authorised one, and worker 3 a
// pending result. want is part of what the report says.
var booksDamage = []struct {
	name, want string
	do         func(n *network)
}{
	{"a result is lost", "300 for 3 results, but its results are 2 worth 200", func(n *network) {
		n.put(spanner.Delete("WorkerResults", spanner.Key{text(workerAddr(1)), taskID(0), n.first.UnixMilli()}))
	}},
	{"a pending result is lost", "pending 100 of 1 results != 0 of 0", func(n *network) {
		n.put(spanner.Delete("WorkerResults", spanner.Key{text(workerAddr(3)), taskID(0), n.now.UnixMilli()}))
	}},
	{"paid and in flight are exchanged", "in flight 0 != 300", func(n *network) {
		n.put(spanner.UpdateMap("WorkerCredits", map[string]any{"Worker": text(workerAddr(2)), "InFlightMicros": 0, "TotalPaidMicros": 300}))
	}},
	{"books are lost", "has results or payouts, but no books", func(n *network) {
		n.put(spanner.Delete("WorkerCredits", spanner.Key{text(workerAddr(3))}))
	}},
	{"a payout is lost", "0 payouts, but the next one is number 2", func(n *network) {
		n.put(spanner.Delete("WorkerPayouts", spanner.Key{text(workerAddr(2)), 1}))
	}},
	{"the transaction is lost", "confirmed without a transaction", func(n *network) { n.set(1, "UsdcTx", spanner.NullString{}) }},
	{"the receipt is due again", "receipt due true, in a batch true", func(n *network) { n.set(1, "ReceiptDueAt", n.now) }},
	{"the receipt is forgotten", "receipt due false, in a batch false", func(n *network) { n.set(1, "ReceiptNonce", spanner.NullInt64{}) }},
	{"another batch", "which does not exist", func(n *network) { n.set(1, "ReceiptNonce", 77) }},
	{"the batch lost its payout", "open for 1 receipts, but 0 payouts are in it", func(n *network) { n.set(1, "ReceiptNonce", 77) }},
	{"a log transaction too early", "names log transaction", func(n *network) { n.set(1, "LogTx", "0x"+strings.Repeat("ab", 32)) }},
	{"a foreign nonce", "is not the one of this payout", func(n *network) { n.set(2, "Nonce", "0x"+strings.Repeat("ab", 32)) }},
	{"work is forgotten", "authorised, and its work is due at 0001", func(n *network) { n.set(2, "WorkAt", spanner.NullTime{}) }},
	{"a submission never reaches the log", "4 results wait for it and 0 are in its parts, but 7 were accepted", func(n *network) {
		n.put(spanner.Delete("ResultLogOutbox", spanner.Key{result(taskID(0), workerAddr(1), n.first).ResultID}))
	}},
	{"a part is lost", "0 results wait for it and 0 are in its parts, but 7 were accepted", func(n *network) {
		n.put(spanner.Delete("ResultLogContents", spanner.Key{n.reserveParts(plenty)[0].ID}), spanner.Delete("ResultLogParts", spanner.AllKeys()))
	}},
	{"a day's total", "599 counted on all days != 600", func(n *network) {
		n.put(spanner.UpdateMap("PayoutDays", map[string]any{"Day": "2026-10-20", "AuthorizedMicros": 599}))
	}},
}

// set changes one column of the worker's first payout.
func (n *network) set(worker int, column string, value any) {
	n.Helper()
	n.put(spanner.UpdateMap("WorkerPayouts", map[string]any{"Worker": text(workerAddr(worker)), "Seq": 1, column: value}))
}

func TestBooksSeeDamage(t *testing.T) {
	for _, d := range booksDamage {
		t.Run(d.name, func(t *testing.T) {
			n := newNetwork(t)
			n.addTasks(3, 100)
			n.first = n.now
			n.confirmed(workerAddr(1))
			n.reserved()
			n.authorise(n.open(workerAddr(2)))
			n.assign(taskID(0), workerAddr(3))
			n.credit(result(taskID(0), workerAddr(3), n.now))
			report, err := n.db.Books(t.Context())
			n.must(err)
			n.must(report.Err())
			if report.Workers != 3 || report.Payouts != 2 || report.Results != 7 || report.Batches != 1 ||
				report.Credits.TotalEarned != 700 || report.Credits.TotalPaid != 300 || report.Credits.InFlight != 300 || report.Credits.Pending != 100 {
				t.Errorf("report %+v", report)
			}
			d.do(n)
			err = n.db.CheckBooks(t.Context())
			n.fails("damaged", err, ledger.ErrBooks)
			if err != nil && !strings.Contains(err.Error(), d.want) {
				t.Errorf("report lacks %q:\n%v", d.want, err)
			}
		})
	}
}
