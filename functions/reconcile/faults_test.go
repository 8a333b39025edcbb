package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

// troubled is a world with payouts in order and some that are not, and what
// one run over all of it finds.
func troubled(t *testing.T) (w *world, want []ledger.Finding) {
	t.Helper()
	w = newWorld(t, devchain.Options{})
	w.deps.Books = noBooks{}
	for i := range 5 {
		w.done(w.worker(i))
	}
	w.confirmed(w.worker(1))
	_, err := w.Plain(t.Context(), elsewhere, 5)
	w.must(err)
	w.logs(w.receiptOf(w.done(w.worker(2)))) // twice; and worker 1's second payout has one now
	_, err = w.Pay(t.Context(), ledger.PayoutID{Worker: w.worker(3), Seq: 9}, 300)
	w.must(err)
	_, err = w.Calldata(t.Context(), w.LogSender, []byte("gm"))
	w.must(err)
	alone := w.deps
	alone.Store = other{w.db}
	report, err := alone.Run(t.Context(), false)
	w.must(err)
	want, err = alone.Store.Findings(t.Context(), w.deps.Scope.Name(), "", 100)
	w.must(err)
	if report.Disagreements != 4 || len(want) != 4 {
		t.Fatalf("report %+v", report)
	}
	return w, want
}

// other keeps a comparison of its own.
type other struct{ Store }

func (o other) Reconciled(ctx context.Context, name string) (ledger.Reconciled, error) {
	return o.Store.Reconciled(ctx, "other "+name)
}

func (o other) SaveReconciled(ctx context.Context, name string, before, after ledger.Reconciled, found []ledger.Finding, settled []string, now time.Time) error {
	return o.Store.SaveReconciled(ctx, "other "+name, before, after, found, settled, now)
}

func (o other) Findings(ctx context.Context, name, after string, limit int) ([]ledger.Finding, error) {
	return o.Store.Findings(ctx, "other "+name, after, limit)
}

// findings are what is open now, as text.
func (w *world) findings() string {
	w.Helper()
	found, err := w.db.Findings(w.Context(), w.deps.Scope.Name(), "", 100)
	w.must(err)
	return asText(found)
}

func asText(found []ledger.Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s: %s\n", f.Subject, f.Kind)
	}
	return b.String()
}

// A run that has little time does little, and the next ones go on: in the end
// everything was compared once, and found.
func TestLittleTime(t *testing.T) {
	w, want := troubled(t)
	w.deps.Pace.Budget, w.deps.Pace.Step = 3*time.Millisecond, 2
	var mu sync.Mutex
	w.deps.Now = func() time.Time { // each look at the clock takes a millisecond
		mu.Lock()
		defer mu.Unlock()
		w.now = w.now.Add(time.Millisecond)
		return w.now
	}
	transfers, receipts, payouts, runs := 0, 0, 0, 0
	for more := true; more; runs++ {
		report, _ := w.run()
		transfers, receipts, payouts = transfers+report.Transfers, receipts+report.Receipts, payouts+report.Payouts
		if more = report.More; runs > 200 {
			t.Fatalf("no end: %+v", report)
		}
		if report.Transfers > 4 || report.Payouts > 4 {
			t.Errorf("too much for one run: %+v", report)
		}
		w.deps.Pace.Budget += 100 * time.Microsecond // so that it ends
	}
	if transfers != 9 || payouts != 7 || receipts != 8 || runs < 5 {
		t.Errorf("compared %d transfers, %d payouts and %d receipts in %d runs", transfers, payouts, receipts, runs)
	}
	if got := w.findings(); got != asText(want) {
		t.Errorf("found\n%swant\n%s", got, asText(want))
	}
}

// killable fails at its nth call, before it happened or after, and from then on.
type killable struct {
	Store
	left  int
	after bool
}

var errKilled = errors.New("killed")

func (k *killable) SaveReconciled(ctx context.Context, name string, before, after ledger.Reconciled, found []ledger.Finding, settled []string, now time.Time) error {
	k.left--
	if k.left > 0 || k.left == 0 && k.after {
		if err := k.Store.SaveReconciled(ctx, name, before, after, found, settled, now); err != nil || k.left > 0 {
			return err
		}
	}
	return errKilled
}

// A run that is killed at any of its writes, before it happened and after,
// leaves nothing out, and finds nothing twice.
func TestKilledAtEachWrite(t *testing.T) {
	w, want := troubled(t)
	for _, after := range []bool{false, true} {
		kills := 0
		for ; ; kills++ {
			d := w.deps
			k := &killable{w.db, 2, after} // one write succeeds
			d.Store = k
			_, err := d.Run(t.Context(), false)
			if k.left > 0 {
				w.must(err)
				break
			}
			if !errors.Is(err, errKilled) {
				t.Fatalf("error %v", err)
			}
			if kills > 100 {
				t.Fatal("no end")
			}
			if kills > 20 { // what is compared again in each run takes a write of its own
				break
			}
		}
		if _, err := w.deps.Run(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if got := w.findings(); got != asText(want) || kills < 5 {
			t.Errorf("after %d kills, found\n%swant\n%s", kills, got, asText(want))
		}
		// Once more from the start.
		at, err := w.db.Reconciled(t.Context(), w.deps.Scope.Name())
		w.must(err)
		w.must(w.db.SaveReconciled(t.Context(), w.deps.Scope.Name(), at, ledger.Reconciled{}, nil, subjects(want), w.now))
	}
}

func subjects(found []ledger.Finding) (out []string) {
	for _, f := range found {
		out = append(out, f.Subject)
	}
	return out
}

// Ten at once: one compares, the others say that it runs already; and should
// the lease fail them, they do not harm each other.
func TestTenAtOnce(t *testing.T) {
	w, want := troubled(t)
	database := w.database
	var all sync.WaitGroup
	var mu sync.Mutex
	running, moved := 0, 0
	for i := range 10 {
		d := w.wire(spannertest.Open(t, database))
		d.Books = noBooks{}
		if i%2 == 0 {
			d.Leases = granted{}
		}
		all.Go(func() {
			answer, err := d.exclusively(t.Context(), false)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ledger.ErrMove):
				moved++
			case err != nil:
				t.Error(err)
			case answer == AlreadyRunning{true}:
				running++
			}
		})
	}
	all.Wait()
	t.Logf("%d found it running, %d were overtaken", running, moved)
	if report, _ := w.run(); report.Disagreements != 4 {
		t.Errorf("report %+v", report)
	}
	if got := w.findings(); got != asText(want) {
		t.Errorf("found\n%swant\n%s", got, asText(want))
	}
}

// granted is a lease that everybody has.
type granted struct{}

func (granted) TakeLease(context.Context, string, string, time.Time, time.Duration) error { return nil }
func (granted) ReleaseLease(context.Context, string, string) error                        { return nil }

// A node that cannot be reached is an error, and no reason to be silent about
// what is known.
func TestNodeDown(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.deps.Books = noBooks{}
	_, err := w.Plain(t.Context(), elsewhere, 5)
	w.must(err)
	w.run()
	w.Intercept(func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
		return nil, devchain.HTTPStatus(503)
	})
	server := httptest.NewServer(New(w.deps))
	defer server.Close()
	resp, err := http.Post(server.URL, "application/json", nil)
	w.must(err)
	resp.Body.Close()
	messages := fmt.Sprint(w.log.take())
	if resp.StatusCode != 500 || !strings.Contains(messages, "books do not balance") || !strings.Contains(messages, "request refused") {
		t.Errorf("%d, logged %s", resp.StatusCode, messages)
	}
	w.Intercept(nil)
	if report, _ := w.run(); report.Disagreements != 1 {
		t.Errorf("report %+v", report)
	}
}

// A node whose logs leave something out cannot hide anything: its balances give
// it away, and the run fails where it stands until a node tells all.
func TestLogsLeftOut(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.deps.Books = noBooks{}
	w.done(w.worker(1))
	_, err := w.Plain(t.Context(), elsewhere, 5)
	w.must(err)
	w.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		if call.Method == "eth_getLogs" {
			return json.RawMessage("[]"), nil
		}
		return next(ctx, call)
	})
	for range 2 {
		if report, err := w.deps.Run(t.Context(), false); !errors.Is(err, chain.ErrLeftOut) || report.Blocks.To != 0 {
			t.Errorf("report %+v, %v", report, err)
		}
	}
	w.Intercept(nil)
	if report, _ := w.run(); report.Kinds[OutsideBooks] != 1 || report.Payouts != 1 || report.Transfers != 2 {
		t.Errorf("at last: %+v", report)
	}
}

func TestHandler(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	w.done(w.worker(1))
	server := httptest.NewServer(New(w.deps))
	defer server.Close()
	post := func() (int, map[string]any) {
		resp, err := http.Post(server.URL, "application/json", strings.NewReader("{}"))
		w.must(err)
		defer resp.Body.Close()
		var body map[string]any
		w.must(json.NewDecoder(resp.Body).Decode(&body))
		return resp.StatusCode, body
	}
	code, body := post()
	if code != 200 || body["balanced"] != true || body["transfers"] != 1.0 || body["books"].(map[string]any)["totalPaidMicros"] != 300.0 || body["disagreements"] != 0.0 {
		t.Errorf("%d %v", code, body)
	}
	w.must(w.db.TakeLease(t.Context(), "reconcile/"+w.deps.Scope.Name(), "another", w.now, time.Hour))
	if code, body := post(); code != 200 || body["alreadyRunning"] != true || len(body) != 1 {
		t.Errorf("while another runs: %d %v", code, body)
	}
	resp, err := http.Get(server.URL)
	w.must(err)
	resp.Body.Close()
	if resp.StatusCode != 405 {
		t.Errorf("GET: %d", resp.StatusCode)
	}
}

func TestBuild(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	env := map[string]string{
		"SPANNER_DATABASE": w.database, "CHAIN_ID": "84532", "TREASURY_ADDRESS": w.Treasury().Hex(), "BASE_RPC_URL": w.URL,
		"BLOCKRUN_LOG_ADDRESS": w.LogAddress.Hex(), "LOG_SENDER_ADDRESSES": w.Sender().Hex() + ", " + elsewhere.Hex(), "LOG_LEVEL": "ERROR",
	}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	h, err := Build(t.Context(), lookup)
	w.must(err)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("POST", "/", nil))
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"balanced":true`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	for name, want := range map[string]string{"LOG_SENDER_ADDRESSES": "LOG_SENDER_ADDRESSES is not set", "BASE_RPC_URL": "BASE_RPC_URL is not set"} {
		kept := env[name]
		delete(env, name)
		if _, err := Build(t.Context(), lookup); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", name, err)
		}
		env[name] = kept
	}
	env["RECONCILE_LAG"], env["RECONCILE_BUDGET"], env["LOG_SENDER_ADDRESSES"] = "-1s", "0s", "0x12"
	_, err = Build(t.Context(), lookup)
	for _, want := range []string{"RECONCILE_LAG is -1s", "RECONCILE_BUDGET is 0s", "LOG_SENDER_ADDRESSES cannot be read"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func TestSubjects(t *testing.T) {
	id := ledger.PayoutID{Worker: common.Address{0xAB}, Seq: 3}
	for _, s := range []subject{
		{kind: aTransfer, tx: common.Hash{1}, index: 77}, {kind: aPayout, payout: id}, {kind: aReceipt, tx: common.Hash{0xFE}, payout: id},
		{kind: aLog, tx: common.Hash{2}}, {kind: inBooks, books: "receipt batch 0x12/3"},
	} {
		if got, err := parseSubject(s.String()); err != nil || got != s {
			t.Errorf("%q is read as %+v, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "transfer", "transfer 0x12/1", "payout 0x12-1", "receipt 0x12", "log x", "vault 5", "books"} {
		if got, err := parseSubject(bad); !errors.Is(err, errSubject) {
			t.Errorf("%q is read as %+v, %v", bad, got, err)
		}
	}
	if long := (subject{kind: inBooks, books: strings.Repeat("x", 1000)}).String(); len(long) > 250 {
		t.Errorf("%d characters", len(long))
	}
}
