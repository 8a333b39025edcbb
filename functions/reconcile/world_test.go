package reconcile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/paidchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

var start = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// world is a chain and a database with the same treasury.
type world struct {
	testing.TB
	paidchain.Chain
	database string

	db   *spannerdb.DB
	raw  *spanner.Client
	node *chain.Client
	now  time.Time
	log  lines
	deps Deps
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns the lines since the last call.
func (l *lines) take() (out []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range strings.Split(strings.TrimSpace(l.text.String()), "\n") {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil {
			out = append(out, m)
		}
	}
	l.text.Reset()
	return out
}

const tasks = 3

func newWorld(t testing.TB, o devchain.Options) *world {
	t.Helper()
	database := spannertest.New(t)
	o.Instant = true
	w := &world{TB: t, database: database, db: spannertest.Open(t, database), raw: spannertest.Client(t, database), now: start}
	dev, err := devchain.Start(t.Context(), o)
	w.must(err)
	t.Cleanup(func() { _ = dev.Stop() })
	w.Chain = paidchain.Chain{Chain: dev, LogAddress: common.HexToAddress("0x10900")}
	l := chain.DefaultLimits()
	l.Backoff, l.MaxWait, l.Tries = time.Millisecond, 5*time.Millisecond, 2
	w.node, err = chain.DialWith(t.Context(), dev.URL, dev.Network.ChainID, l)
	w.must(err)
	t.Cleanup(w.node.Close)
	var list []schedule.Task
	for i := range tasks {
		list = append(list, schedule.Task{
			ID: fmt.Sprintf("task_%d", i), URL: "https://example.org/", ExpectedStatus: 200, Timeout: time.Second, RewardMicros: 100,
			Interval: time.Second, BuyerTier: "standard", Class: schedule.Standard, Active: true,
		})
	}
	w.must(w.db.LoadTasks(t.Context(), w.now, list))
	w.deps = w.wire(w.db)
	return w
}

// wire is an instance of the function.
func (w *world) wire(db *spannerdb.DB) Deps {
	ids := 0
	return Deps{
		Store: db, Payouts: db, Books: db, Leases: db, Chain: w.node, Transactions: w.node,
		Scope: Scope{
			ChainID: w.Network.ChainID, Token: w.Network.Token, Treasury: w.Treasury(), LogAddress: w.LogAddress,
			Senders: []common.Address{w.Sender()},
		},
		Pace: Pace{Budget: time.Hour, Step: 5, Page: 2, LateAfter: time.Hour, BooksTime: time.Minute, BooksRows: 1000},
		Now:  func() time.Time { return w.now }, NewID: func() string { ids++; return fmt.Sprintf("%p %d", db, ids) },
		Log: telemetry.NewLogger(&w.log, slog.LevelInfo),
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) later(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) worker(i int) common.Address { return common.BytesToAddress([]byte{0xAB, byte(i)}) }

// open credits a worker for three checks, and so opens its next payout.
func (w *world) open(worker common.Address) ledger.Payout {
	w.Helper()
	w.later(2 * time.Second)
	ctx := w.Context()
	offered, err := w.db.FindOffers(ctx, w.now, schedule.Poll{Worker: worker}, 10)
	w.must(err)
	claimed, err := w.db.ClaimTasks(ctx, w.now, schedule.Poll{Worker: worker}, offered, tasks)
	w.must(err)
	var batch []ledger.SubmittedResult
	for _, task := range claimed {
		r := api.Result{TaskID: task.ID, WorkerAddress: worker.Hex(), Timestamp: w.now.UnixMilli(), Error: "Timeout after 1000ms", Signature: "0x" + strings.Repeat("5a", 65)}
		batch = append(batch, ledger.SubmittedResult{Worker: worker, TaskID: r.TaskID, At: w.now, Result: r, ResultID: api.ResultID(r)})
	}
	crediter, err := w.db.Crediter(ledger.PayoutPolicy{ChainID: w.Network.ChainID, Token: w.Network.Token, Treasury: w.Treasury(), Threshold: 100 * tasks})
	w.must(err)
	_, opened, err := crediter.CreditResults(ctx, w.now, batch)
	w.must(err)
	if len(opened) != 1 {
		w.Fatalf("opened %v with %d results", opened, len(batch))
	}
	return w.payout(opened[0])
}

func (w *world) payout(id ledger.PayoutID) ledger.Payout {
	w.Helper()
	rows, err := w.db.PayoutsByID(w.Context(), []ledger.PayoutID{id})
	w.must(err)
	if len(rows) != 1 {
		w.Fatalf("no payout %s", id)
	}
	return rows[0]
}

// authorise signs a payout, as far as the books know.
func (w *world) authorise(p ledger.Payout) {
	w.Helper()
	ids, _, err := w.db.PayoutResults(w.Context(), p.ID)
	w.must(err)
	record := ledger.AuthorizationRecord{ResultsHash: ledger.ResultsHash(ids), ValidBefore: w.now.Add(time.Hour).Unix(), Signature: make([]byte, 65)}
	_, err = w.db.AuthorisePayout(w.Context(), p.ID, record, ledger.PayoutCaps{PerPayout: 1_000_000, PerDay: 100_000_000}, w.now)
	w.must(err)
}

// transfer pays it on chain, and the books do not know.
func (w *world) transfer(p ledger.Payout) (tx common.Hash, block uint64) {
	w.Helper()
	mined, err := w.Pay(w.Context(), p.ID, p.Amount)
	w.must(err)
	return mined.TxHash, mined.BlockNumber.Uint64()
}

func (w *world) book(p ledger.Payout, tx common.Hash, block uint64) {
	w.Helper()
	w.must(w.db.ConfirmPayout(w.Context(), p.ID, tx, block, w.now))
}

// confirmed is a payout that is paid and booked.
func (w *world) confirmed(worker common.Address) ledger.Payout {
	w.Helper()
	p := w.open(worker)
	w.authorise(p)
	tx, block := w.transfer(p)
	w.book(p, tx, block)
	return w.payout(p.ID)
}

// reserved is a batch of all receipts that are due.
func (w *world) reserved() ledger.ReceiptBatch {
	w.Helper()
	b, err := w.db.ReserveReceipts(w.Context(), w.Sender(), w.LogAddress, w.accountNonce(), 100, w.now, func(ps []ledger.Payout) ([]byte, error) {
		var all []receipt.Receipt
		for _, p := range ps {
			r, err := receipt.Of(p)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		return receipt.EncodeCompact(all)
	})
	w.must(err)
	if b == nil {
		w.Fatal("no receipt is due")
	}
	return *b
}

func (w *world) accountNonce() uint64 {
	w.Helper()
	_, latest, err := w.node.AccountNonces(w.Context(), w.Sender())
	w.must(err)
	return latest
}

// send brings a batch to the chain; log books it, too.
func (w *world) send(b ledger.ReceiptBatch) (tx common.Hash, block uint64) {
	w.Helper()
	mined, err := w.Calldata(w.Context(), w.LogSender, b.Calldata)
	w.must(err)
	return mined.TxHash, mined.BlockNumber.Uint64()
}

func (w *world) bookReceipts(b ledger.ReceiptBatch, tx common.Hash, block uint64) {
	w.Helper()
	w.must(w.db.RecordBroadcast(w.Context(), b.BatchKey, tx, big.NewInt(2), big.NewInt(1), w.now))
	w.must(w.db.ConfirmReceipts(w.Context(), b.BatchKey, tx, block, w.now))
}

// receipts writes all receipts that are due, as they should be.
func (w *world) receipts() {
	w.Helper()
	b := w.reserved()
	tx, block := w.send(b)
	w.bookReceipts(b, tx, block)
}

// done is a payout with which all is well.
func (w *world) done(worker common.Address) ledger.Payout {
	w.Helper()
	p := w.confirmed(worker)
	w.receipts()
	return w.payout(p.ID)
}

// set changes columns of a payout behind everybody's back.
func (w *world) set(p ledger.Payout, column string, value any) {
	w.Helper()
	w.put(spanner.UpdateMap("WorkerPayouts", map[string]any{"Worker": ledger.CanonicalAddress(p.ID.Worker), "Seq": p.ID.Seq, column: value}))
}

func (w *world) put(ms ...*spanner.Mutation) {
	w.Helper()
	_, err := w.raw.Apply(context.Background(), ms)
	w.must(err)
}

// run runs once and returns the report, and the one line that was logged.
func (w *world) run() (Report, map[string]any) {
	w.Helper()
	w.log.take()
	answer, err := w.deps.exclusively(w.Context(), false)
	w.must(err)
	report, ok := answer.(Report)
	logged := w.log.take()
	if !ok || len(logged) != 1 {
		w.Fatalf("answer %+v, logged %v", answer, logged)
	}
	return report, logged[0]
}

// receiptOf is a payout's true receipt.
func (w *world) receiptOf(p ledger.Payout) receipt.Receipt {
	w.Helper()
	r, err := receipt.Of(p)
	w.must(err)
	return r
}

// logs writes receipts that the books know nothing of.
func (w *world) logs(rs ...receipt.Receipt) {
	w.Helper()
	_, err := w.Chain.Log(w.Context(), rs...)
	w.must(err)
}

// noBooks finds nothing wrong.
type noBooks struct{}

func (noBooks) Books(context.Context) (ledger.BooksReport, error) { return ledger.BooksReport{}, nil }
func (noBooks) BooksOfWorkers(context.Context, ledger.BooksMark, int) (ledger.BooksSlice, error) {
	return ledger.BooksSlice{Done: true}, nil
}
func (noBooks) BooksOfReceipts(context.Context, ledger.BooksMark, int) (ledger.BooksSlice, error) {
	return ledger.BooksSlice{Done: true}, nil
}
