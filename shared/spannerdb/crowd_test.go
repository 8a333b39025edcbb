package spannerdb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// crowd is many workers and payers on a few clients, all at once.
type crowd struct {
	*network
	clients  [4]*spannerdb.DB
	seed     uint64
	clock    atomic.Int64 // seconds since start
	accepted sync.Map     // result key -> true
	earned   atomic.Int64
	wins     atomic.Int64
}

func (c *crowd) time() time.Time {
	return start.Add(time.Duration(c.clock.Load()) * time.Second)
}

// TestBooksBalanceInACrowd: 20 workers poll and submit, 3 payers pay and 2 log
// senders write receipts, through 4 clients, interleaved at random, with the
// books checked all the while.
func TestBooksBalanceInACrowd(t *testing.T) {
	c := &crowd{network: newNetwork(t), seed: rand.Uint64()}
	t.Logf("seed %d", c.seed)
	c.addTasks(10, 100)
	for i := range c.clients {
		c.clients[i] = spannertest.Open(t, c.database)
	}
	var workers, others sync.WaitGroup
	stop := make(chan struct{})
	background := func(i int, what func(*rand.Rand)) {
		others.Go(func() {
			rng := rand.New(rand.NewPCG(c.seed, uint64(i)))
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rng.IntN(20)) * time.Millisecond):
					what(rng)
				}
			}
		})
	}
	for i := range 20 {
		workers.Go(func() { c.work(i, rand.New(rand.NewPCG(c.seed, uint64(i)))) })
	}
	for i := range 3 {
		background(100+i, func(rng *rand.Rand) { c.pay(rng, fmt.Sprint("payer ", i)) })
	}
	for i := range 2 {
		background(200+i, c.log)
	}
	background(300, func(*rand.Rand) { c.ok(c.db.CheckBooks(c.Context())) })
	workers.Wait()
	close(stop)
	others.Wait()
	c.settle()
}

// work is a worker's life: polls, and submissions of good, foreign, repeated
// and late results, through any client.
func (c *crowd) work(i int, rng *rand.Rand) {
	w := workerAddr(i)
	var past []ledger.SubmittedResult
	for range 7 {
		c.clock.Add(rng.Int64N(4))
		db, now := c.clients[rng.IntN(4)], c.time()
		offered, err := db.FindOffers(c.Context(), now, schedule.Poll{Worker: w}, 10)
		c.ok(err)
		tasks, err := db.ClaimTasks(c.Context(), now, schedule.Poll{Worker: w}, offered, 3)
		c.ok(err)
		var batch []ledger.SubmittedResult
		for _, t := range tasks {
			batch = append(batch, result(t.ID, w, c.time()))
		}
		if len(past) > 0 {
			batch = append(batch, past[rng.IntN(len(past))])
		}
		batch = append(batch, result(taskID(rng.IntN(10)), workerAddr(rng.IntN(20)), now))
		past = append(past, batch...)
		var sends sync.WaitGroup
		for range 1 + rng.IntN(2) { // sometimes the same twice at once
			via := c.clients[rng.IntN(4)]
			sends.Go(func() { c.submit(via, batch) })
		}
		sends.Wait()
	}
}

func (c *crowd) submit(db *spannerdb.DB, batch []ledger.SubmittedResult) {
	judged, _, err := crediter(c, db, policy).CreditResults(c.Context(), c.time(), batch)
	c.ok(err)
	for i, o := range outcomes(judged) {
		if !strings.HasPrefix(o, "accepted") {
			continue
		}
		key := fmt.Sprint(batch[i].Worker, batch[i].TaskID, batch[i].At)
		if _, twice := c.accepted.LoadOrStore(key, true); twice {
			c.Errorf("accepted twice: %s", key)
		}
		c.earned.Add(int64(judged[i].Reward))
		c.wins.Add(1)
	}
}

// pay does one step for a payout that is due, as a payer that may die after
// any of them.
func (c *crowd) pay(rng *rand.Rand, owner string) {
	db, now := c.clients[rng.IntN(4)], c.time().Add(time.Minute)
	due, err := db.DuePayouts(c.Context(), now, 5)
	c.ok(err)
	if len(due) == 0 {
		return
	}
	id := due[rng.IntN(len(due))]
	if _, err = db.LeasePayout(c.Context(), id, owner, now, time.Second); err != nil {
		c.ok(err, ledger.ErrLeased, ledger.ErrFinal)
		return
	}
	if rng.IntN(4) == 0 {
		c.ok(db.FailPayout(c.Context(), id, 0, "blacklisted", now), ledger.ErrFinal, ledger.ErrMove)
		c.ok(db.RequeuePayout(c.Context(), id, now), ledger.ErrFinal)
		return
	}
	_, err = db.AuthorisePayout(c.Context(), id, authorization(now, byte(rng.IntN(200))), caps, now)
	c.ok(err, ledger.ErrFinal, ledger.ErrMove)
	c.ok(db.RecordOutcome(c.Context(), id, ledger.Unknown, "no answer", common.Hash{}, now, now), ledger.ErrFinal, ledger.ErrMove)
	if rng.IntN(3) > 0 {
		c.ok(db.ConfirmPayout(c.Context(), id, transferTx(id), 1, now), ledger.ErrFinal)
	}
}

// log reserves receipts, or moves on a batch that is open, as a sender that
// believes it holds the lease.
func (c *crowd) log(rng *rand.Rand) {
	db, now := c.clients[rng.IntN(4)], c.time().Add(time.Hour)
	if rng.IntN(2) == 0 {
		_, err := db.ReserveReceipts(c.Context(), logSender, logTo, uint64(rng.IntN(3)), 3, now, encodeIDs)
		c.ok(err, ledger.ErrNonceGap)
		return
	}
	open, err := db.OpenReceiptBatches(c.Context(), logSender)
	c.ok(err)
	if len(open) == 0 {
		return
	}
	k := open[0].BatchKey
	if rng.IntN(4) == 0 {
		foreign := ledger.NonceUse{BatchKey: k, Tx: common.Hash{0xf0}, Block: 1}
		c.ok(db.AdoptNonce(c.Context(), foreign, now), ledger.ErrConflict)
		return
	}
	tx := common.BytesToHash([]byte(k.String()))
	c.ok(db.RecordBroadcast(c.Context(), k, tx, gwei, wei, now), ledger.ErrFinal)
	c.ok(db.ConfirmReceipts(c.Context(), k, tx, 1, now), ledger.ErrFinal, ledger.ErrConflict)
}

// settle brings everything to its end and compares it with what the workers
// were told.
func (c *crowd) settle() {
	rng := rand.New(rand.NewPCG(c.seed, 999))
	for range 500 {
		c.clock.Add(60)
		c.pay(rng, "last")
		c.log(rng)
		due, err := c.db.DuePayouts(c.Context(), c.time().Add(24*time.Hour), 1)
		c.must(err)
		waiting, _, err := c.db.ReceiptsDue(c.Context(), c.time().Add(24*time.Hour))
		c.must(err)
		open, err := c.db.OpenReceiptBatches(c.Context(), logSender)
		c.must(err)
		if len(due)+int(waiting)+len(open) == 0 {
			break
		}
	}
	r, err := c.db.Books(c.Context())
	c.must(err)
	c.must(r.Err())
	same(c.network, "earned", int64(r.Credits.TotalEarned), c.earned.Load())
	same(c.network, "results", r.Results, c.wins.Load())
	same(c.network, "in flight at the end", r.Credits.InFlight, 0)
	if r.Payouts < 5 || r.Batches < 2 {
		c.Errorf("only %d payouts in %d batches: the test shows little", r.Payouts, r.Batches)
	}
	c.must(c.raw.Single().Query(context.Background(), spanner.Statement{
		SQL: "SELECT TaskId, Cycle FROM WorkerResults GROUP BY TaskId, Cycle HAVING COUNT(*) > 1",
	}).Do(func(row *spanner.Row) error {
		c.Errorf("a cycle was won twice: %v", row)
		return nil
	}))
	c.Logf("%d results of %s USD, %d payouts, %d batches", r.Results, r.Credits.TotalEarned, r.Payouts, r.Batches)
}

// ok fails the test on an error that is none of the expected ones.
func (c *crowd) ok(err error, expected ...error) {
	c.Helper()
	for _, e := range expected {
		if errors.Is(err, e) {
			return
		}
	}
	if err != nil {
		c.Error(err)
	}
}
