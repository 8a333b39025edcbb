package submitresults

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

var now = time.UnixMilli(1764000000000).UTC()

// key i of the tests' workers, always the same.
func key(i int) *ecdsa.PrivateKey {
	k, err := crypto.ToECDSA(crypto.Keccak256(fmt.Append(nil, "worker ", i)))
	if err != nil {
		panic(err)
	}
	return k
}

func addressOf(k *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(k.PublicKey) }

// network is a store in memory that judges by the real rules, without the
// money: a reward of 100 micros each.
type network struct {
	tasks       map[string]*schedule.Task
	assignments map[string]*schedule.Assignment // by task and worker
	stored      map[string]api.Result           // by task, worker and timestamp
	calls       int

	opened []ledger.PayoutID // what the next call opens
	err    error             // what the next call fails with
}

// newNetwork has tasks t0 to t9, each assigned to workers 0 and 1 ten seconds ago.
func newNetwork(t *testing.T) *network {
	n := &network{tasks: map[string]*schedule.Task{}, assignments: map[string]*schedule.Assignment{}, stored: map[string]api.Result{}}
	for i := range 10 {
		task := &schedule.Task{ID: fmt.Sprint("t", i), Active: true, Interval: time.Minute, Timeout: 10 * time.Second, RewardMicros: 100}
		n.tasks[task.ID] = task
		for w := range 2 {
			a, err := task.Claim(&schedule.Worker{Address: addressOf(key(w)), Standing: &schedule.Standing{}}, now.Add(-10*time.Second), nil)
			if err != nil {
				t.Fatal(err)
			}
			n.assignments[task.ID+" "+a.Worker.Hex()] = &a
		}
	}
	return n
}

func (n *network) CreditResults(_ context.Context, at time.Time, batch []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
	n.calls++
	if n.err != nil {
		return nil, nil, n.err
	}
	judged := make([]ledger.JudgedResult, len(batch))
	for i, s := range batch {
		id := fmt.Sprint(s.TaskID, s.Worker, s.At)
		before, stored := n.stored[id]
		v := schedule.Judge(s.At, at, n.tasks[s.TaskID], n.assignments[s.TaskID+" "+s.Worker.Hex()], stored)
		judged[i] = ledger.JudgedResult{Status: v.Status, Code: v.Code}
		if stored && api.ResultID(before) == s.ResultID {
			judged[i].Credited, judged[i].ResultID = 100, s.ResultID
		}
		if v.Status == api.Accepted {
			n.stored[id] = s.Result
			judged[i].Reward, judged[i].ResultID = 100, s.ResultID
		}
	}
	return judged, n.opened, nil
}

// hints is a publisher that keeps what it is given, or does what do says.
type hints struct {
	mu  sync.Mutex
	ids []string
	do  func(ctx context.Context) error
}

func (h *hints) PublishPayout(ctx context.Context, id ledger.PayoutID) error {
	h.mu.Lock()
	h.ids = append(h.ids, id.String())
	h.mu.Unlock()
	if h.do != nil {
		return h.do(ctx)
	}
	return nil
}

// signed is worker w's good result for a task, made a second ago, changed
// before it is signed.
func signed(t testing.TB, w int, task string, changes ...func(*api.Result)) api.Result {
	r := api.Result{
		TaskID: task, WorkerAddress: addressOf(key(w)).Hex(), Timestamp: now.Add(-time.Second).UnixMilli(),
		Success: true, ResponseTimeMs: 80, StatusCode: new(200),
	}
	for _, change := range changes {
		change(&r)
	}
	sig, err := api.PersonalSign(api.Message(r), key(w))
	if err != nil {
		t.Fatal(err)
	}
	r.Signature = sig
	return r
}

func marshal(t testing.TB, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type answer struct {
	status int
	body   string
	header http.Header
	log    string
	api.SubmitResponse
}

func post(t *testing.T, store Store, publisher Publisher, r *http.Request) answer {
	t.Helper()
	var log bytes.Buffer
	w := httptest.NewRecorder()
	New(Deps{Store: store, Publisher: publisher, Now: func() time.Time { return now }, Log: telemetry.NewLogger(&log, slog.LevelInfo)}).ServeHTTP(w, r)
	a := answer{status: w.Code, body: strings.TrimSpace(w.Body.String()), header: w.Header(), log: log.String()}
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &a.SubmitResponse); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
	}
	return a
}

func submit(t *testing.T, n *network, body string) answer {
	t.Helper()
	return post(t, n, &hints{}, httptest.NewRequest("POST", "/v1/worker/results", strings.NewReader(body)))
}
