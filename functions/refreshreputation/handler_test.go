package refreshreputation

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"

	"github.com/BlockRunAI/worker-network/shared/ledger"
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

// store keeps standings in memory. fail, when set, is asked before and after
// every write.
type store struct {
	holder    string
	until     time.Time
	standings map[string]reputation.Standing
	fail      func(verb, when string) error
}

func (s *store) write(verb string, do func()) error {
	if s.fail != nil {
		if err := s.fail(verb, "before"); err != nil {
			return err
		}
	}
	do()
	if s.fail != nil {
		return s.fail(verb, "after")
	}
	return nil
}

func (s *store) TakeLease(_ context.Context, _, owner string, at time.Time, ttl time.Duration) error {
	if s.holder != "" && s.holder != owner && at.Before(s.until) {
		return ledger.ErrLeased
	}
	return s.write("take", func() { s.holder, s.until = owner, at.Add(ttl) })
}

func (s *store) ReleaseLease(_ context.Context, _, owner string) error {
	return s.write("release", func() {
		if s.holder == owner {
			s.holder = ""
		}
	})
}

func (s *store) UpsertStandings(_ context.Context, standings []reputation.Standing, _ time.Time) error {
	return s.write("upsert", func() {
		for _, st := range standings {
			s.standings[st.Wallet] = st
		}
	})
}

type fixture struct {
	store   *store
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
	f := &fixture{gcs: gcs, store: &store{standings: map[string]reputation.Standing{}}, clock: now}
	ids := 0
	f.deps = Deps{
		Store: f.store, Logs: NewBucket(client, bucketName), Adapter: reputation.DefaultAdapter(),
		Now: func() time.Time { return f.clock }, Log: slog.New(slog.NewTextHandler(&f.log, nil)), LeaseTTL: 10 * time.Minute,
		NewID: func() string { ids++; return "run " + string(rune('0'+ids)) },
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

func TestRefresh(t *testing.T) {
	f := start(t, threeDays)
	code, s := f.call(t)
	if want := (Summary{Files: 2, Lines: 5, Broken: 1, Wallets: 2}); code != 200 || s != want {
		t.Fatalf("answer %d %+v, want 200 %+v", code, s, want)
	}
	if got, want := f.store.standings[alice], (reputation.Standing{Wallet: alice, Total: 10 * reputation.USD, Tier: reputation.Silver}); got != want {
		t.Errorf("alice stands at %+v, want %+v: 9.9 + 0.1 is 10 and silver", got, want)
	}
	if got, want := f.store.standings[bob], (reputation.Standing{Wallet: bob, Total: reputation.USD + 1, Tier: reputation.Bronze}); got != want {
		t.Errorf("bob stands at %+v, want %+v", got, want)
	}
	if f.store.holder != "" {
		t.Errorf("lease still held by %q", f.store.holder)
	}

	// A second run, after a day's file grew, counts each line once.
	f.gcs.Put(bucketName, "llm-calls/2026-08-02.jsonl", []byte(string(threeDays["llm-calls/2026-08-02.jsonl"])+line(bob, "49")))
	if code, _ := f.call(t); code != 200 {
		t.Fatalf("second run answered %d", code)
	}
	if got := f.store.standings[bob]; got.Total != 50*reputation.USD+1 || got.Tier != reputation.Gold {
		t.Errorf("bob stands at %+v, want 50.000000001 and gold", got)
	}
	if got := f.store.standings[alice]; got.Total != 10*reputation.USD {
		t.Errorf("alice stands at %+v, want 10 as before", got)
	}
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

func TestNoTierChangesWhenALogCannotBeRead(t *testing.T) {
	t.Run("mostly broken", func(t *testing.T) {
		f := start(t, threeDays)
		f.gcs.Put(bucketName, "llm-calls/2026-08-03.jsonl", []byte("{\"who\":1}\n{\"who\":2}\n"+line(bob, "500")))
		if code, _ := f.call(t); code != 500 || len(f.store.standings) != 0 {
			t.Errorf("answer %d, %d standings; want 500 and none", code, len(f.store.standings))
		}
		if f.store.holder != "" {
			t.Errorf("lease still held by %q after a failure", f.store.holder)
		}
	})
	t.Run("no such bucket", func(t *testing.T) {
		f := start(t, nil)
		client, err := storage.NewClient(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := NewBucket(client, "elsewhere").List(t.Context(), logPrefix); err == nil {
			t.Error("listing a bucket that is not there = nil")
		}
		if _, err := NewBucket(client, bucketName).Open(t.Context(), "llm-calls/2026-08-03.jsonl"); !errors.Is(err, storage.ErrObjectNotExist) {
			t.Errorf("opening an object that is not there = %v", err)
		}
		if code, s := f.call(t); code != 200 || s.Files != 0 {
			t.Errorf("an empty bucket answered %d %+v, want 200 and no files", code, s)
		}
	})
}

// Every write fails before it happened and after it happened; the next run
// sets everything right.
func TestEveryWriteFails(t *testing.T) {
	for _, verb := range []string{"take", "upsert", "release"} {
		for _, when := range []string{"before", "after"} {
			t.Run(verb+" "+when, func(t *testing.T) {
				f := start(t, threeDays)
				f.store.fail = func(v, w string) error {
					if v == verb && w == when {
						return errors.New("connection lost")
					}
					return nil
				}
				want := http.StatusInternalServerError
				if verb == "release" {
					want = http.StatusOK // the standings are stored; the lease ends by itself
				}
				if code, _ := f.call(t); code != want {
					t.Errorf("answer %d, want %d", code, want)
				}
				f.store.fail = nil
				f.clock = now.Add(11 * time.Minute)
				if code, s := f.call(t); code != 200 || s.AlreadyRunning || f.store.standings[alice].Total != 10*reputation.USD {
					t.Errorf("next run: %d %+v, alice %+v", code, s, f.store.standings[alice])
				}
			})
		}
	}
}

// A log that breaks off in the middle of the transfer changes no tier.
func TestReadBreaksOff(t *testing.T) {
	f := start(t, nil)
	f.deps.Logs = brokenLogs{}
	f.handler = New(f.deps)
	if code, _ := f.call(t); code != 500 || len(f.store.standings) != 0 {
		t.Errorf("answer %d, %d standings; want 500 and none", code, len(f.store.standings))
	}
	if !strings.Contains(f.log.String(), "llm-calls/2026-08-01.jsonl") {
		t.Errorf("the log does not name the file: %s", f.log.String())
	}
}

type brokenLogs struct{}

func (brokenLogs) List(context.Context, string) ([]string, error) {
	return []string{"llm-calls/2026-08-01.jsonl"}, nil
}

func (brokenLogs) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader(line(bob, "500")), failing{})), nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("reset by peer") }
