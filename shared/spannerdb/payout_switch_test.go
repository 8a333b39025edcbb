package spannerdb_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func init() {
	moneyVerbs["SetPayoutSwitch"] = func(n *network, w common.Address) attempt {
		reason := "because of " + ledger.CanonicalAddress(w)
		n.must2(n.db.SetPayoutSwitch(n.Context(), false, "before "+reason, "ann", n.now.Add(-time.Second)))
		return attempt{
			func(db *spannerdb.DB) error {
				_, err := db.SetPayoutSwitch(n.Context(), true, reason, "ben", n.now)
				return err
			},
			func() {
				s := n.must2(n.db.PayoutSwitch(n.Context()))
				same(n, "switch", s, ledger.PayoutSwitch{Paused: true, Reason: reason, ChangedBy: "ben", ChangedAt: n.now})
				n.must2(n.db.SetPayoutSwitch(n.Context(), false, "after "+reason, "ann", n.now))
			},
		}
	}
}

func (n *network) must2(s ledger.PayoutSwitch, err error) ledger.PayoutSwitch {
	n.Helper()
	n.must(err)
	return s
}

func (n *network) paused() bool {
	n.Helper()
	paused, err := n.db.PayoutsPaused(n.Context())
	n.must(err)
	return paused
}

func TestPayoutSwitch(t *testing.T) {
	n := newNetwork(t)
	same(n, "never touched", n.must2(n.db.PayoutSwitch(t.Context())), ledger.PayoutSwitch{})
	same(n, "never touched", n.paused(), false)

	first := n.must2(n.db.SetPayoutSwitch(t.Context(), true, "treasury moves", "ann", n.now))
	same(n, "paused", first, ledger.PayoutSwitch{Paused: true, Reason: "treasury moves", ChangedBy: "ann", ChangedAt: n.now})
	same(n, "stored", n.must2(n.db.PayoutSwitch(t.Context())), first)
	same(n, "stored", n.paused(), true)

	later := n.now.Add(time.Hour)
	same(n, "paused again", n.must2(n.db.SetPayoutSwitch(t.Context(), true, "", "ben", later)), first)
	same(n, "paused again, for the same", n.must2(n.db.SetPayoutSwitch(t.Context(), true, "treasury moves", "ben", later)), first)
	for range 2 {
		both := n.must2(n.db.SetPayoutSwitch(t.Context(), true, "books", "ben", later))
		same(n, "for another reason", both, ledger.PayoutSwitch{Paused: true, Reason: "treasury moves; ben: books", ChangedBy: "ann", ChangedAt: n.now})
		same(n, "stored", n.must2(n.db.PayoutSwitch(t.Context())), both)
	}
	same(n, "resumed", n.must2(n.db.SetPayoutSwitch(t.Context(), false, "", "cid", later)), ledger.PayoutSwitch{ChangedBy: "cid", ChangedAt: later})
	same(n, "resumed", n.paused(), false)
}

// Once the pause is committed nothing is authorised: neither for the first
// time, nor anew, nor what is stored is released again.
func TestNothingIsAuthorisedWhilePaused(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	fresh, signed, expired := n.open(workerAddr(1)), n.open(workerAddr(2)), n.open(workerAddr(3))
	n.authorise(signed)
	n.authorise(expired)
	n.must2(n.db.SetPayoutSwitch(t.Context(), true, "", "ann", n.now))
	before := n.dump()
	sign := func(id ledger.PayoutID, at time.Time, replace bool) error {
		a := authorization(at, 9)
		a.ReplaceExpired = replace
		_, err := n.db.AuthorisePayout(t.Context(), id, a, caps, at)
		return err
	}
	n.fails("first", sign(fresh, n.now, false), ledger.ErrPaused)
	n.fails("stored", sign(signed, n.now, false), ledger.ErrPaused)
	n.fails("anew", sign(expired, n.now.Add(48*time.Hour), true), ledger.ErrPaused)
	if !slices.Equal(n.dump(), before) {
		t.Error("something was written")
	}

	// Booking goes on.
	n.must(n.db.ConfirmPayout(t.Context(), signed, transferTx(signed), 5, n.now))
	n.reserved()
	n.balanced()

	n.must2(n.db.SetPayoutSwitch(t.Context(), false, "", "ann", n.now))
	n.must(sign(fresh, n.now, false))
}

// Pausing while instances authorise: what was stored when the pause had been
// committed is all that is ever stored.
func TestPauseAmongAuthorisations(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var ids []ledger.PayoutID
	for i := range 12 {
		ids = append(ids, n.open(workerAddr(i)))
	}
	operator := spannertest.Open(t, n.database)
	var all sync.WaitGroup
	for i := range 3 { // instances
		db := spannertest.Open(t, n.database)
		all.Go(func() {
			for j, id := range ids {
				if j%3 != i {
					continue
				}
				if _, err := db.AuthorisePayout(t.Context(), id, authorization(n.now, byte(j)), caps, n.now); err != nil && !errors.Is(err, ledger.ErrPaused) {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	_, err := operator.SetPayoutSwitch(t.Context(), true, "", "ann", n.now)
	n.must(err)
	signed := func() (count int64) {
		row, err := n.raw.Single().Query(context.Background(), spanner.Statement{SQL: "SELECT COUNT(*) FROM WorkerPayouts WHERE Signature IS NOT NULL"}).Next()
		n.must(err)
		n.must(row.Column(0, &count))
		return count
	}
	atPause := signed()
	all.Wait()
	same(n, "authorised after the pause", signed(), atPause)
	t.Logf("%d of %d were authorised before the pause", atPause, len(ids))
	n.balanced()
}

// A failed payout is found by when it failed, and no longer once it is requeued.
func TestFailedAt(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	id := n.open(workerAddr(1))
	failedAt := func() spanner.NullTime {
		row, err := n.raw.Single().ReadRow(context.Background(), "WorkerPayouts", spanner.Key{ledger.CanonicalAddress(id.Worker), id.Seq}, []string{"FailedAt"})
		n.must(err)
		var at spanner.NullTime
		n.must(row.Column(0, &at))
		return at
	}
	same(n, "open", failedAt(), spanner.NullTime{})
	n.must(n.db.FailPayout(t.Context(), id, 0, "blocked", n.now))
	same(n, "failed", failedAt().Time.UTC(), n.now)
	n.must(n.db.RequeuePayout(t.Context(), id, n.now.Add(time.Hour)))
	same(n, "requeued", failedAt(), spanner.NullTime{})
}
