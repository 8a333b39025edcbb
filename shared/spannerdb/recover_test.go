package spannerdb_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// inPart is a result of the log of another database's time.
func inPart(n *network, w common.Address, task int, seq int64, part string) resultlog.InPart {
	r := result(taskID(task), w, n.now)
	return resultlog.InPart{
		Line: resultlog.Line{
			Result: r.Result, ResultID: r.ResultID, Payout: ledger.PayoutID{Worker: w, Seq: seq}, Reward: 120, MultiplierBps: 12_000, Cycle: 9,
			AcceptedAt: n.now.Add(time.Second).Truncate(time.Millisecond),
		},
		Part: resultlog.PartName{ID: ledger.ResultsHash([]string{part, w.Hex()}), Day: n.now.Format(time.DateOnly), Bytes: 77},
	}
}

func recoverResultsAttempt(n *network, w common.Address) attempt {
	n.assign(taskID(0), w)
	n.credit(result(taskID(0), w, n.now))
	lines := []resultlog.InPart{inPart(n, w, 1, 1, "a"), inPart(n, w, 2, 1, "b"), inPart(n, w, 3, 1, "b")}
	return attempt{
		func(db *spannerdb.DB) error {
			_, err := db.RecoverResults(n.Context(), w, 1, lines, n.now)
			return err
		},
		func() {
			same(n, "books", n.status(w).Credits, ledger.Credits{Pending: 460, TotalEarned: 460, PayoutSeq: 1, PendingResults: 4})
			for part, want := range map[int]int64{0: 1, 1: 2} {
				same(n, "results of a file", n.number("SELECT Results FROM ResultLogParts WHERE WrittenAt IS NULL AND Bytes = 77 AND PartId = '"+lines[part].Part.ID+"'"), want)
			}
		},
	}
}

// partly is a payout of which one of three results is known.
func partly(w common.Address) ledger.Recovered {
	id := ledger.PayoutID{Worker: w, Seq: 1}
	return ledger.Recovered{
		ID: id, Results: ledger.ResultSum{Seq: 1, Count: 1, Sum: 100}, Lost: &ledger.LostResults{Count: 2, Sum: 230, Reason: "the log was behind"},
		ResultsHash: strings.Repeat("cd", 32), Tx: transferTx(id), Block: 9,
	}
}

func recoverPayoutAttempt(n *network, w common.Address) attempt {
	n.assign(taskID(0), w)
	n.credit(result(taskID(0), w, n.now))
	r := partly(w)
	before := n.number("SELECT COUNT(*) FROM ResultLogOutbox WHERE Results = 0")
	return attempt{
		func(db *spannerdb.DB) error { return db.RecoverPayout(n.Context(), r, policy, false, n.now) },
		func() {
			same(n, "books", n.status(w).Credits, ledger.Credits{TotalEarned: 330, TotalPaid: 330, PayoutSeq: 2})
			same(n, "last payout", n.status(w).LastPayoutTx, r.Tx)
			p := n.payout(r.ID)
			same(n, "state", p.State, ledger.Confirmed)
			same(n, "signed", len(p.Signature), 0)
			same(n, "amount", p.Amount, 330)
			same(n, "results", p.ResultCount, 3)
			same(n, "hash", p.ResultsHash, r.ResultsHash)
			same(n, "a receipt is due", p.ReceiptDueAt, p.ConfirmedAt)
			same(n, "said in the log", n.number("SELECT COUNT(*) FROM ResultLogOutbox WHERE Results = 0"), before+1)
		},
	}
}

func recoverPartAttempt(n *network, w common.Address) attempt {
	n.assign(taskID(0), w)
	waits := result(taskID(0), w, n.now)
	n.credit(waits)
	lost := inPart(n, w, 1, 1, "a")
	_, err := n.db.RecoverResults(n.Context(), w, 1, []resultlog.InPart{lost}, n.now)
	n.must(err)
	return attempt{
		func(db *spannerdb.DB) error {
			return db.RecoverPart(n.Context(), lost.Part, []string{lost.ResultID, waits.ResultID}, n.now)
		},
		func() {
			same(n, "waits", n.number("SELECT COUNT(*) FROM ResultLogOutbox WHERE EntryId = '"+waits.ResultID+"'"), 0)
			same(n, "results", n.number("SELECT Results FROM ResultLogParts WHERE WrittenAt IS NOT NULL AND PartId = '"+lost.Part.ID+"'"), 2)
		},
	}
}

// What is recovered goes through the books as what was credited does, and the
// walk through them in slices finds as little as the look at all.
func TestRecoveredBooks(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(4, 100)
	w, other := workerAddr(1), workerAddr(2)
	n.open(other)
	recoverPayoutAttempt(n, w).call(n.db)
	skip := ledger.Recovered{ID: ledger.PayoutID{Worker: w, Seq: 2}, Results: ledger.ResultSum{Seq: 2}, Skip: true, Lost: &ledger.LostResults{Reason: "nothing is known"}}
	n.must(n.db.RecoverPayout(n.Context(), skip, policy, false, n.now))
	n.must(n.db.RecoverPayout(n.Context(), skip, policy, false, n.now))
	same(n, "next", n.status(w).Credits.PayoutSeq, 3)
	same(n, "said in the log, of what was paid", n.number("SELECT COUNT(*) FROM ResultLogOutbox WHERE Results = 0"), 1)
	said := partly(workerAddr(3)) // by an earlier recovery
	said.Results = ledger.ResultSum{Seq: 1}
	n.must(n.db.RecoverPayout(n.Context(), said, policy, true, n.now))
	same(n, "said in the log, once", n.number("SELECT COUNT(*) FROM ResultLogOutbox WHERE Results = 0"), 1)
	_, err := n.db.RecoverResults(n.Context(), w, 3, []resultlog.InPart{inPart(n, w, 1, 3, "a"), inPart(n, w, 2, 3, "a")}, n.now)
	n.must(err)
	unpaid := ledger.Recovered{ID: ledger.PayoutID{Worker: w, Seq: 3}, Results: ledger.ResultSum{Seq: 3, Count: 2, Sum: 240}}
	n.must(n.db.RecoverPayout(n.Context(), unpaid, policy, false, n.now))
	n.must(n.db.RecoverPayout(n.Context(), unpaid, policy, false, n.now))
	same(n, "state", n.payout(unpaid.ID).State, ledger.Pending)
	n.balanced()
	for _, rows := range []int{1, 2, 1000} {
		for mark, done := (ledger.BooksMark{}), false; !done; {
			s, err := n.db.BooksOfWorkers(n.Context(), mark, rows)
			n.must(err)
			n.must(s.Report.Err())
			mark, done = s.Next, s.Done
		}
	}
	// Each loss that does not fit is seen, in both ways.
	for _, damage := range []string{
		"DELETE FROM LostResults WHERE PayoutSeq = 1", "DELETE FROM LostResults WHERE PayoutSeq = 2",
		"UPDATE LostResults SET Results = 3 WHERE PayoutSeq = 1", "UPDATE LostResults SET RewardMicros = 1 WHERE PayoutSeq = 1",
		"UPDATE LostResults SET Results = 1, RewardMicros = 5 WHERE PayoutSeq = 2",
		"INSERT INTO LostResults (Worker, PayoutSeq, Results, RewardMicros, Reason, CreatedAt) VALUES ('0x00000000000000000000000000000000000000aa', 1, 1, 1, 'r', CURRENT_TIMESTAMP())",
		fmt.Sprintf("INSERT INTO LostResults (Worker, PayoutSeq, Results, RewardMicros, Reason, CreatedAt) VALUES ('%s', 4, 1, 1, 'r', CURRENT_TIMESTAMP())", ledger.CanonicalAddress(w)),
	} {
		before := n.lost()
		n.dml(damage)
		n.fails(damage, n.db.CheckBooks(n.Context()), ledger.ErrBooks)
		s, err := n.db.BooksOfWorkers(n.Context(), ledger.BooksMark{}, 1000)
		n.must(err)
		n.fails(damage+", in slices", s.Report.Err(), ledger.ErrBooks)
		n.put(append([]*spanner.Mutation{spanner.Delete("LostResults", spanner.AllKeys())}, before...)...)
	}
	n.balanced()
}

// What does not fit the books is refused, and changes nothing.
func TestRecoverRefuses(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(4, 100)
	w := workerAddr(1)
	n.assign(taskID(0), w)
	r := result(taskID(0), w, n.now)
	n.credit(r)
	before := n.dump()
	more := partly(w)
	more.Results.Sum++
	later := partly(w)
	later.ID.Seq, later.Results.Seq = 2, 2
	n.fails("other results", n.db.RecoverPayout(n.Context(), more, policy, false, n.now), ledger.ErrMove)
	n.fails("another number", n.db.RecoverPayout(n.Context(), later, policy, false, n.now), ledger.ErrMove)
	_, err := n.db.RecoverResults(n.Context(), w, 2, []resultlog.InPart{inPart(n, w, 1, 2, "a")}, n.now)
	n.fails("results of another number", err, ledger.ErrMove)
	forged := inPart(n, w, 0, 1, "a")
	forged.ResultID = strings.Repeat("ab", 32)
	_, err = n.db.RecoverResults(n.Context(), w, 1, []resultlog.InPart{forged}, n.now)
	n.fails("another result of the same key", err, ledger.ErrConflict)
	if after := n.dump(); !slices.Equal(before, after) {
		t.Errorf("changed\n%v", differences(before, after))
	}
	n.must(n.db.RecoverPayout(n.Context(), partly(w), policy, false, n.now))
	other := partly(w)
	other.Tx = common.HexToHash("0x99")
	dearer := partly(w)
	dearer.Lost.Sum++
	n.fails("of another amount", n.db.RecoverPayout(n.Context(), dearer, policy, false, n.now), ledger.ErrMove)
	n.fails("paid by another transaction", n.db.RecoverPayout(n.Context(), other, policy, false, n.now), ledger.ErrMove)
	n.balanced()
}

func TestRecoveryBooks(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(4, 100)
	w := workerAddr(1)
	first := n.open(w)
	n.now = n.now.Add(time.Minute)
	n.assign(taskID(0), w)
	r := result(taskID(0), w, n.now)
	n.credit(r)
	stored, lost := inPart(n, w, 0, 2, "a"), inPart(n, w, 1, 2, "a")
	got, err := n.db.RecoveryBooks(n.Context(), w, []resultlog.InPart{stored, lost, {Line: resultlog.Line{Payout: first, Lost: &resultlog.Lost{Count: 1}}}})
	n.must(err)
	if len(got.Open) != 1 || got.Open[0] != (recovery.Result{ID: r.ResultID, Reward: 100, AcceptedAt: n.now}) || len(got.Stored) != 1 || !got.Stored[r.ResultID] || got.Credits.PayoutSeq != 2 {
		t.Errorf("%+v", got)
	}
	if len(got.Whole) != 1 || got.Whole[1] {
		t.Errorf("payout 1 is not confirmed: %v", got.Whole)
	}
	n.authorise(first)
	n.must(n.db.ConfirmPayout(n.Context(), first, transferTx(first), 7, n.now))
	of1 := inPart(n, w, 3, 1, "a")
	if got, err = n.db.RecoveryBooks(n.Context(), w, []resultlog.InPart{of1}); err != nil || !got.Whole[1] {
		t.Errorf("payout 1 is confirmed: %v, %v", got.Whole, err)
	}
	n.dml(fmt.Sprintf("INSERT INTO LostResults (Worker, PayoutSeq, Results, RewardMicros, Reason, CreatedAt) VALUES ('%s', 1, 1, 1, 'r', CURRENT_TIMESTAMP())", ledger.CanonicalAddress(w)))
	if got, err = n.db.RecoveryBooks(n.Context(), w, []resultlog.InPart{of1}); err != nil || got.Whole[1] {
		t.Errorf("of payout 1 a result is lost: %v, %v", got.Whole, err)
	}
	n.dml("DELETE FROM LostResults WHERE TRUE")
	forged := stored
	forged.ResultID = strings.Repeat("ab", 32)
	if got, err = n.db.RecoveryBooks(n.Context(), w, []resultlog.InPart{forged, lost}); err != nil || len(got.Other) != 1 || got.Other[forged.ResultID] != r.ResultID || len(got.Stored) != 0 {
		t.Errorf("another result of the same check: %+v, %v", got, err)
	}
	if got, err := n.db.Treasuries(n.Context(), policy.ChainID, policy.Token); err != nil || !slices.Equal(got, []common.Address{policy.Treasury}) {
		t.Errorf("treasuries %v, %v", got, err)
	}
	if got, err := n.db.Treasuries(n.Context(), policy.ChainID+1, policy.Token); err != nil || len(got) != 0 {
		t.Errorf("treasuries of another chain %v, %v", got, err)
	}
	none, err := n.db.RecoveryBooks(n.Context(), workerAddr(9), nil)
	n.must(err)
	if none.Credits != ledger.NewCredits() || len(none.Open) != 0 {
		t.Errorf("%+v", none)
	}
	next, err := n.db.NextNumbers(n.Context(), []common.Address{w, workerAddr(9)})
	n.must(err)
	if len(next) != 1 || next[w] != 2 {
		t.Errorf("next numbers %v", next)
	}

	// A file is known that was written or is about to be, and not one that is being recovered.
	parts := n.reserveParts(plenty)
	_, err = n.db.RecoverResults(n.Context(), w, 2, []resultlog.InPart{lost}, n.now)
	n.must(err)
	ids := []string{parts[0].ID, lost.Part.ID, strings.Repeat("ab", 32)}
	known, err := n.db.KnownParts(n.Context(), ids)
	n.must(err)
	if len(known) != 1 || known[parts[0].ID] != recovery.OwnPart {
		t.Errorf("known %v of %v", known, ids)
	}
	n.must(n.db.CloseResultPart(n.Context(), parts[0].ID, n.now))
	n.must(n.db.RecoverPart(n.Context(), lost.Part, []string{lost.ResultID}, n.now))
	if known, err = n.db.KnownParts(n.Context(), ids); err != nil || len(known) != 2 || known[parts[0].ID] != recovery.OwnPart || known[lost.Part.ID] != recovery.RecoveredPart {
		t.Errorf("known %v, %v", known, err)
	}
	n.balanced()
}

// lost are all rows of that table, to be put back.
func (n *network) lost() (out []*spanner.Mutation) {
	n.Helper()
	columns := []string{"Worker", "PayoutSeq", "Results", "RewardMicros", "Reason", "CreatedAt"}
	n.must(n.raw.Single().Read(n.Context(), "LostResults", spanner.AllKeys(), columns).Do(func(row *spanner.Row) error {
		values := make([]any, len(columns))
		for i := range columns {
			var v spanner.GenericColumnValue
			if err := row.Column(i, &v); err != nil {
				return err
			}
			values[i] = v
		}
		out = append(out, spanner.Insert("LostResults", columns, values))
		return nil
	}))
	return out
}

func (n *network) dml(statement string) {
	n.Helper()
	_, err := n.raw.ReadWriteTransaction(n.Context(), func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		_, err := tx.Update(ctx, spanner.NewStatement(statement))
		return err
	})
	n.must(err)
}

func recoverTasksAttempt(n *network, w common.Address) attempt {
	n.credit(result(taskID(0), w, n.now)) // not assigned
	before := n.number("SELECT Cycle FROM Tasks WHERE TaskId = '" + taskID(0) + "'")
	won := map[string][]recovery.Won{taskID(0): {{Cycle: before, At: n.now}, {Cycle: before + 3, At: n.now.Add(time.Second)}}, "task_gone": {{Cycle: 1, At: n.now}}}
	return attempt{
		func(db *spannerdb.DB) error { return db.RecoverTasks(n.Context(), won, n.now) },
		func() {
			same(n, "cycle", n.number("SELECT Cycle FROM Tasks WHERE TaskId = '"+taskID(0)+"'"), before+4)
			same(n, "due", n.number("SELECT UNIX_SECONDS(DueAt) FROM Tasks WHERE TaskId = '"+taskID(0)+"'"), n.now.Add(31*time.Second).Unix())
		},
	}
}
