package spannerdb_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// TestAPayoutsLife goes from crediting to the receipt, with the books checked
// after each step.
func TestAPayoutsLife(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	w := workerAddr(1)
	id := n.open(w)
	n.balanced()

	p, err := n.db.LeasePayout(t.Context(), id, "me", n.now, time.Minute)
	n.must(err)
	same(n, "due at the lease's end", p.WorkAt, n.now.Add(time.Minute))
	ids, sum, err := n.db.PayoutResults(t.Context(), id)
	n.must(err)
	same(n, "sum", sum, p.Amount)
	same(n, "count", int64(len(ids)), p.ResultCount)

	a := authorization(n.now, 7)
	a.ResultsHash = ledger.ResultsHash(ids)
	p, err = n.db.AuthorisePayout(t.Context(), id, a, caps, n.now)
	n.must(err)
	same(n, "state", p.State, ledger.Authorised)
	if stored := n.payout(id); stored.ResultsHash != a.ResultsHash || stored.ValidBefore != a.ValidBefore || !slices.Equal(stored.Signature, a.Signature) || stored.AuthorizedBlock != 7 {
		t.Errorf("stored %+v, want %+v", stored, a)
	}
	n.balanced()

	n.must(n.db.RecordOutcome(t.Context(), id, ledger.Unknown, "no answer", common.Hash{}, n.now.Add(5*time.Second), n.now))
	n.must(n.db.ReleasePayout(t.Context(), id, "me", n.now))
	same(n, "due when recorded", n.payout(id).WorkAt, n.now.Add(5*time.Second))
	n.balanced()
	n.must(n.db.RecordOutcome(t.Context(), id, ledger.Settled, "", transferTx(id), n.now.Add(time.Minute), n.now))
	n.balanced()
	n.must(n.db.ConfirmPayout(t.Context(), id, transferTx(id), 55, n.now))
	n.balanced()
	p = n.payout(id)
	same(n, "state", p.State, ledger.Confirmed)
	same(n, "block", p.UsdcBlock, 55)
	same(n, "due", p.WorkAt, time.Time{})

	k := n.reserved()
	n.balanced()
	tx := common.HexToHash("0x10ad")
	n.must(n.db.RecordBroadcast(t.Context(), k, tx, gwei, wei, n.now))
	n.must(n.db.ConfirmReceipts(t.Context(), k, tx, 77, n.now))
	n.balanced()
	same(n, "log tx", n.payout(id).LogTx, tx)
}

func TestPayoutVerbsSayWhyNot(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	open, paid, failed := n.open(workerAddr(1)), n.confirmed(workerAddr(2)), n.open(workerAddr(3))
	n.must(n.db.FailPayout(t.Context(), failed, 0, "blacklisted", n.now))
	settled := n.open(workerAddr(4))
	n.must(n.db.RecordOutcome(t.Context(), settled, ledger.Settled, "", transferTx(settled), n.now, n.now))
	nobody := ledger.PayoutID{Worker: workerAddr(9), Seq: 1}
	before := n.dump()

	lease := func(id ledger.PayoutID) error {
		_, err := n.db.LeasePayout(t.Context(), id, "me", n.now, time.Minute)
		return err
	}
	sign := func(id ledger.PayoutID, caps ledger.PayoutCaps) error {
		_, err := n.db.AuthorisePayout(t.Context(), id, authorization(n.now, 1), caps, n.now)
		return err
	}
	record := func(id ledger.PayoutID, s ledger.PayoutState, tx common.Hash) error {
		return n.db.RecordOutcome(t.Context(), id, s, "why", tx, n.now, n.now)
	}
	confirm := func(id ledger.PayoutID, tx common.Hash) error {
		return n.db.ConfirmPayout(t.Context(), id, tx, 1, n.now)
	}
	n.fails("lease nothing", lease(nobody), ledger.ErrNotFound)
	n.fails("release nothing", n.db.ReleasePayout(t.Context(), nobody, "me", n.now), ledger.ErrNotFound)
	n.fails("authorise nothing", sign(nobody, caps), ledger.ErrNotFound)
	n.fails("record nothing", record(nobody, ledger.Unknown, common.Hash{}), ledger.ErrNotFound)
	n.fails("confirm nothing", confirm(nobody, common.Hash{1}), ledger.ErrNotFound)
	n.fails("fail nothing", n.db.FailPayout(t.Context(), nobody, 0, "why", n.now), ledger.ErrNotFound)
	n.fails("requeue nothing", n.db.RequeuePayout(t.Context(), nobody, n.now), ledger.ErrNotFound)

	n.fails("lease a paid one", lease(paid), ledger.ErrFinal)
	n.fails("authorise a paid one", sign(paid, caps), ledger.ErrFinal)
	n.fails("record on a paid one", record(paid, ledger.Unknown, common.Hash{}), ledger.ErrFinal)
	n.fails("fail a paid one", n.db.FailPayout(t.Context(), paid, 0, "why", n.now), ledger.ErrFinal)
	n.fails("requeue a paid one", n.db.RequeuePayout(t.Context(), paid, n.now), ledger.ErrFinal)
	n.fails("confirm by another transaction", confirm(paid, common.Hash{1}), ledger.ErrConflict)
	n.must(confirm(paid, transferTx(paid)))

	n.fails("lease a failed one", lease(failed), ledger.ErrFinal)
	n.fails("confirm a failed one", confirm(failed, common.Hash{1}), ledger.ErrFinal)
	n.must(n.db.FailPayout(t.Context(), failed, 0, "another reason", n.now))
	n.fails("fail by record", record(open, ledger.Failed, common.Hash{}), ledger.ErrMove)
	n.fails("fail what was signed anew", n.db.FailPayout(t.Context(), open, 1, "why", n.now), ledger.ErrMove)

	n.fails("fail one that is on chain", n.db.FailPayout(t.Context(), settled, 0, "why", n.now), ledger.ErrMove)
	n.fails("authorise one that is on chain", sign(settled, caps), ledger.ErrMove)
	n.fails("confirm by record", record(open, ledger.Confirmed, common.Hash{1}), ledger.ErrMove)
	n.fails("above the cap", sign(open, ledger.PayoutCaps{PerPayout: 299, PerDay: 1000}), ledger.ErrPayoutCap)
	n.fails("above the day's", sign(open, ledger.PayoutCaps{PerPayout: 300, PerDay: 599}), ledger.ErrDailyCap)
	n.must(n.db.ReleasePayout(t.Context(), open, "somebody", n.now))
	n.must(n.db.RequeuePayout(t.Context(), open, n.now.Add(time.Hour))) // it is due

	if after := n.dump(); !slices.Equal(before, after) {
		t.Errorf("refused verbs changed\n%v", differences(before, after))
	}
	n.must(sign(open, ledger.PayoutCaps{PerPayout: 300, PerDay: 600})) // just within both
	n.balanced()
}

func TestALeaseKeepsOthersOutUntilItsEnd(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	id := n.open(workerAddr(1))
	lease := func(owner string, at time.Duration) error {
		_, err := n.db.LeasePayout(t.Context(), id, owner, n.now.Add(at), time.Minute)
		return err
	}
	n.must(lease("a", 0))
	n.fails("while a holds it", lease("b", 59*time.Second), ledger.ErrLeased)
	n.must(n.db.ReleasePayout(t.Context(), id, "b", n.now))
	n.fails("b cannot end a's lease", lease("b", 59*time.Second), ledger.ErrLeased)
	n.must(n.db.ReleasePayout(t.Context(), id, "a", n.now))
	n.must(lease("b", 59*time.Second))
	n.must(lease("c", 119*time.Second)) // b died
	same(n, "attempts", n.payout(id).Attempts, 3)
}

// TestTheStoredAuthorizationIsTheOneSent: of two instances that both signed,
// one is stored, and both send that one.
func TestTheStoredAuthorizationIsTheOneSent(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	id := n.open(workerAddr(1))
	sign := func(mark byte, replace bool) (byte, error) {
		a := authorization(n.now, mark)
		a.ReplaceExpired = replace
		p, err := n.db.AuthorisePayout(t.Context(), id, a, caps, n.now)
		if err != nil {
			return 0, err
		}
		same(n, "stored", n.payout(id).Signature[0], p.Signature[0])
		return p.Signature[0], nil
	}
	for _, v := range []struct {
		after   time.Duration
		mark    byte
		replace bool
		sent    byte
		err     error
	}{
		{0, 1, false, 1, nil},
		{time.Minute, 2, false, 1, nil},
		{time.Minute, 3, true, 1, nil}, // still valid: the precondition changes nothing
		{2 * time.Hour, 4, false, 0, ledger.ErrExpired},
		{0, 5, true, 5, nil},
		{23 * time.Hour, 6, true, 6, nil}, // another day: not counted again
	} {
		n.now = n.now.Add(v.after)
		got, err := sign(v.mark, v.replace)
		n.fails("error", err, v.err)
		same(n, "sent", got, v.sent)
		n.balanced()
	}
	same(n, "counted on the last day", n.today(), 0)
	same(n, "search starts at", n.payout(id).AuthorizedBlock, 1)
}

func TestTheDaysCapCountsByUTCDay(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	tight := ledger.PayoutCaps{PerPayout: 300, PerDay: 600}
	var queue []ledger.PayoutID
	for i := range 4 {
		queue = append(queue, n.open(workerAddr(i)))
	}
	late := time.Date(2026, 10, 20, 23, 59, 59, 0, time.FixedZone("west", -5*3600)) // the next day in UTC
	for i, v := range []struct {
		now  time.Time
		want error
	}{{n.now, nil}, {n.now, nil}, {n.now, ledger.ErrDailyCap}, {late, nil}} {
		_, err := n.db.AuthorisePayout(t.Context(), queue[i], authorization(v.now, 1), tight, v.now)
		n.fails("authorise", err, v.want)
		n.balanced()
	}
	same(n, "first day", n.today(), 600)
	n.now = n.now.Add(24 * time.Hour)
	same(n, "next day", n.today(), 300)
}

func TestDuePayouts(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var opened []ledger.PayoutID
	for i := range 40 { // more than there are shards
		opened = append(opened, n.open(workerAddr(i)))
	}
	due := func(at time.Time, limit int, want ...ledger.PayoutID) {
		t.Helper()
		got, err := n.db.DuePayouts(t.Context(), at, limit)
		n.must(err)
		if !slices.Equal(got, want) {
			t.Errorf("due at %v: %v\nwant %v", at.Sub(start), got, want)
		}
	}
	due(start.Add(policy.PublishGrace-time.Nanosecond), 100)
	due(start.Add(policy.PublishGrace), 100, opened[0])
	due(n.now.Add(policy.PublishGrace), 100, opened...)
	due(n.now.Add(policy.PublishGrace), 7, opened[:7]...)

	_, err := n.db.LeasePayout(t.Context(), opened[0], "me", n.now, time.Hour)
	n.must(err)
	n.must(n.db.FailPayout(t.Context(), opened[1], 0, "why", n.now))
	n.must(n.db.ConfirmPayout(t.Context(), opened[2], transferTx(opened[2]), 1, n.now))
	n.must(n.db.RecordOutcome(t.Context(), opened[3], ledger.Pending, "day's cap", common.Hash{}, n.now.Add(12*time.Hour), n.now))
	due(n.now.Add(policy.PublishGrace), 100, opened[4:]...)
	due(n.now.Add(time.Hour), 100, append(slices.Clone(opened[4:]), opened[0])...) // its holder died
	due(n.now.Add(12*time.Hour), 100, append(slices.Clone(opened[4:]), opened[0], opened[3])...)
}

// Payouts of one moment come in the order of their keys, so that a limit cuts
// the same ones off each time.
func TestDuePayoutsOfOneMoment(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var same8 []ledger.PayoutID
	for range 8 {
		id := n.open(workerAddr(1))
		n.must(n.db.RecordOutcome(t.Context(), id, ledger.Pending, "", common.Hash{}, start.Add(time.Hour), n.now))
		same8 = append(same8, id)
		n.now = n.now.Add(time.Minute)
	}
	for limit := range same8 {
		got, err := n.db.DuePayouts(t.Context(), n.now.Add(time.Hour), limit+1)
		n.must(err)
		if !slices.Equal(got, same8[:limit+1]) {
			t.Errorf("%d due of one moment: %v", limit+1, got)
		}
	}
}

// TestRoundTrips is the budget of each verb.
func TestRoundTrips(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(4, 100)
	var rpcs spannertest.RPCs
	counted := spannertest.Open(t, n.database, rpcs.Options()...)
	more := map[string]int{"ReserveReceipts": 3, "ConfirmReceipts": 3, "AdoptNonce": 3,
		"ReserveResultParts": 3, "CreditResults": 3, "CreditResults, opening": 3,
		"RecoverResults": 4, "RecoverPart": 3}
	step := 0
	for _, name := range slices.Sorted(mapKeys(moneyVerbs)) {
		step++
		a := moneyVerbs[name](n, workerAddr(step))
		rpcs.Reset()
		n.must(a.call(counted))
		want := more[name]
		if want == 0 {
			want = 2
		}
		t.Logf("%-23s %s", name, &rpcs)
		same(n, name, rpcs.Trips(), want)
		n.now = n.now.Add(time.Minute)
	}
	for name, read := range map[string]func(*spannerdb.DB) error{
		"PayoutResults": func(db *spannerdb.DB) error {
			_, _, err := db.PayoutResults(t.Context(), ledger.PayoutID{Worker: workerAddr(1), Seq: 1})
			return err
		},
		"DuePayouts":         func(db *spannerdb.DB) error { _, err := db.DuePayouts(t.Context(), n.now, 10); return err },
		"ReceiptsDue":        func(db *spannerdb.DB) error { _, _, err := db.ReceiptsDue(t.Context(), n.now); return err },
		"OpenReceiptBatches": func(db *spannerdb.DB) error { _, err := db.OpenReceiptBatches(t.Context(), logSender); return err },
		"WorkerStatus": func(db *spannerdb.DB) error {
			_, err := db.WorkerStatus(t.Context(), workerAddr(1), firstPage)
			return err
		},
		"ReserveReceipts, no": func(db *spannerdb.DB) error { return nothingToReserve(n, db) },
	} {
		rpcs.Reset()
		n.must(read(counted))
		t.Logf("%-23s %s", name, &rpcs)
		same(n, name, rpcs.Trips(), 1)
	}
}
