package spannerdb_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

var gwei, wei = big.NewInt(1e9), big.NewInt(1)

func mapKeys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

func nothingToReserve(n *network, db *spannerdb.DB) error {
	b, err := db.ReserveReceipts(n.Context(), logSender, logTo, 0, 10, start.Add(-time.Hour), encodeIDs)
	if b != nil {
		n.Errorf("reserved %v before anything was due", b)
	}
	return err
}

// use is a transaction of the log sender's that carries the receipts of these
// payouts.
func use(nonce uint64, ids ...ledger.PayoutID) ledger.NonceUse {
	u := ledger.NonceUse{
		BatchKey: ledger.BatchKey{Sender: logSender, AccountNonce: nonce}, Tx: common.BigToHash(big.NewInt(int64(0xf000 + nonce))),
		Block: nonce, To: logTo, Receipts: ids,
	}
	for _, id := range ids {
		u.Calldata = append(u.Calldata, id.String()+";"...)
	}
	return u
}

func TestReserveReceiptsTakesTheOldestFirst(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var paid []ledger.PayoutID
	for i := range 5 {
		paid = append(paid, n.confirmed(workerAddr(i)))
	}
	n.open(workerAddr(8)) // not paid
	n.must(n.db.FailPayout(t.Context(), n.open(workerAddr(9)), 0, "why", n.now))
	due := func(want int64, oldest time.Time) {
		t.Helper()
		count, since, err := n.db.ReceiptsDue(t.Context(), n.now)
		n.must(err)
		same(n, "receipts due", count, want)
		same(n, "since", since, oldest)
	}
	due(5, n.payout(paid[0]).ConfirmedAt)
	if count, _, err := n.db.ReceiptsDue(t.Context(), n.payout(paid[2]).ConfirmedAt); count != 3 || err != nil {
		t.Errorf("%d receipts due, %v, when three payouts were confirmed", count, err)
	}
	text := func(ids []ledger.PayoutID) string {
		var s strings.Builder
		for _, id := range ids {
			s.WriteString(id.String() + ";")
		}
		return s.String()
	}
	reserve := func(chainNonce, want uint64, ids ...ledger.PayoutID) {
		t.Helper()
		b, err := n.db.ReserveReceipts(t.Context(), logSender, logTo, chainNonce, 2, n.now, encodeIDs)
		n.must(err)
		if b == nil || b.AccountNonce != want || string(b.Calldata) != text(ids) || b.ReceiptCount != int64(len(ids)) || b.LogAddress != logTo {
			t.Fatalf("reserved %+v\nwant nonce %d for %s", b, want, text(ids))
		}
		if stored := n.batch(b.BatchKey); fmt.Sprint(stored) != fmt.Sprint(*b) {
			t.Errorf("stored %+v\nanswered %+v", stored, *b)
		}
		for _, id := range ids {
			if got := n.payout(id).ReceiptBatch; got == nil || *got != b.BatchKey {
				t.Errorf("payout %s is in batch %v, want %s", id, got, b.BatchKey)
			}
		}
		n.balanced()
	}
	reserve(0, 0, paid[:2]...)  // an account that never sent anything
	reserve(0, 1, paid[2:4]...) // the one before is not mined yet
	due(1, n.payout(paid[4]).ConfirmedAt)
	_, err := n.db.ReserveReceipts(t.Context(), logSender, logTo, 9, 2, n.now, encodeIDs)
	var gap *ledger.NonceGap
	if !errors.As(err, &gap) || *gap != (ledger.NonceGap{Sender: logSender, From: 2, To: 9}) {
		t.Errorf("the account was used elsewhere: %v", err)
	}
	due(1, n.payout(paid[4]).ConfirmedAt)
	for nonce := uint64(2); nonce < 9; nonce++ {
		n.must(n.db.AdoptNonce(t.Context(), use(nonce), n.now))
	}
	n.balanced()
	reserve(9, 9, paid[4])
	due(0, time.Time{})
	b, err := n.db.ReserveReceipts(t.Context(), logSender, logTo, 9, 2, n.now, encodeIDs)
	if b != nil || err != nil {
		t.Errorf("reserved %v, %v with nothing due", b, err)
	}
	open, err := n.db.OpenReceiptBatches(t.Context(), logSender)
	n.must(err)
	var nonces []uint64
	for _, b := range open {
		nonces = append(nonces, b.AccountNonce)
	}
	if !slices.Equal(nonces, []uint64{0, 1, 9}) {
		t.Errorf("open batches %v", nonces)
	}
}

func TestAReceiptThatCannotBeEncodedStaysDue(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	n.confirmed(workerAddr(1))
	before := n.dump()
	bad := errors.New("too long")
	_, err := n.db.ReserveReceipts(t.Context(), logSender, logTo, 0, 2, n.now, func([]ledger.Payout) ([]byte, error) { return nil, bad })
	n.fails("reserve", err, bad)
	if after := n.dump(); !slices.Equal(before, after) {
		t.Errorf("changed\n%v", differences(before, after))
	}
}

func TestBatchVerbsSayWhyNot(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	id := n.confirmed(workerAddr(1))
	k := n.reserved()
	nobody := ledger.BatchKey{Sender: logSender, AccountNonce: 99}
	txA, txB := common.Hash{0xa}, common.Hash{0xb}
	broadcast := func(k ledger.BatchKey, tx common.Hash) error {
		return n.db.RecordBroadcast(t.Context(), k, tx, gwei, wei, n.now)
	}
	confirm := func(k ledger.BatchKey, tx common.Hash) error {
		return n.db.ConfirmReceipts(t.Context(), k, tx, 5, n.now)
	}
	n.fails("send nothing", broadcast(nobody, txA), ledger.ErrNotFound)
	n.fails("confirm nothing", confirm(nobody, txA), ledger.ErrNotFound)

	n.must(broadcast(k, txA))
	huge, _ := new(big.Int).SetString("99999999999999999999999999999", 10) // 29 digits, all that NUMERIC holds
	n.must(n.db.RecordBroadcast(t.Context(), k, txB, huge, wei, n.now.Add(time.Second)))
	b := n.batch(k)
	if !slices.Equal(b.TxHashes, []common.Hash{txA, txB}) || b.FeeCap.Cmp(huge) != 0 || b.TipCap.Cmp(wei) != 0 || !b.SentAt.Equal(n.now.Add(time.Second)) {
		t.Errorf("recorded %+v", b)
	}
	n.fails("confirm by a stranger", confirm(k, common.Hash{0xc}), ledger.ErrConflict)
	same(n, "log tx", n.payout(id).LogTx, common.Hash{})
	n.must(confirm(k, txA))
	n.must(confirm(k, txA))
	before := n.dump()
	n.fails("confirm by its other transaction", confirm(k, txB), ledger.ErrConflict)
	n.fails("send when confirmed", broadcast(k, common.Hash{0xd}), ledger.ErrFinal)
	n.fails("adopt another when confirmed", n.db.AdoptNonce(t.Context(), use(k.AccountNonce), n.now), ledger.ErrConflict)
	if after := n.dump(); !slices.Equal(before, after) {
		t.Errorf("refused verbs changed\n%v", differences(before, after))
	}
	open, err := n.db.OpenReceiptBatches(t.Context(), logSender)
	if len(open) != 0 || err != nil {
		t.Errorf("open batches %v, %v", open, err)
	}
	n.balanced()
}

// A foreign transaction uses a batch's nonce: its receipts fall due again, and
// are in another batch once.
func TestAForeignTransactionTakesABatchsNonce(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	first := n.confirmed(workerAddr(1))
	k := n.reserved() // nonce 0, which a foreign transaction will use
	second := n.confirmed(workerAddr(2))
	k2 := n.reserved()
	n.must(n.db.RecordBroadcast(t.Context(), k, common.Hash{1}, gwei, wei, n.now))
	foreign := use(0)
	foreign.To, foreign.Calldata = workerAddr(5), []byte("something else")

	for range 2 { // the second time, because the answer was lost
		n.must(n.db.AdoptNonce(t.Context(), foreign, n.now))
		b := n.batch(k)
		if b.State != ledger.BatchAdopted || b.LogTx != foreign.Tx || b.ReceiptCount != 0 || len(b.Calldata) != 0 || b.LogAddress != workerAddr(5) {
			t.Errorf("the batch is %+v", b)
		}
		same(n, "due", n.payout(first).ReceiptDueAt, n.now)
		n.balanced()
	}
	fresh, err := n.db.ReserveReceipts(t.Context(), logSender, logTo, 1, 10, n.now, encodeIDs)
	n.must(err)
	same(n, "nonce", fresh.AccountNonce, 2) // 1 is the other batch's
	n.carried(first, 1, ledger.BatchOpen)
	same(n, "the other batch", *n.payout(second).ReceiptBatch, k2)
	n.fails("sent after all", n.db.RecordBroadcast(t.Context(), k, common.Hash{2}, gwei, wei, n.now), ledger.ErrFinal)
	n.fails("confirmed after all", n.db.ConfirmReceipts(t.Context(), k, common.Hash{1}, 3, n.now), ledger.ErrConflict)
	n.balanced()
}

// The batch's own receipts are on chain, in a transaction that was never
// recorded: it is confirmed by that.
func TestABatchIsFoundOnChain(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	id := n.confirmed(workerAddr(1))
	k := n.reserved()
	found := use(k.AccountNonce, id)
	for range 2 {
		n.must(n.db.AdoptNonce(t.Context(), found, n.now))
		same(n, "state", n.carried(id, 1, ledger.BatchConfirmed).LogTx, found.Tx)
		same(n, "log tx", n.payout(id).LogTx, found.Tx)
		n.balanced()
	}
}

// A database that was restored to an earlier hour finds log transactions that
// it does not know. The receipts in them are not written again: not those of
// payouts that wait for one, nor of those that will be confirmed later, nor of
// those that were in a batch for the same nonce.
func TestRestoredDatabaseAdoptsReceipts(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	waiting, batched, lonely := n.confirmed(workerAddr(1)), n.confirmed(workerAddr(2)), n.confirmed(workerAddr(3))
	unpaid := n.open(workerAddr(4))
	unborn := ledger.PayoutID{Worker: workerAddr(4), Seq: 2}
	one := func(chainNonce uint64, limit int) *ledger.ReceiptBatch {
		t.Helper()
		b, err := n.db.ReserveReceipts(t.Context(), logSender, logTo, chainNonce, limit, n.now, encodeIDs)
		n.must(err)
		n.balanced()
		return b
	}
	// The oldest two get batch 0, whose nonce was used for other receipts.
	k := one(0, 2).BatchKey
	n.must(n.db.AdoptNonce(t.Context(), use(0, batched, unborn), n.now))
	n.must(n.db.AdoptNonce(t.Context(), use(1, unpaid), n.now))
	n.balanced()

	b := one(2, 10)
	if b == nil || b.AccountNonce != 2 || b.ReceiptCount != 2 {
		t.Fatalf("reserved %+v, want %s and %s with nonce 2", b, waiting, lonely)
	}
	n.carried(waiting, 1, ledger.BatchOpen)
	n.carried(lonely, 1, ledger.BatchOpen)
	adopted := func(id ledger.PayoutID, nonce uint64) {
		t.Helper()
		p := n.payout(id)
		if p.ReceiptBatch == nil || *p.ReceiptBatch != (ledger.BatchKey{Sender: k.Sender, AccountNonce: nonce}) || p.LogTx != use(nonce).Tx || !p.ReceiptDueAt.IsZero() {
			t.Errorf("payout %s: receipt due %v, in %v, %s", id, p.ReceiptDueAt, p.ReceiptBatch, p.LogTx)
		}
	}
	adopted(batched, 0)

	for _, id := range []ledger.PayoutID{unpaid, n.open(workerAddr(4))} {
		n.authorise(id)
		n.must(n.db.ConfirmPayout(t.Context(), id, transferTx(id), 7, n.now))
	}
	if b := one(2, 10); b != nil {
		t.Errorf("reserved %+v, and all receipts are on chain", b)
	}
	adopted(unpaid, 1)
	adopted(unborn, 0)
	n.balanced()
}

// TestConcurrentReservations: four log senders that all believe they hold the
// lease. Each payout ends in one batch, and no nonce is given twice.
func TestConcurrentReservations(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(3, 100)
	var paid []ledger.PayoutID
	for i := range 12 {
		paid = append(paid, n.confirmed(workerAddr(i)))
	}
	var wg sync.WaitGroup
	for range 4 {
		db := spannertest.Open(t, n.database)
		wg.Go(func() {
			for range 6 {
				if _, err := db.ReserveReceipts(t.Context(), logSender, logTo, 0, 2, n.now, encodeIDs); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range paid {
		n.carried(id, 1, ledger.BatchOpen)
	}
	n.balanced()
}
