package processpayout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/functions/processpayout"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/facilitator"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

// network is the function on real parts: the Spanner emulator, a chain with a
// USDC, a facilitator that settles there.
type network struct {
	*testing.T
	db       *spannerdb.DB
	chain    *devchain.Chain
	node     *chain.Client
	log      *lockedBuffer
	deps     processpayout.Deps
	logTo    common.Address
	fault    func(facilitator.Call) facilitator.Fault
	client   *x402.Client
	rail     string // the facilitator's URL
	database string
	sequence int
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{T: t, log: &lockedBuffer{}, logTo: common.HexToAddress("0x1090000000000000000000000000000000000109")}
	var err error
	if n.chain, err = devchain.Start(t.Context(), devchain.Options{Instant: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.chain.Stop() })
	limits := chain.DefaultLimits()
	limits.Backoff = time.Millisecond
	if n.node, err = chain.DialWith(t.Context(), n.chain.URL, n.chain.Network.ChainID, limits); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.node.Close)
	logger := slog.New(slog.NewTextHandler(n.log, nil))
	f, err := facilitator.New(t.Context(), facilitator.Options{
		RPCURL: n.chain.URL, Network: n.chain.Network, Relayer: n.chain.Relayer, Log: logger,
		Fault: func(c facilitator.Call) facilitator.Fault {
			if n.fault == nil || c.Path != "/settle" {
				return facilitator.None
			}
			return n.fault(c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(f.Close)
	n.rail = server.URL
	if n.client, err = x402.NewClient(x402.Options{URL: n.rail, SettleTimeout: 2 * time.Second}); err != nil {
		t.Fatal(err)
	}
	n.useNewDatabase()
	if err := n.deps.CheckStart(t.Context(), n.node); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *network) useNewDatabase() {
	n.database = spannertest.New(n.T)
	n.db = spannertest.Open(n.T, n.database)
	n.must(n.db.LoadTasks(n.Context(), time.Now(), tasks(40)))
	n.deps = n.wire(n.client, slog.New(slog.NewTextHandler(n.log, nil)))
}

func (n *network) wire(client *x402.Client, log *slog.Logger) processpayout.Deps {
	policy := processpayout.DefaultPolicy()
	policy.RetryMin, policy.RetryMax, policy.SafePoll = time.Millisecond, 5*time.Millisecond, time.Millisecond
	logPolicy := processpayout.DefaultLogPolicy()
	logPolicy.StuckAfter = time.Second
	var ids sync.Mutex
	newID := func() string {
		ids.Lock()
		defer ids.Unlock()
		n.sequence++
		return fmt.Sprintf("attempt-%d", n.sequence)
	}
	return processpayout.Deps{
		Payouts: n.db, Cheques: n.db, Switch: n.db, Outcomes: n.db, Chain: processpayout.Base{Node: n.node, Token: n.node},
		Rails: []processpayout.Rail{processpayout.NewFacilitator(client)}, Signer: signer.FromKey(n.chain.Treasury),
		Domain: n.chain.Network.Domain(), Caps: ledger.PayoutCaps{PerPayout: 1_000_000, PerDay: 100_000_000},
		Policy: policy, Now: time.Now, NewID: newID, Log: log, AttemptTime: 20 * time.Second, LeaseTTL: 30 * time.Second,
		Receipts: &processpayout.Receipts{
			Batches: n.db, Outcomes: n.db, Leases: n.db, Account: n.node, History: n.node, Mempool: n.node, Signer: signer.FromKey(n.chain.LogSender),
			ChainID: n.chain.Network.ChainID, Address: n.logTo, Encode: receipt.EncodeJSON, Policy: logPolicy,
			Now: time.Now, NewID: newID, Log: log, LeaseTTL: 30 * time.Second,
		},
	}
}

func (n *network) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatalf("%v\n%s", err, n.log)
	}
}

const reward = 10_000

func tasks(count int) []schedule.Task {
	out := make([]schedule.Task, count)
	for i := range out {
		out[i] = schedule.Task{
			ID: fmt.Sprintf("task_%d", i), URL: "https://example.org/", ExpectedStatus: 200, Timeout: 10 * time.Second, RewardMicros: reward,
			Interval: time.Hour, BuyerTier: "standard", Class: schedule.Standard, Active: true,
		}
	}
	return out
}

// open has a worker do the task and so earn a payout.
func (n *network) open(task int, worker common.Address) ledger.PayoutID {
	n.Helper()
	id, now := fmt.Sprintf("task_%d", task), time.Now()
	claimed, err := n.db.ClaimTasks(n.Context(), now, schedule.Poll{Worker: worker}, schedule.Offers{IDs: []string{id}}, 1)
	n.must(err)
	if len(claimed) != 1 {
		n.Fatalf("task %s is not to be had", id)
	}
	status := 200
	r := api.Result{
		TaskID: id, WorkerAddress: worker.Hex(), Timestamp: now.UnixMilli() + 1, Success: true, ResponseTimeMs: 5, StatusCode: &status,
		Signature: "0x" + strings.Repeat("5a", 65), // checked before the database is asked
	}
	crediter, err := n.db.Crediter(ledger.PayoutPolicy{
		ChainID: n.chain.Network.ChainID, Token: n.chain.Network.Token, Treasury: n.deps.Signer.Address(), Threshold: reward,
	})
	n.must(err)
	_, opened, err := crediter.CreditResults(n.Context(), now, []ledger.SubmittedResult{
		{Worker: worker, TaskID: id, At: time.UnixMilli(r.Timestamp), Result: r, ResultID: api.ResultID(r)},
	})
	n.must(err)
	if len(opened) != 1 {
		n.Fatalf("%d payouts opened", len(opened))
	}
	return opened[0]
}

// push delivers a hint and returns the status.
func (n *network) push(h hint.Hint) int { return n.deliver(processpayout.New(n.deps), h) }

// deliver is push, to a function that was made otherwise.
func (n *network) deliver(to http.Handler, h hint.Hint) int {
	n.Helper()
	body, err := hint.EncodePush("projects/p/subscriptions/s", hint.Message{ID: "m", Data: h.Encode()})
	n.must(err)
	rec := httptest.NewRecorder()
	to.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	_, _ = io.Copy(io.Discard, rec.Body)
	return rec.Code
}

// settle delivers hints for all that is due until nothing is.
func (n *network) settle() {
	n.Helper()
	for range 60 {
		// All times here are milliseconds, so what is due within a minute is due now.
		due, err := n.db.DuePayouts(n.Context(), time.Now().Add(time.Minute), 100)
		n.must(err)
		for _, id := range due {
			n.push(hint.Payout(id))
		}
		n.push(hint.Receipts())
		open, err := n.db.OpenReceiptBatches(n.Context(), n.deps.Receipts.Signer.Address())
		n.must(err)
		waiting, _, err := n.db.ReceiptsDue(n.Context(), time.Now())
		n.must(err)
		if len(due) == 0 && len(open) == 0 && waiting == 0 {
			return
		}
	}
	n.Fatalf("not quiet\n%s", n.log)
}

// verify compares the chain with what was earned: one transfer and one receipt
// for each payout, and no others.
func (n *network) verify(payouts []ledger.PayoutID) {
	n.Helper()
	ctx := n.Context()
	n.must(n.db.CheckBooks(ctx))
	head, err := n.chain.Head(ctx)
	n.must(err)
	want := map[common.Hash]ledger.PayoutID{}
	for _, id := range payouts {
		want[ledger.PayoutNonce(n.chain.Network.ChainID, n.deps.Signer.Address(), id)] = id
	}
	paidBy := map[ledger.PayoutID]common.Hash{}
	n.must(n.node.TransfersFrom(ctx, n.chain.Network.Token, n.deps.Signer.Address(), 0, head.Number.Uint64(), func(tr chain.Transfer) error {
		id, ok := want[tr.Nonce]
		if _, twice := paidBy[id]; !ok || twice || tr.To != id.Worker || tr.Value != reward {
			n.Errorf("transfer %+v, payout %s, twice %t", tr, id, twice)
		}
		paidBy[id] = tr.Tx
		return nil
	}))
	receipted := map[ledger.PayoutID]bool{}
	n.must(n.node.LogTransactions(ctx, n.logTo, 0, head.Number.Uint64(), func(l chain.LogTransaction) error {
		rs, err := receipt.Decode(l.Calldata)
		if err != nil || l.Sender != n.deps.Receipts.Signer.Address() {
			n.Errorf("log transaction %s of %s: %v", l.Tx, l.Sender, err)
		}
		for _, r := range rs {
			if receipted[r.PayoutID] || r.PayoutTxHash != paidBy[r.PayoutID] || r.AmountMicros != reward || r.ResultCount != 1 {
				n.Errorf("receipt %+v; twice %t, paid by %s", r, receipted[r.PayoutID], paidBy[r.PayoutID])
			}
			receipted[r.PayoutID] = true
		}
		return nil
	}))
	if len(paidBy) != len(payouts) || len(receipted) != len(payouts) {
		n.Errorf("%d payouts, %d transfers, %d receipts\n%s", len(payouts), len(paidBy), len(receipted), n.log)
	}
}

// On real parts, whatever the facilitator does the first time: each payout is
// one transfer and one receipt.
func TestRealPartsWhateverTheFacilitatorDoes(t *testing.T) {
	n := newNetwork(t)
	faults := append(facilitator.Faults(), facilitator.None)
	byWorker := map[common.Address]facilitator.Fault{}
	n.fault = func(c facilitator.Call) facilitator.Fault {
		if c.Attempt > 1 {
			return facilitator.None
		}
		return byWorker[c.Payee]
	}
	var payouts []ledger.PayoutID
	for i, f := range faults {
		worker := common.BigToAddress(big.NewInt(int64(0xb0000 + i)))
		byWorker[worker] = f
		payouts = append(payouts, n.open(i, worker))
	}
	n.settle()
	n.verify(payouts)
	if slices.Contains(payouts, ledger.PayoutID{}) {
		t.Error("a payout has no id")
	}
}

// On real parts, the same hints at many instances at once, with an RPC that
// fails now and then.
func TestRealPartsManyInstancesAtOnce(t *testing.T) {
	n := newNetwork(t)
	calls := 0
	var mu sync.Mutex
	n.chain.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		mu.Lock()
		calls++
		fails := calls%17 == 0
		mu.Unlock()
		if fails {
			return nil, devchain.HTTPStatus(http.StatusBadGateway)
		}
		return next(ctx, call)
	})
	var payouts []ledger.PayoutID
	for i := range 6 {
		payouts = append(payouts, n.open(i, common.BigToAddress(big.NewInt(int64(0xc0000+i)))))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for _, id := range payouts {
				n.push(hint.Payout(id))
				n.push(hint.Receipts())
			}
		})
	}
	all.Wait()
	n.settle()
	n.chain.Intercept(nil)
	n.verify(payouts)
}

// On real parts, with a facilitator that is down: the operator's own relayer
// pays, some alone and some together, from stored authorizations; and when the
// facilitator wakes up it pays nothing again.
func TestRealPartsSecondRail(t *testing.T) {
	n := newNetwork(t)
	key, err := crypto.GenerateKey()
	n.must(err)
	relayer := signer.FromKey(key)
	n.must(n.chain.GiveETH(t.Context(), relayer.Address(), big.NewInt(1e18)))
	n.deps.Rails = append(n.deps.Rails, newRelayer(n.node, n.db, n.db, relayer))
	n.must(n.deps.CheckStart(t.Context(), n.node))
	n.fault = func(facilitator.Call) facilitator.Fault { return facilitator.Down }
	var payouts []ledger.PayoutID
	for i := range 8 {
		payouts = append(payouts, n.open(i, common.BigToAddress(big.NewInt(int64(0xd0000+i)))))
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for _, id := range payouts {
				n.push(hint.Payout(id))
			}
		})
	}
	all.Wait()
	n.settle()
	n.verify(payouts)
	_, sent, err := n.node.AccountNonces(t.Context(), relayer.Address())
	n.must(err)
	if sent == 0 || sent > uint64(len(payouts)) {
		t.Errorf("%d payouts in %d transactions of the relayer", len(payouts), sent)
	}
	t.Logf("%d payouts in %d transactions of the relayer", len(payouts), sent)

	n.fault = nil
	last := n.open(8, common.BigToAddress(big.NewInt(0xd0100)))
	for _, id := range payouts {
		n.push(hint.Payout(id))
	}
	n.settle()
	n.verify(append(payouts, last))
	if _, after, err := n.node.AccountNonces(t.Context(), relayer.Address()); err != nil || after != sent {
		t.Errorf("the relayer's %d transactions became %d, %v", sent, after, err)
	}
}

// On real parts, a database that has lost everything, and workers who earn the
// same payouts again: what the chain says was paid is adopted, and so are the
// receipts that it holds.
func TestRealPartsRestoredDatabase(t *testing.T) {
	n := newNetwork(t)
	var payouts []ledger.PayoutID
	earn := func(from, to int) {
		for i := from; i < to; i++ {
			id := n.open(i, common.BigToAddress(big.NewInt(int64(0xe0000+i))))
			if i >= len(payouts) {
				payouts = append(payouts, id)
			}
		}
	}
	earn(0, 3)
	n.settle()
	earn(3, 5)
	n.settle() // at least two log transactions
	n.verify(payouts)

	n.useNewDatabase()
	earn(2, 6) // one that nobody paid among them
	n.settle()
	n.verify(payouts)
	earn(0, 2)
	n.settle()
	n.verify(payouts)
	if !strings.Contains(n.log.String(), "log transaction found on chain that was not recorded") {
		t.Error("nothing was adopted")
	}
}
