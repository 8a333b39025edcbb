package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/taskfile"
)

const oneTask = `tasks: [{id: check, url: "https://example.com/", interval: 1s, timeoutMs: 1000, rewardMicros: 4000}]`

// One network, on free ports, in this process: from a check to its receipt.
func TestNetwork(t *testing.T) {
	spannertest.Host(t)
	tasks, err := taskfile.Parse([]byte(oneTask))
	if err != nil {
		t.Fatal(err)
	}
	warnings := &recorder{}
	options := network.Options{
		Tasks: tasks, SecondRail: true, SweepEvery: time.Second, Log: slog.New(slog.NewTextHandler(warnings, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Copies:   func(string) int { return 2 }, // at least once, on purpose
		Settings: map[string]string{"LOG_LEVEL": "ERROR", "PAYOUT_RETRY_MIN": "1s", "PAYOUT_SAFE_POLL": "1s"},
	}
	before := os.Environ()
	n, err := network.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		for _, v := range os.Environ() {
			// Spanner's client sets one of gRPC's for itself.
			if name, _, _ := strings.Cut(v, "="); !slices.Contains(before, v) && !strings.HasPrefix(name, "GRPC_") {
				t.Errorf("%s stays behind in the environment", name)
			}
		}
	})
	t.Run("a second one is refused", func(t *testing.T) {
		if _, err := network.Start(t.Context(), options); !errors.Is(err, network.ErrStarted) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("bad requests", func(t *testing.T) { badRequests(t, n) })
	t.Run("bad results", func(t *testing.T) { badResults(t, n) })
	t.Run("one hundred times the same", func(t *testing.T) { sameResults(t, n) })
	t.Run("a check is paid and receipted", func(t *testing.T) { paid(t, n) })
	t.Run("a linked wallet's spend counts", func(t *testing.T) { linked(t, n) })
	t.Run("what was accepted is in the result log", func(t *testing.T) { exported(t, n) })
	select {
	case err := <-n.Failed():
		t.Error(err)
	default:
	}
	if said := warnings.String(); said != "" {
		t.Errorf("the network warns:\n%s", said)
	}
}

// recorder keeps what is written to it.
type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func badRequests(t *testing.T, n *network.Network) {
	w := newTestWorker(t, n.API)
	fiftyOne, err := json.Marshal(make([]api.Result, 51))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path string
		body               []byte
		status             int
		want               string
	}{
		{"not JSON", "POST", api.ResultsPath, []byte("results"), 400, ""},
		{"not an array", "POST", api.ResultsPath, []byte("{}"), 400, ""},
		{"no result", "POST", api.ResultsPath, []byte("[]"), 400, "50"},
		{"51 results", "POST", api.ResultsPath, fiftyOne, 400, "50"},
		{"10 MB", "POST", api.ResultsPath, bytes.Repeat([]byte(" "), 10<<20), 413, "262144"},
		{"no address", "GET", api.TasksPath, nil, 400, "address"},
		{"bad address", "GET", api.TasksPath + "?address=0x12", nil, 400, "address"},
		{"bad checksum", "GET", api.TasksPath + "?address=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", nil, 400, "address"},
		{"wrong method", "DELETE", api.TasksPath, nil, 405, ""},
		{"no such path", "GET", "/v1/worker/nothing", nil, 404, "/api/v1/worker/tasks"},
	} {
		status, body, err := w.call(t.Context(), c.method, c.path, c.body)
		var e api.ErrorBody
		if err != nil || status != c.status || json.Unmarshal(body, &e) != nil || e.Error == "" || !strings.Contains(e.Error, c.want) {
			t.Errorf("%s: %d %s (%v), want %d and %q", c.name, status, body, err, c.status, c.want)
		}
	}
}

// badResults submits every bad result beside a good one, which is unharmed.
func badResults(t *testing.T, n *network.Network) {
	w, other := newTestWorker(t, n.API), newTestWorker(t, n.API)
	untilAssigned(t, w)
	now := time.Now()
	good := w.result(t, "check", now)
	altered := w.result(t, "check", now.Add(-time.Second))
	altered.Success = false
	short := w.result(t, "check", now.Add(-2*time.Second))
	short.Signature = short.Signature[:130]
	highS := w.result(t, "check", now.Add(-3*time.Second))
	highS.Signature = withHighS(highS.Signature)
	answer, err := w.submit(t.Context(),
		w.result(t, "unknown", now), altered, short, highS,
		w.result(t, "check", now.Add(-6*time.Minute)), w.result(t, "check", now.Add(2*time.Minute)),
		other.result(t, "check", now), good, good,
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []api.Code{
		api.UnknownTask, api.InvalidSignature, api.InvalidSignature, api.InvalidSignature, api.Stale, api.Future, api.NotAssigned, "", api.AlreadySubmitted,
	}
	for i, o := range answer.Results {
		if o.Code != want[i] {
			t.Errorf("result %d: %+v, want %q", i, o, want[i])
		}
	}
	if answer.Accepted != 1 || answer.Earned != "0.004000" || len(answer.Errors) != 8 {
		t.Errorf("answer %+v", answer)
	}
	// Once more, after the cycle, alone.
	if answer, err = w.submit(t.Context(), good); err != nil || answer.Results[0].Code != api.AlreadySubmitted {
		t.Errorf("replayed: %+v, %v", answer, err)
	}
	if got := credits(t, n, other.address); got != ledger.NewCredits() {
		t.Errorf("the other worker was credited: %+v", got)
	}
	if got := credits(t, n, w.address); got.TotalEarned != 4000 {
		t.Errorf("credited %+v, want 4000 micros once", got)
	}
}

// withHighS is the other signature of the same message: (r, n-s, v^1).
func withHighS(signature string) string {
	sig := common.FromHex(signature)
	s := new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(sig[32:64]))
	s.FillBytes(sig[32:64])
	sig[64] = 27 + 28 - sig[64]
	return "0x" + common.Bytes2Hex(sig)
}

func sameResults(t *testing.T, n *network.Network) {
	w := newTestWorker(t, n.API)
	untilAssigned(t, w)
	same := w.result(t, "check", time.Now())
	var mu sync.Mutex
	accepted := 0
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			answer, err := w.submit(t.Context(), same)
			mu.Lock()
			defer mu.Unlock()
			accepted += answer.Accepted
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := credits(t, n, w.address); accepted != 1 || got.TotalEarned != 4000 || got.PendingResults != 1 {
		t.Errorf("%d accepted, credited %+v", accepted, got)
	}
}

func paid(t *testing.T, n *network.Network) {
	w := newTestWorker(t, n.API)
	for range 3 {
		untilAssigned(t, w)
		if answer, err := w.submit(t.Context(), w.result(t, "check", time.Now())); err != nil || answer.Accepted != 1 {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	node, err := chain.Dial(t.Context(), n.Money.RPC, n.Money.ChainID)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	var report audit.Report
	eventually(t, time.Minute, "a verified payout", func() bool {
		report = auditAll(t, node, n.Money)
		return len(report.Payouts) > 0
	})
	p := report.Payouts[0]
	if !report.OK() || len(report.Payouts) != 1 || p.Worker() != w.address || p.AmountMicros != 12_000 || p.ResultCount != 3 || p.PayoutID.Seq != 1 {
		t.Errorf("report %+v", report)
	}
	if balance, err := node.BalanceOf(t.Context(), n.Money.Token, w.address); err != nil || balance != 12_000 {
		t.Errorf("the worker holds %s USDC, %v", balance, err)
	}
	eventually(t, time.Minute, "the receipt in the books", func() bool {
		status, err := n.DB.WorkerStatus(t.Context(), w.address, spannerdb.StatusPage{Payouts: 1})
		return err == nil && status.Payouts[0].LogTx == p.LogTx && status.Credits.TotalPaid == 12_000 && status.Credits.InFlight == 0
	})
	if err := n.DB.CheckBooks(t.Context()); err != nil {
		t.Error(err)
	}
}

// exported waits until the sweep has written every accepted result, once, in a
// form that proves itself.
func exported(t *testing.T, n *network.Network) {
	client, err := storage.NewClient(t.Context(), option.WithEndpoint(n.Storage+"/storage/v1/"), option.WithoutAuthentication(), storage.WithJSONReads())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	books, err := n.DB.Books(t.Context())
	if err != nil || books.Results == 0 {
		t.Fatalf("%+v, %v", books, err)
	}
	seen := map[string]bool{}
	eventually(t, 30*time.Second, "all results in the result log", func() bool {
		clear(seen)
		for it := client.Bucket("result-log").Objects(t.Context(), nil); ; {
			o, err := it.Next()
			if errors.Is(err, iterator.Done) {
				return int64(len(seen)) == books.Results
			}
			if err != nil {
				t.Fatal(err)
			}
			readPart(t, client, o.Name, seen)
		}
	})
}

func readPart(t *testing.T, client *storage.Client, name string, seen map[string]bool) {
	t.Helper()
	r, err := client.Bucket("result-log").Object(name).NewReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for line, err := range resultlog.ReadPart(name, r) {
		if err == nil {
			err = resultlog.Verify(line)
		}
		if err != nil {
			t.Fatal(err)
		}
		if seen[line.ResultID] {
			t.Errorf("%s: result %s stands twice", name, line.ResultID)
		}
		seen[line.ResultID] = true
	}
}

func auditAll(t *testing.T, node *chain.Client, m network.Money) audit.Report {
	t.Helper()
	return trailOf(t, node, m).Report()
}

func trailOf(t *testing.T, node *chain.Client, m network.Money) *audit.Trail {
	t.Helper()
	heads, err := node.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trail := audit.New(audit.Scope{
		ChainID: m.ChainID, Token: m.Token, Treasury: m.Treasury,
		LogAddress: m.LogAddress, Senders: []common.Address{m.LogSender}, Grace: 1 << 62,
	})
	if err := trail.Walk(t.Context(), node, 0, heads.Safe.Number); err != nil {
		t.Fatal(err)
	}
	return trail
}

func untilAssigned(t *testing.T, w *testWorker) {
	t.Helper()
	eventually(t, 30*time.Second, "a task is assigned", func() bool {
		tasks, err := w.poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(tasks) == 1
	})
}

func credits(t *testing.T, n *network.Network, worker common.Address) ledger.Credits {
	t.Helper()
	status, err := n.DB.WorkerStatus(t.Context(), worker, spannerdb.StatusPage{})
	if err != nil {
		t.Fatal(err)
	}
	return status.Credits
}
