package refreshreputation

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"

	"github.com/BlockRunAI/worker-network/shared/localcloud/bucket"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

const (
	alice      = "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	aliceLoud  = "0xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	bob        = "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	bucketName = "spend-logs"
)

var now = time.Date(2026, 8, 3, 4, 5, 6, 0, time.UTC)

type fixture struct {
	store   *store
	client  *storage.Client
	gcs     *bucket.Server
	deps    Deps
	handler http.Handler
	clock   time.Time
	log     strings.Builder
}

func start(t *testing.T, objects map[string][]byte) *fixture {
	t.Helper()
	gcs, err := bucket.Start(t.Context(), bucket.Options{Name: bucketName, Objects: objects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gcs.Close() })
	t.Setenv("STORAGE_EMULATOR_HOST", gcs.Addr)
	client, err := storage.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	f := &fixture{gcs: gcs, store: newStore(), client: client, clock: now}
	ids := 0
	f.deps = Deps{
		Leases: f.store, Staging: f.store, Totals: f.store, Budget: time.Minute, Parallel: 2, Piece: reputation.Limit{Bytes: 400, Wallets: 3},
		Logs: NewBucket(client, bucketName), Adapter: reputation.DefaultAdapter(),
		Now: func() time.Time { return f.clock }, Log: slog.New(slog.NewTextHandler(&f.log, nil)), LeaseTTL: 10 * time.Minute,
		NewID: func() string { ids++; return "run " + strconv.Itoa(ids) },
	}
	f.handler = New(f.deps)
	return f
}

func (f *fixture) call(t *testing.T) (int, Summary) {
	t.Helper()
	rec := httptest.NewRecorder()
	f.handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
	var s Summary
	if err := json.Unmarshal(rec.Body.Bytes(), &s); err != nil {
		t.Fatalf("answer %q: %v", rec.Body, err)
	}
	return rec.Code, s
}

func line(wallet, cost string) string {
	return `{"ts":"2026-08-01T00:00:00Z","wallet":"` + wallet + `","cost":` + cost + "}\n"
}

var threeDays = map[string][]byte{
	"llm-calls/2026-08-01.jsonl":  []byte(line(alice, "9.9") + line(bob, `"0.000000001"`)),
	"llm-calls/2026-08-02.jsonl":  []byte(line(aliceLoud, "0.1") + "oops\n" + line(bob, "1")),
	"llm-calls/2026-08-02.txt":    []byte(line(bob, "1000")),
	"llm-calls/old/2026-08.jsonl": []byte(line(bob, "1000")),
	"other/2026-08-01.jsonl":      []byte(line(bob, "1000")),
}

func (f *fixture) put(name, content string) {
	f.gcs.Put(bucketName, "llm-calls/"+name, []byte(content))
}

func (f *fixture) want(t *testing.T, what string, totals map[string]string) {
	t.Helper()
	for wallet, want := range totals {
		n, _, err := reputation.ParseNano(want)
		if got := f.store.standings[wallet]; err != nil || got.Total != n || got.Tier != reputation.TierFor(n) && got.Tier != "" {
			t.Errorf("%s: %s stands at %+v, want %s", what, wallet, got, want)
		}
	}
}

func (f *fixture) run(t *testing.T, what string, want Summary, totals map[string]string) {
	t.Helper()
	if code, got := f.call(t); code != 200 || got != want {
		t.Errorf("%s: answer %d %+v, want 200 %+v", what, code, got, want)
	}
	f.want(t, what, totals)
}

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

func TestRefresh(t *testing.T) {
	f := start(t, threeDays)
	f.run(t, "first", Summary{Logs: 2, Read: 2, Lines: 5, Broken: 1, Counted: 2}, map[string]string{alice: "10", bob: "1.000000001"})
	if f.store.holder != "" {
		t.Errorf("lease still held by %q", f.store.holder)
	}
	f.run(t, "again", Summary{Logs: 2}, map[string]string{alice: "10", bob: "1.000000001"})
	second := string(threeDays["llm-calls/2026-08-02.jsonl"])
	f.put("2026-08-02.jsonl", second+line(bob, "49"))
	f.run(t, "grown", Summary{Logs: 2, Read: 1, Lines: 4, Broken: 1, Counted: 1}, map[string]string{alice: "10", bob: "50.000000001"})
	f.put("2026-08-02.jsonl", line(bob, "2"))
	f.run(t, "replaced", Summary{Logs: 2, Read: 1, Lines: 1, Counted: 1}, map[string]string{alice: "9.9", bob: "2.000000001"})
	f.put("2026-08-02/a.jsonl.gz", packed(line(alice, "40.1")+line(bob, "-1")))
	f.run(t, "a part, gzipped", Summary{Logs: 3, Read: 1, Lines: 2, Counted: 1}, map[string]string{alice: "50", bob: "1.000000001"})
	if n := f.store.days[dayKey{alice, "2026-08-02"}]; n != 40_100_000_000 {
		t.Errorf("alice's second day is %d", n)
	}
}

func (f *fixture) remove(t *testing.T, name string) {
	t.Helper()
	if err := f.client.Bucket(bucketName).Object("llm-calls/" + name).Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestVanishedLogs(t *testing.T) {
	f := start(t, map[string][]byte{"llm-calls/2026-08-01.jsonl": []byte(line(alice, "10")), "llm-calls/2026-08-02.jsonl": []byte(line(alice, "1"))})
	f.run(t, "first", Summary{Logs: 2, Read: 2, Lines: 2, Counted: 2}, map[string]string{alice: "11"})
	f.remove(t, "2026-08-01.jsonl")
	f.run(t, "gone", Summary{Logs: 1, Missing: 1}, map[string]string{alice: "11"})
	f.put("2026-08-01.jsonl.gz", packed(line(alice, "10")))
	f.run(t, "back, gzipped", Summary{Logs: 2, Read: 1, Lines: 1, Counted: 1}, map[string]string{alice: "11"})
	f.put("2026-08-02.jsonl.gz", packed(line(alice, "1")))
	f.run(t, "plain and gzipped", Summary{Logs: 2, Twice: 1}, map[string]string{alice: "11"})
	f.remove(t, "2026-08-01.jsonl.gz")
	f.put("2026-08-01/a.jsonl", line(alice, "4"))
	f.put("2026-08-01/b.jsonl", line(alice, "6"))
	f.run(t, "divided anew", Summary{Logs: 3, Read: 2, Lines: 2, Counted: 3, Dropped: 1, Twice: 1}, map[string]string{alice: "11"})
	f.run(t, "quiet", Summary{Logs: 3, Twice: 1}, map[string]string{alice: "11"})
}

func TestAlreadyRunningIsSuccess(t *testing.T) {
	f := start(t, threeDays)
	f.store.holder, f.store.until = "another", now.Add(time.Minute)
	if code, s := f.call(t); code != 200 || !s.AlreadyRunning || len(f.store.standings) != 0 {
		t.Errorf("answer %d %+v, %d standings; want 200, already running, none", code, s, len(f.store.standings))
	}
	f.clock = now.Add(2 * time.Minute) // the other one has died
	if code, s := f.call(t); code != 200 || s.AlreadyRunning || len(f.store.standings) != 2 {
		t.Errorf("after the lease: %d %+v, %d standings; want 200 and 2", code, s, len(f.store.standings))
	}
}

// A log that cannot be read keeps its old part; one that is mostly broken
// stops the run before any tier changes. Both are read when they are mended.
func TestBadLogs(t *testing.T) {
	half := packed(strings.Repeat(line(bob, "500"), 50))
	half = half[:len(half)-12]
	for name, tt := range map[string]struct {
		object, bad string
		others      string // what bob has of the day that is in order
	}{
		"mostly broken":     {"2026-08-03.jsonl", "{\"who\":1}\nx\n" + line(bob, "500"), "0"},
		"garbage":           {"2026-08-03.jsonl.gz", "no gzip", "0"},
		"half a gzip":       {"2026-08-03.jsonl.gz", half, "7"},
		"beginning of gzip": {"2026-08-03.jsonl.gz", half[:7], "7"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, nil)
			f.put(tt.object, packed(line(alice, "3")))
			f.run(t, "before", Summary{Logs: 1, Read: 1, Lines: 1, Counted: 1}, map[string]string{alice: "3"})
			f.put(tt.object, tt.bad)
			f.put("2026-08-04.jsonl", line(bob, "7"))
			for range 2 {
				if code, _ := f.call(t); code != 500 || f.store.holder != "" {
					t.Errorf("answer %d, lease %q; want 500, given back", code, f.store.holder)
				}
				f.want(t, "bad", map[string]string{alice: "3", bob: tt.others})
			}
			if !strings.Contains(f.log.String(), tt.object) {
				t.Errorf("the log does not name the file: %s", f.log.String())
			}
			f.put(tt.object, line(alice, "5"))
			if code, _ := f.call(t); code != 200 {
				t.Errorf("mended: answer %d", code)
			}
			f.want(t, "mended", map[string]string{alice: "5", bob: "7"})
		})
	}
}

// Odd lines are counted, and nothing else is lost by them.
func TestBadLines(t *testing.T) {
	f := start(t, nil)
	odd := line(alice, "NaN") + line(alice, `"NaN"`) + line(alice, "1e400") + line("nobody", "1") +
		`{"wallet":"` + alice + `","cost":1,"x":"` + strings.Repeat("y", 50<<20) + `"}` + "\n"
	f.put("2026-08-03.jsonl", strings.Repeat(line(alice, "0.25"), 4)+odd+strings.Repeat(line(bob, "-0.5"), 4))
	f.run(t, "odd", Summary{Logs: 1, Read: 1, Lines: 13, Broken: 5, Counted: 1}, map[string]string{alice: "1", bob: "-2"})
}

func TestUnreadableBucket(t *testing.T) {
	f := start(t, threeDays)
	f.run(t, "first", Summary{Logs: 2, Read: 2, Lines: 5, Broken: 1, Counted: 2}, map[string]string{alice: "10"})
	before := len(f.store.totals)
	f.deps.Logs = NewBucket(f.client, "elsewhere")
	f.handler = New(f.deps)
	if code, _ := f.call(t); code != 500 || len(f.store.totals) != before {
		t.Errorf("answer %d", code)
	}
	f.want(t, "after", map[string]string{alice: "10"})
}

// A log that is replaced between the listing and the reading is the next run's.
func TestReplacedWhileRead(t *testing.T) {
	f := start(t, threeDays)
	f.deps.Logs = changing{f.deps.Logs}
	f.handler = New(f.deps)
	f.run(t, "changing", Summary{Logs: 2, Read: 2, Changed: 2}, map[string]string{alice: "0"})
}

type changing struct{ Logs }

func (c changing) Open(ctx context.Context, o Object, offset int64) (io.ReadCloser, error) {
	o.Generation--
	return c.Logs.Open(ctx, o, offset)
}
