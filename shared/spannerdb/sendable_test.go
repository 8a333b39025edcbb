package spannerdb_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Of all payouts, those come along whose turn it is, that were tried before
// and that nobody holds: with what is signed for them.
func TestSendablePayouts(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	tried := func(i int) ledger.PayoutID {
		id := n.open(workerAddr(i))
		_, err := n.db.LeasePayout(t.Context(), id, "me", n.now, time.Minute)
		n.must(err)
		n.authorise(id)
		n.must(n.db.RecordOutcome(t.Context(), id, ledger.Unknown, "no answer", common.Hash{}, n.now.Add(time.Second), n.now))
		_, err = n.db.LeasePayout(t.Context(), id, "me", n.now, time.Minute)
		n.must(err)
		n.must(n.db.ReleasePayout(t.Context(), id, "me", n.now))
		return id
	}
	want := []ledger.PayoutID{tried(1), tried(2), tried(3)}
	n.open(workerAddr(4)) // nothing is signed for it
	held := tried(5)
	paid := tried(6)
	n.must(n.db.ConfirmPayout(t.Context(), paid, transferTx(paid), 1, n.now))
	later := tried(7)
	now := n.now.Add(2 * time.Minute)
	_, err := n.db.LeasePayout(t.Context(), held, "another", now, time.Minute)
	n.must(err)
	n.must(n.db.RecordOutcome(t.Context(), later, ledger.Unknown, "no answer", common.Hash{}, now.Add(time.Hour), n.now))

	q := ledger.Sendable{MinAttempts: 1, ValidUntil: now.Add(time.Minute), Limit: 10}
	read := func(q ledger.Sendable) (ids []ledger.PayoutID) {
		found, err := n.db.SendablePayouts(t.Context(), q, now)
		n.must(err)
		for _, p := range found {
			if len(p.Signature) != 65 {
				t.Errorf("payout %s comes with %d bytes of signature", p.ID, len(p.Signature))
			}
			ids = append(ids, p.ID)
		}
		slices.SortFunc(ids, func(a, b ledger.PayoutID) int { return a.Worker.Cmp(b.Worker) })
		return ids
	}
	slices.SortFunc(want, func(a, b ledger.PayoutID) int { return a.Worker.Cmp(b.Worker) })
	if got := read(q); !slices.Equal(got, want) {
		t.Errorf("sendable %v\nwant %v", got, want)
	}
	if got := read(ledger.Sendable{MinAttempts: 1, ValidUntil: q.ValidUntil, Limit: 2}); len(got) != 2 {
		t.Errorf("of at most 2: %v", got)
	}
	if got := read(ledger.Sendable{MinAttempts: 100, ValidUntil: q.ValidUntil, Limit: 10}); len(got) != 0 {
		t.Errorf("of those tried a hundred times: %v", got)
	}
}
