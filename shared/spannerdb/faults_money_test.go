package spannerdb_test

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// attempt is one verb on one worker: call may be tried through any client;
// done fails the test unless its effect is there exactly once.
type attempt struct {
	call func(*spannerdb.DB) error
	done func()
}

// moneyVerbs are all verbs that write, each with what must be there before.
var moneyVerbs = map[string]func(*network, common.Address) attempt{
	"CreditResults": func(n *network, w common.Address) attempt {
		n.assign(taskID(0), w)
		n.note(w, 1)
		r := result(taskID(0), w, n.now)
		return attempt{
			func(db *spannerdb.DB) error {
				judged, _, err := crediter(n, db, policy).CreditResults(n.Context(), n.now, []ledger.SubmittedResult{r})
				if err == nil { // now or before: the caller learns what it was credited with
					same(n, "told", judged[0].Reward+judged[0].Credited, 100)
					same(n, "told the id", judged[0].ResultID, r.ResultID)
				}
				return err
			},
			func() {
				same(n, "deliveries", storedStanding(n.T, n.database, w).Outcomes, 1)
				same(n, "earned", n.status(w).Credits.TotalEarned, 100)
				same(n, "seq", n.status(w).Credits.PayoutSeq, 1)
			},
		}
	},
	"CreditResults, opening": func(n *network, w common.Address) attempt {
		var batch []ledger.SubmittedResult
		for i := range 4 {
			n.assign(taskID(i), w)
			batch = append(batch, result(taskID(i), w, n.now))
		}
		n.note(w, 4)
		return attempt{
			func(db *spannerdb.DB) error {
				_, _, err := crediter(n, db, policy).CreditResults(n.Context(), n.now, batch)
				return err
			},
			func() {
				same(n, "books", n.status(w).Credits, ledger.Credits{InFlight: 400, TotalEarned: 400, PayoutSeq: 2})
				same(n, "deliveries", storedStanding(n.T, n.database, w).Recent, 0b1111)
				same(n, "amount", n.payout(ledger.PayoutID{Worker: w, Seq: 1}).Amount, 400)
			},
		}
	},
	"LeasePayout": func(n *network, w common.Address) attempt {
		id := n.open(w)
		return attempt{
			func(db *spannerdb.DB) error {
				_, err := db.LeasePayout(n.Context(), id, "me", n.now, time.Minute)
				return err
			},
			func() { same(n, "attempts", n.payout(id).Attempts, 1); same(n, "owner", n.payout(id).LeaseOwner, "me") },
		}
	},
	"ReleasePayout": func(n *network, w common.Address) attempt {
		id := n.open(w)
		_, err := n.db.LeasePayout(n.Context(), id, "me", n.now, time.Minute)
		n.must(err)
		return attempt{
			func(db *spannerdb.DB) error { return db.ReleasePayout(n.Context(), id, "me", n.now) },
			func() { same(n, "owner", n.payout(id).LeaseOwner, "") },
		}
	},
	"AuthorisePayout": func(n *network, w common.Address) attempt {
		id := n.open(w)
		before, mark := n.today(), byte(0)
		return attempt{
			func(db *spannerdb.DB) error {
				mark++ // each attempt signs anew
				p, err := db.AuthorisePayout(n.Context(), id, authorization(n.now, mark), caps, n.now)
				if err == nil && p.Signature[0] != n.payout(id).Signature[0] {
					n.Errorf("answered with authorization %d, stored %d", p.Signature[0], n.payout(id).Signature[0])
				}
				return err
			},
			func() {
				same(n, "state", n.payout(id).State, ledger.Authorised)
				same(n, "counted today", n.today()-before, 300)
			},
		}
	},
	"RecordOutcome": func(n *network, w common.Address) attempt {
		id := n.open(w)
		n.authorise(id)
		return attempt{
			func(db *spannerdb.DB) error {
				return db.RecordOutcome(n.Context(), id, ledger.Settled, "not safe yet", transferTx(id), n.now.Add(time.Minute), n.now)
			},
			func() {
				same(n, "state", n.payout(id).State, ledger.Settled)
				same(n, "tx", n.payout(id).UsdcTx, transferTx(id))
			},
		}
	},
	"ConfirmPayout": func(n *network, w common.Address) attempt {
		id := n.open(w)
		n.authorise(id)
		return attempt{
			func(db *spannerdb.DB) error { return db.ConfirmPayout(n.Context(), id, transferTx(id), 9, n.now) },
			func() {
				same(n, "books", n.status(w).Credits, ledger.Credits{TotalEarned: 300, TotalPaid: 300, PayoutSeq: 2})
				same(n, "last tx", n.status(w).LastPayoutTx, transferTx(id))
				same(n, "last time", n.status(w).LastPayoutAt, n.now)
				same(n, "receipt due", n.payout(id).ReceiptDueAt, n.now)
			},
		}
	},
	"FailPayout": func(n *network, w common.Address) attempt {
		id := n.open(w)
		return attempt{
			func(db *spannerdb.DB) error { return db.FailPayout(n.Context(), id, 0, "blacklisted", n.now) },
			func() {
				same(n, "state", n.payout(id).State, ledger.Failed)
				same(n, "books", n.status(w).Credits, ledger.Credits{InFlight: 300, TotalEarned: 300, PayoutSeq: 2})
			},
		}
	},
	"RequeuePayout": func(n *network, w common.Address) attempt {
		id := n.open(w)
		n.must(n.db.FailPayout(n.Context(), id, 0, "paused", n.now))
		return attempt{
			func(db *spannerdb.DB) error { return db.RequeuePayout(n.Context(), id, n.now) },
			func() {
				same(n, "state", n.payout(id).State, ledger.Pending)
				same(n, "due", n.payout(id).WorkAt, n.now)
			},
		}
	},
	"ReserveReceipts": func(n *network, w common.Address) attempt {
		id := n.confirmed(w)
		return attempt{
			func(db *spannerdb.DB) error {
				_, err := db.ReserveReceipts(n.Context(), logSender, logTo, 0, 10, n.now, encodeIDs)
				return err
			},
			func() { n.carried(id, 1, ledger.BatchOpen) },
		}
	},
	"RecordBroadcast": func(n *network, w common.Address) attempt {
		id := n.confirmed(w)
		k := n.reserved()
		tx := common.Hash{1}
		return attempt{
			func(db *spannerdb.DB) error {
				return db.RecordBroadcast(n.Context(), k, tx, big.NewInt(2e9), big.NewInt(1), n.now)
			},
			func() { same(n, "recorded", len(n.carried(id, 1, ledger.BatchOpen).TxHashes), 1) },
		}
	},
	"ConfirmReceipts": func(n *network, w common.Address) attempt {
		id := n.confirmed(w)
		k := n.reserved()
		tx := common.Hash{1}
		n.must(n.db.RecordBroadcast(n.Context(), k, tx, big.NewInt(2e9), big.NewInt(1), n.now))
		return attempt{
			func(db *spannerdb.DB) error { return db.ConfirmReceipts(n.Context(), k, tx, 9, n.now) },
			func() { n.carried(id, 1, ledger.BatchConfirmed); same(n, "log tx", n.payout(id).LogTx, tx) },
		}
	},
	"AdoptNonce": func(n *network, w common.Address) attempt {
		id := n.confirmed(w)
		k := n.reserved()
		lost := ledger.PayoutID{Worker: w, Seq: 99}
		use := ledger.NonceUse{BatchKey: k, Tx: common.BytesToHash(w[:]), Block: 3, To: logTo, Calldata: []byte(lost.String()), Receipts: []ledger.PayoutID{lost}}
		return attempt{
			func(db *spannerdb.DB) error { return db.AdoptNonce(n.Context(), use, n.now) },
			func() {
				same(n, "batch", n.batch(k).State, ledger.BatchAdopted)
				same(n, "log tx", n.batch(k).LogTx, use.Tx)
				same(n, "due again", n.payout(id).ReceiptDueAt, n.now)
				same(n, "adopted receipts", n.number("SELECT COUNT(*) FROM AdoptedReceipts WHERE Seq = 99 AND AccountNonce = "+fmt.Sprint(k.AccountNonce)), 1)
			},
		}
	},
	"ReserveResultParts": reserveAttempt,
	"CloseResultPart":    closeAttempt,
	"RecoverResults":     recoverResultsAttempt,
	"RecoverPayout":      recoverPayoutAttempt,
	"RecoverPart":        recoverPartAttempt,
	"RecoverTasks":       recoverTasksAttempt,
	"TakeLease": func(n *network, w common.Address) attempt {
		return attempt{
			func(db *spannerdb.DB) error { return db.TakeLease(n.Context(), w.Hex(), "me", n.now, time.Minute) },
			func() { same(n, "holder", n.holder(w.Hex()), "me") },
		}
	},
	"ReleaseLease": func(n *network, w common.Address) attempt {
		n.must(n.db.TakeLease(n.Context(), w.Hex(), "me", n.now, time.Minute))
		return attempt{
			func(db *spannerdb.DB) error { return db.ReleaseLease(n.Context(), w.Hex(), "me") },
			func() { same(n, "holder", n.holder(w.Hex()), "") },
		}
	},
	"LinkWallet": linkAttempt,
	"LinkWallet, again, of later": func(n *network, w common.Address) attempt {
		a := linkAttempt(n, w)
		n.must(a.call(n.db))
		n.now = n.now.Add(time.Minute)
		return linkAttempt(n, w)
	},
	"LinkWallet, from another": func(n *network, w common.Address) attempt {
		l := signedLink("of "+w.Hex(), common.Address{9}, n.now.Add(-time.Millisecond), false)
		_, _, err := n.db.LinkWallet(n.Context(), l, n.now)
		n.must(err)
		n.now = n.now.Add(reputation.MinLinked)
		return linkAttempt(n, w)
	},
}

// TestMoneyVerbsUnderFaults lets each verb's commit fail before it happened,
// after it happened, and with an answer that Spanner's client asks for again.
func TestMoneyVerbsUnderFaults(t *testing.T) {
	for name, prepare := range moneyVerbs {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is the client's waiting before it tries again
			n := newNetwork(t)
			n.addTasks(4, 100)
			var f fault
			faulty := spannertest.Open(t, n.database, f.options()...)
			step := 0
			run := func(what string, before, after error, check func(a attempt, err error)) {
				t.Helper()
				step++
				a := prepare(n, workerAddr(step))
				f.arm(before, after)
				err := a.call(faulty)
				if f.hit() != 1 {
					t.Fatalf("%s: %d faults met", what, f.hit())
				}
				check(a, err)
				a.done()
				n.balanced()
				n.now = n.now.Add(time.Minute)
			}
			run("aborted, then run again", spannertest.ErrAborted, nil, func(_ attempt, err error) { n.must(err) })
			run("answer lost, then asked for again", nil, spannertest.ErrUnavailable, func(_ attempt, err error) { n.must(err) })
			run("not committed", spannertest.ErrLost, nil, func(a attempt, err error) {
				if err == nil {
					t.Error("a commit that failed is reported as done")
				}
				n.balanced()
				n.must(a.call(faulty))
			})
			run("committed, and the answer lost", nil, spannertest.ErrLost, func(a attempt, err error) {
				if err == nil {
					t.Error("a lost answer is reported as done")
				}
				a.done()
				before := n.dump()
				n.must(a.call(faulty))
				if after := n.dump(); !slices.Equal(before, after) {
					t.Errorf("called again, it changed the database:\n%v", differences(before, after))
				}
			})
		})
	}
}

// TestAFailedCommitChangesNothing compares the whole database.
func TestAFailedCommitChangesNothing(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(4, 100)
	var f fault
	faulty := spannertest.Open(t, n.database, f.options()...)
	step := 0
	for name, prepare := range moneyVerbs {
		step++
		a := prepare(n, workerAddr(step))
		before := n.dump()
		f.arm(spannertest.ErrLost, nil)
		if err := a.call(faulty); err == nil || f.hit() != 1 {
			t.Errorf("%s: %v after %d faults", name, err, f.hit())
		}
		if after := n.dump(); !slices.Equal(before, after) {
			t.Errorf("%s: changed\n%v", name, differences(before, after))
		}
		n.now = n.now.Add(time.Minute)
	}
}

func differences(before, after []string) (out []string) {
	for _, line := range before {
		if !slices.Contains(after, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			out = append(out, "+ "+line)
		}
	}
	return out
}

func (n *network) status(w common.Address) spannerdb.WorkerStatus {
	n.Helper()
	s, err := n.db.WorkerStatus(n.Context(), w, firstPage)
	n.must(err)
	return s
}

// note enters the worker's assignments of the first count tasks in its record.
func (n *network) note(w common.Address, count int) {
	n.Helper()
	var open []string
	var until []time.Time
	for i := range count {
		open, until = append(open, taskID(i)), append(until, n.now.Add(30*time.Second))
	}
	n.put(spanner.InsertOrUpdateMap("WorkerStandings", map[string]any{
		"Worker": ledger.CanonicalAddress(w), "OpenTasks": open, "OpenUntil": until, "Outcomes": 0, "Recent": 0, "Reliable": false, "Polls": 0,
		"ForgetAt": n.now.Add(time.Hour), "UpdatedAt": n.now,
	}))
}

// today is what counts into the caps of the day of n.now.
func (n *network) today() ledger.Micros {
	n.Helper()
	var sum int64
	n.must(n.raw.Single().Query(context.Background(), spanner.Statement{
		SQL: "SELECT AuthorizedMicros FROM PayoutDays WHERE Day = @d", Params: map[string]any{"d": n.now.Format(time.DateOnly)},
	}).Do(func(row *spanner.Row) error { return row.Column(0, &sum) }))
	return ledger.Micros(sum)
}

// carried checks that the payout is in count batches that were not adopted,
// of that state, and returns the last.
func (n *network) carried(id ledger.PayoutID, count int, state ledger.BatchState) (last ledger.ReceiptBatch) {
	n.Helper()
	found := 0
	n.must(n.raw.Single().Query(context.Background(), spanner.Statement{
		SQL: "SELECT AccountNonce FROM ReceiptBatches WHERE State != 'adopted' AND STRPOS(CAST(Calldata AS STRING), @id) > 0", Params: map[string]any{"id": id.String() + ";"},
	}).Do(func(row *spanner.Row) error {
		var nonce int64
		found++
		err := row.Column(0, &nonce)
		last = n.batch(ledger.BatchKey{Sender: logSender, AccountNonce: uint64(nonce)})
		return err
	}))
	same(n, "batches that carry "+id.String(), found, count)
	same(n, "their state", last.State, state)
	return last
}

func (n *network) batch(k ledger.BatchKey) ledger.ReceiptBatch {
	n.Helper()
	b, err := spannerdb.ReadBatch(n.db, n.Context(), k)
	n.must(err)
	return b
}

func (n *network) holder(lease string) (owner string) {
	n.Helper()
	row, err := n.raw.Single().ReadRow(context.Background(), "Leases", spanner.Key{lease}, []string{"Owner"})
	if spanner.ErrCode(err) == 5 { // not found
		return ""
	}
	n.must(err)
	n.must(row.Column(0, &owner))
	return owner
}
