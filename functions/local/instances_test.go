package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/functions/gettasks"
	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/functions/processpayout"
	"github.com/BlockRunAI/worker-network/functions/submitresults"
	"github.com/BlockRunAI/worker-network/functions/sweep"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/bucket"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/facilitator"
	"github.com/BlockRunAI/worker-network/shared/localcloud/pushqueue"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

const (
	instances    = 4
	busyWorkers  = 20
	busyTasks    = 100
	roundsOfEach = 10
)

// fleet is several instances of each function, each made by itself as in the
// cloud, with a Spanner client of its own, and a balancer that takes turns.
type fleet struct {
	functions map[string][]http.Handler
	turn      atomic.Int64
}

func newFleet(t *testing.T, lookup config.Lookup) *fleet {
	t.Helper()
	f := &fleet{functions: map[string][]http.Handler{}}
	builders := map[string]func(context.Context, config.Lookup) (http.Handler, error){
		api.TasksPath: gettasks.Build, api.ResultsPath: submitresults.Build, "/ProcessPayout": processpayout.Build, "/Sweep": sweep.Build,
	}
	for path, build := range builders {
		for range instances {
			h, err := build(t.Context(), lookup)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			f.functions[path] = append(f.functions[path], h)
		}
	}
	return f
}

func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	some := f.functions[r.URL.Path]
	if some == nil {
		http.NotFound(w, r)
		return
	}
	some[f.turn.Add(1)%instances].ServeHTTP(w, r)
}

// environment starts what the functions need and returns what they are told.
func environment(t *testing.T, endpoint *httptest.Server) (config.Lookup, network.Money) {
	t.Helper()
	database := spannertest.New(t) // first, so that it goes last
	c, err := devchain.Start(t.Context(), devchain.Options{Instant: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	rail, err := facilitator.New(t.Context(), facilitator.Options{RPCURL: c.URL, Network: c.Network, Relayer: c.Relayer, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rail.Close)
	x402 := httptest.NewServer(rail)
	t.Cleanup(x402.Close)
	const topic = "projects/test/topics/payouts"
	queue, err := pushqueue.Start(t.Context(), pushqueue.Options{
		Topic: topic, Endpoint: endpoint.URL + "/ProcessPayout", Log: slog.New(slog.DiscardHandler), MinBackoff: 20 * time.Millisecond,
		Copies: func(string) int { return 2 }, // at least once, on purpose
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = queue.Close() })
	t.Setenv("PUBSUB_EMULATOR_HOST", queue.Addr)
	const resultLog = "result-log"
	files, err := bucket.Start(t.Context(), bucket.Options{Name: resultLog})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	t.Setenv("STORAGE_EMULATOR_HOST", files.Addr)
	m := network.Money{
		ChainID: c.Network.ChainID, RPC: c.URL, Token: c.Network.Token, LogAddress: common.HexToAddress("0x10c"),
		Treasury: crypto.PubkeyToAddress(c.Treasury.PublicKey), LogSender: crypto.PubkeyToAddress(c.LogSender.PublicKey),
	}
	env := map[string]string{
		"SPANNER_DATABASE": database, "PAYOUT_TOPIC": topic, "RESULT_LOG_BUCKET": resultLog, "LOG_LEVEL": "ERROR", "TASKS_PER_POLL": "3",
		"CHAIN_ID": strconv.FormatInt(m.ChainID, 10), "BASE_RPC_URL": m.RPC, "USDC_ADDRESS": m.Token.Hex(), "TREASURY_ADDRESS": m.Treasury.Hex(),
		"TREASURY_KEY": hexutil.Encode(crypto.FromECDSA(c.Treasury)), "LOG_SENDER_KEY": hexutil.Encode(crypto.FromECDSA(c.LogSender)),
		"BLOCKRUN_LOG_ADDRESS": m.LogAddress.Hex(), "X402_FACILITATOR_URL": x402.URL,
		"PAYOUT_MAX_MICROS": "1000000", "PAYOUT_DAILY_MAX_MICROS": "100000000",
		"PAYOUT_PUBLISH_GRACE": "1s", "PAYOUT_SAFE_LAG": "0s", "PAYOUT_SAFE_POLL": "100ms", "PAYOUT_RETRY_MIN": "100ms", "RECEIPT_BATCH_WAIT": "200ms",
	}
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }, m
}

// Twenty workers at once, through four instances of every function: the books
// balance, each worker was credited what it was told, and the chain agrees.
func TestManyWorkersManyInstances(t *testing.T) {
	spannertest.Host(t)
	var f *fleet
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	lookup, money := environment(t, server)
	f = newFleet(t, lookup)
	database, _ := lookup("SPANNER_DATABASE")
	db := spannertest.Open(t, database)
	var tasks []schedule.Task
	for i := range busyTasks {
		tasks = append(tasks, schedule.Task{
			ID: fmt.Sprintf("task-%02d", i), URL: "https://example.com/", ExpectedStatus: 200, Timeout: time.Second, RewardMicros: 2500,
			Interval: time.Second, BuyerTier: "best_effort", Class: schedule.Standard, Active: true,
		})
	}
	if err := db.LoadTasks(t.Context(), time.Now(), tasks); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go sweepOften(ctx, server.URL)
	told := map[common.Address]ledger.Micros{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range busyWorkers {
		w := newTestWorker(t, server.URL)
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			earned := w.beBusy(t, rng)
			mu.Lock()
			defer mu.Unlock()
			told[w.address] = earned
		})
	}
	all.Wait()

	var books ledger.BooksReport
	eventually(t, 2*time.Minute, "nothing is in flight", func() bool {
		var err error
		if books, err = db.Books(t.Context()); err != nil {
			t.Fatal(err)
		}
		return books.Credits.InFlight == 0
	})
	if err := books.Err(); err != nil {
		t.Error(err)
	}
	var sum ledger.Micros
	for _, earned := range told {
		sum += earned
	}
	if books.Credits.TotalEarned != sum || books.Results != int64(sum/2500) || books.Payouts < busyWorkers/2 {
		t.Errorf("the workers were told of %s USDC; the books: %+v", sum, books)
	}
	agreeWithChain(t, money, books)
}

// beBusy polls and submits, some of it twice at once and in any order, and
// returns what it was told to have earned.
func (w *testWorker) beBusy(t *testing.T, rng *rand.Rand) (earned ledger.Micros) {
	count := func(a api.SubmitResponse, err error) {
		if err != nil {
			t.Error(err)
		}
		for _, o := range a.Results {
			earned += ledger.Micros(o.RewardMicros)
			if o.Status == api.Rejected && o.Code != api.AlreadySubmitted {
				t.Errorf("rejected: %+v", o)
			}
		}
	}
	for range roundsOfEach {
		tasks, err := w.poll(t.Context())
		if err != nil {
			t.Error(err)
			return earned
		}
		var results []api.Result
		for _, task := range tasks {
			results = append(results, w.result(t, task.ID, time.Now()))
		}
		rng.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] })
		if len(results) > 0 {
			again := make(chan api.SubmitResponse, 1)
			twice := rng.IntN(3) == 0 // as if the first answer had been lost
			go func() {
				var a api.SubmitResponse
				if twice {
					a, err = w.submit(t.Context(), results...)
				}
				again <- a
			}()
			count(w.submit(t.Context(), results...))
			count(<-again, err)
		}
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
	}
	return earned
}

func sweepOften(ctx context.Context, base string) {
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/Sweep", bytes.NewReader(nil))
		if err != nil {
			return
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// agreeWithChain waits for the last receipt, and compares the totals.
func agreeWithChain(t *testing.T, m network.Money, books ledger.BooksReport) {
	t.Helper()
	node, err := chain.Dial(t.Context(), m.RPC, m.ChainID)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	var report audit.Report
	eventually(t, time.Minute, "every payout has its receipt", func() bool {
		report = auditAll(t, node, m)
		return len(report.Waiting) == 0 && int64(len(report.Payouts)) == books.Payouts
	})
	if !report.OK() {
		t.Errorf("disagreements: %v", report.Disagreements)
	}
	var paid ledger.Micros
	for _, w := range report.Workers {
		paid += w.Paid
	}
	if paid != books.Credits.TotalPaid {
		t.Errorf("the chain says %s USDC were paid, the books %s", paid, books.Credits.TotalPaid)
	}
	t.Logf("%d results, %d payouts in %d log transactions, %s USDC paid", books.Results, books.Payouts, books.Batches, paid)
}
