package sweep

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"cloud.google.com/go/storage"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"google.golang.org/api/iterator"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/bucket"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

// cloudStorage is a bucket on fake-gcs-server and a client of it.
func cloudStorage(t *testing.T) (*bucket.Server, *storage.Client) {
	t.Helper()
	server, err := bucket.Start(t.Context(), bucket.Options{Name: "results"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv("STORAGE_EMULATOR_HOST", server.Addr)
	client, err := storage.NewClient(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return server, client
}

// world is a database and a bucket, and workers whose results are accepted.
type world struct {
	*testing.T
	database string
	db       *spannerdb.DB
	crediter *spannerdb.Crediter
	files    *storage.BucketHandle
	archive  Bucket
	clock    atomic.Int64 // ms since 1970
	keys     []*ecdsa.PrivateKey

	mu       sync.Mutex
	accepted map[string]bool // by result id: what CreditResults answered
}

// The first results are accepted just before midnight.
var evening = time.Date(2026, 10, 20, 23, 59, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, database: spannertest.New(t), accepted: map[string]bool{}}
	w.db = spannertest.Open(t, w.database)
	_, client := cloudStorage(t)
	w.files, w.archive = client.Bucket("results"), NewBucket(client, "results")
	w.clock.Store(evening.UnixMilli())
	var tasks []schedule.Task
	for i := range 10 {
		tasks = append(tasks, schedule.Task{
			ID: fmt.Sprintf("task_%d", i), URL: "https://example.org/", ExpectedStatus: 200, Timeout: time.Second, RewardMicros: 100,
			Interval: time.Second, BuyerTier: "standard", Class: schedule.Standard, Active: true,
		})
	}
	w.must(w.db.LoadTasks(t.Context(), w.now(), tasks))
	var err error
	w.crediter, err = w.db.Crediter(ledger.PayoutPolicy{
		ChainID: 84532, Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x7e"), Threshold: 500,
	})
	w.must(err)
	for i := range byte(3) {
		key, err := crypto.ToECDSA(append(make([]byte, 31), i+1))
		w.must(err)
		w.keys = append(w.keys, key)
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()).UTC() }

// later moves the clock.
func (w *world) later(d time.Duration) { w.clock.Add(d.Milliseconds()) }

// submit makes each worker poll, and submit up to three results.
func (w *world) submit() {
	w.Helper()
	for _, key := range w.keys {
		w.later(1100 * time.Millisecond)
		now, worker := w.now(), crypto.PubkeyToAddress(key.PublicKey)
		offered, err := w.db.FindOffers(w.Context(), now, schedule.Poll{Worker: worker}, 10)
		w.must(err)
		tasks, err := w.db.ClaimTasks(w.Context(), now, schedule.Poll{Worker: worker}, offered, 3)
		w.must(err)
		var batch []ledger.SubmittedResult
		for _, task := range tasks {
			r := api.Result{TaskID: task.ID, WorkerAddress: worker.Hex(), Timestamp: now.UnixMilli(), ResponseTimeMs: 5, Error: "Timeout after 1000ms"}
			w.must(api.Sign(&r, key))
			batch = append(batch, ledger.SubmittedResult{Worker: worker, TaskID: r.TaskID, At: now, Result: r, ResultID: api.ResultID(r)})
		}
		judged, _, err := w.crediter.CreditResults(w.Context(), now, batch)
		w.must(err)
		w.mu.Lock()
		for _, j := range judged {
			if j.Status == api.Accepted {
				w.accepted[j.ResultID] = true
			}
		}
		w.mu.Unlock()
	}
}

// exporter is one instance with a database client of its own. Its parts are
// small: a few submissions each.
func (w *world) exporter(leases lease.Store) ResultLog {
	w.Helper()
	db := spannertest.Open(w.T, w.database)
	if leases == nil {
		leases = db
	}
	ids := 0
	return ResultLog{
		Parts: db, Leases: leases, Archive: w.archive, Now: w.now, NewID: func() string { ids++; return fmt.Sprintf("%p %d", db, ids) },
		LeaseTTL: time.Minute, Budget: time.Hour, PartBytes: 3000, Log: slog.New(slog.DiscardHandler),
	}
}

// read is every file of the bucket.
func (w *world) read() map[string][]resultlog.Line {
	w.Helper()
	out := map[string][]resultlog.Line{}
	for it := w.files.Objects(context.Background(), nil); ; {
		attrs, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return out
		}
		w.must(err)
		r, err := w.files.Object(attrs.Name).NewReader(context.Background())
		w.must(err)
		for line, err := range resultlog.ReadPart(attrs.Name, r) {
			w.must(err)
			out[attrs.Name] = append(out[attrs.Name], line)
		}
		r.Close()
	}
}

// complete fails the test unless the log holds each accepted result once, each
// line proves itself, and the log says of every payout what the database says.
func (w *world) complete() {
	w.Helper()
	files := w.read()
	tally := resultlog.NewTally()
	logged := map[string]int{}
	for name, lines := range files {
		for _, l := range lines {
			logged[l.ResultID]++
			if err := errors.Join(resultlog.Verify(l), tally.Add(l)); err != nil {
				w.Errorf("%s: %v", name, err)
			}
		}
	}
	for id := range w.accepted {
		if logged[id] != 1 {
			w.Errorf("accepted result %s is %d times in the log", id, logged[id])
		}
	}
	if len(logged) != len(w.accepted) {
		w.Errorf("%d results in the log, %d were accepted", len(logged), len(w.accepted))
	}
	for id, sums := range tally.Payouts() {
		ids, amount, err := w.db.PayoutResults(context.Background(), id)
		w.must(err)
		if want := (resultlog.Payout{Count: int64(len(ids)), Sum: amount, ResultsHash: ledger.ResultsHash(ids)}); sums != want {
			w.Errorf("payout %s is %+v in the log, %+v in the database", id, sums, want)
		}
	}
	w.must(w.db.CheckBooks(context.Background()))
	raw := spannertest.Client(w.T, w.database)
	for table, key := range map[string]string{"ResultLogOutbox": "EntryId", "ResultLogContents": "PartId"} {
		w.must(raw.Single().Read(context.Background(), table, spanner.AllKeys(), []string{key}).Do(func(*spanner.Row) error {
			return fmt.Errorf("a row is left in %s", table)
		}))
	}
	w.Logf("%d results in %d files of %d payouts", len(logged), len(files), len(tally.Payouts()))
}

// settle exports until nothing is left.
func (w *world) settle() {
	w.Helper()
	w.later(time.Hour) // the leases of the dead are over
	done, err := w.exporter(nil).Export(w.Context())
	if err != nil || done.More || done.AlreadyRunning {
		w.Fatalf("the last export: %+v, %v", done, err)
	}
}

// granted is a lease that everybody has.
type granted struct{}

func (granted) TakeLease(context.Context, string, string, time.Time, time.Duration) error { return nil }
func (granted) ReleaseLease(context.Context, string, string) error                        { return nil }

var errKilled = errors.New("killed")

// mortal dies at its step-th call, before it happened or after; a dead one
// does nothing any more.
type mortal struct {
	step    int
	after   bool
	calls   []string
	parts   PartStore
	leases  lease.Store
	archive Archive
}

// kill makes l die.
func kill(l ResultLog, step int, after bool) (ResultLog, *mortal) {
	m := &mortal{step: step, after: after, parts: l.Parts, leases: l.Leases, archive: l.Archive}
	l.Parts, l.Leases, l.Archive = m, m, m
	return l, m
}

func (m *mortal) dead() bool { return len(m.calls) >= m.step }

func (m *mortal) do(what string, call func() error) error {
	if m.dead() {
		return errKilled
	}
	m.calls = append(m.calls, what)
	if !m.dead() {
		return call()
	}
	if m.after {
		if err := call(); err != nil {
			return err
		}
	}
	return errKilled
}

func (m *mortal) OpenResultParts(ctx context.Context, after string, limit int) (parts []resultlog.Part, err error) {
	err = m.do("open", func() (err error) { parts, err = m.parts.OpenResultParts(ctx, after, limit); return err })
	return parts, err
}

func (m *mortal) ReserveResultParts(ctx context.Context, now time.Time, maxBytes int) (parts []resultlog.Part, err error) {
	err = m.do("reserve", func() (err error) { parts, err = m.parts.ReserveResultParts(ctx, now, maxBytes); return err })
	return parts, err
}

func (m *mortal) CloseResultPart(ctx context.Context, id string, now time.Time) error {
	return m.do("close", func() error { return m.parts.CloseResultPart(ctx, id, now) })
}

func (m *mortal) TakeLease(ctx context.Context, name, owner string, now time.Time, ttl time.Duration) error {
	return m.do("take", func() error { return m.leases.TakeLease(ctx, name, owner, now, ttl) })
}

func (m *mortal) ReleaseLease(ctx context.Context, name, owner string) error {
	return m.do("release", func() error { return m.leases.ReleaseLease(ctx, name, owner) })
}

func (m *mortal) Create(ctx context.Context, name string, content []byte) error {
	return m.do("write", func() error { return m.archive.Create(ctx, name, content) })
}
