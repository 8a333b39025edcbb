package runner

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// signer is a worker's key, as Config.Sign.
func signer(t testing.TB) (address string, sign func(*api.Result) error) {
	t.Helper()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	address = crypto.PubkeyToAddress(key.PublicKey).Hex()
	return address, func(r *api.Result) error {
		r.WorkerAddress = address
		return api.Sign(r, key)
	}
}

// keeping is a worker with a file of its own to keep results in.
func keeping(t testing.TB, n API, file File, sign func(*api.Result) error) *worker {
	t.Helper()
	w := newWorker(n)
	w.Keep, w.Sign = file, sign
	return w
}

// What an API that is away did not take is on the disk, and the next worker
// hands it in, once, though the first one may have got through.
func TestResultsOutliveTheWorker(t *testing.T) {
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: address}
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(give(1, 2, 3)), after: func(attempt int, _ []api.Result) error {
			return away // all of it counts, and no answer comes
		}}
		w := keeping(t, n, file, sign)
		w.runFor(t, 2*time.Minute)
		if got := events[Stopped](w); got[0].Unsent != 3 || !got[0].Kept {
			t.Errorf("%+v", got)
		}
		n.after, n.tasks = nil, nil
		w = keeping(t, n, file, sign)
		w.runFor(t, time.Minute)
		if got := events[Submitted](w); len(got) != 1 || got[0].Recounted != 3 || got[0].Rejected != 0 || len(n.accepted) != 3 {
			t.Errorf("%+v, %d accepted", got, len(n.accepted))
		}
		if notes := events[Note](w); len(notes) != 1 || notes[0].Text != "3 of an earlier run wait to be submitted" {
			t.Errorf("%+v", notes)
		}
		if _, err := os.Stat(file.Path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is still there: %v", err)
		}
	})
}

// A worker that is killed has written down what it was submitting.
func TestKilledWhileSubmitting(t *testing.T) {
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: address}
	synctest.Test(t, func(t *testing.T) {
		var kept []Kept
		n := &network{tasks: first(give(1, 2)), before: func(int, []api.Result) error {
			kept, _ = file.Load() // as whoever starts after a kill finds it
			return nil
		}}
		w := keeping(t, n, file, sign)
		w.runFor(t, time.Minute)
		if len(kept) != 2 || w.totals.Accepted != 2 {
			t.Errorf("%d were kept, %+v", len(kept), w.totals)
		}
		if left, err := file.Load(); len(left) != 0 || err != nil { // once they are accepted
			t.Errorf("%d are kept still, %v", len(left), err)
		}
	})
}

// Results that come while the API wants to be left alone are written down, too.
func TestKeptWhileTheAPIRests(t *testing.T) {
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: address}
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: give(1), before: func(int, []api.Result) error {
			return &client.Error{Status: 429, RetryAfter: 2 * time.Minute, Text: "slow down"}
		}}
		w := keeping(t, n, file, sign)
		w.Emit = func(e Event) {
			if p, ok := e.(Poll); ok && len(n.polledAt) > 1 {
				if kept, err := file.Load(); len(kept) != len(n.polledAt)-1 || err != nil {
					t.Errorf("%+v: %d kept after %d polls, %v", p, len(kept), len(n.polledAt)-1, err)
				}
			}
		}
		w.runFor(t, 100*time.Second)
		if len(n.triedAt) != 1 || len(n.polledAt) < 3 {
			t.Errorf("%d attempts, %d polls", len(n.triedAt), len(n.polledAt))
		}
	})
}

// Results that have become too old while nobody ran are given up, with the reason.
func TestKeptTooLong(t *testing.T) {
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: address}
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: first(give(1, 2)), before: func(int, []api.Result) error { return away }}
		keeping(t, n, file, sign).runFor(t, time.Minute)
		time.Sleep(5 * time.Minute)
		n.before = nil
		w := keeping(t, n, file, sign)
		w.runFor(t, 10*time.Second)
		if got := events[Dropped](w); len(got) != 1 || got[0].Results != 2 || !strings.Contains(got[0].Reason, "not submitted within 5m0s") || len(n.accepted) != 0 {
			t.Errorf("%+v, %d accepted", got, len(n.accepted))
		}
		if kept, err := file.Load(); len(kept) != 0 || err != nil {
			t.Errorf("%d are kept, %v", len(kept), err)
		}
	})
}

// How old a kept result is, the network's clock says: by a clock that is four
// minutes fast these would be too old, and the new worker knows that only
// after its first poll.
func TestKeptByAWrongClock(t *testing.T) {
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: address}
	synctest.Test(t, func(t *testing.T) {
		n := &network{ahead: -4 * time.Minute, tasks: first(give(1, 2)), before: func(int, []api.Result) error { return away }}
		polls := 0
		known := func() time.Duration {
			if len(n.polledAt) == polls {
				return 0
			}
			return n.ahead
		}
		w := keeping(t, n, file, sign)
		w.Offset = known
		w.runFor(t, 2*time.Minute)
		polls, n.before = len(n.polledAt), nil
		w = keeping(t, n, file, sign)
		w.Offset = known
		w.runFor(t, time.Minute)
		if len(n.accepted) != 2 || len(events[Dropped](w)) != 0 {
			t.Errorf("%d accepted, dropped %+v", len(n.accepted), events[Dropped](w))
		}
	})
}

// The file is small, its owner's alone, and bounded.
func TestKeptFile(t *testing.T) {
	address, sign := signer(t)
	dir := t.TempDir()
	file := File{Path: filepath.Join(dir, "results.json"), Address: address}
	var list []Kept
	for i := range maxWaiting {
		r := api.Result{TaskID: strings.Repeat("x", api.MaxTaskIDLen), Timestamp: int64(i + 1), Error: strings.Repeat("e", api.MaxErrorLen)}
		if i < 5 || i > maxWaiting-5 { // signing takes its time
			if err := sign(&r); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, Kept{Result: r, Tried: i%2 == 0})
	}
	if err := file.Save(list); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file.Path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() > maxKeptFile/2 {
		t.Errorf("%v, %v", info, err)
	}
	got, err := file.Load()
	if err != nil || len(got) != 9 || !got[0].Tried || got[1].Tried {
		t.Errorf("%d read, %v", len(got), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".kept-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What a worker that was killed was writing is gone when the next one starts,
// and nothing else is.
func TestUnfinishedFilesAreCleared(t *testing.T) {
	dir := t.TempDir()
	file := File{Path: filepath.Join(dir, "results.json"), Address: "0x"}
	for _, name := range []string{".kept-123", ".kept-4567", "kept-1", ".keep", "lock", "pid"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".kept-dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if kept, err := file.Load(); err != nil || len(kept) > 0 {
		t.Fatalf("%v, %v", kept, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".keep", ".kept-dir", "kept-1", "lock", "pid"}; !slices.Equal(left, want) {
		t.Errorf("%q are left, want %q", left, want)
	}
	file.Path = filepath.Join(dir, "nowhere", "results.json")
	if kept, err := file.Load(); err != nil || len(kept) > 0 {
		t.Errorf("in no directory: %v, %v", kept, err)
	}
}

// Whatever lies at the file's place does no harm: nothing of it is submitted
// that this wallet did not sign.
func TestForeignFiles(t *testing.T) {
	address, sign := signer(t)
	_, stranger := signer(t)
	mine, theirs := api.Result{TaskID: "t", Timestamp: 5}, api.Result{TaskID: "t", Timestamp: 6}
	for _, err := range []error{sign(&mine), stranger(&theirs)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	forged := mine
	forged.Success = true
	claimed := theirs
	claimed.WorkerAddress = address
	good, err := json.Marshal(keptFile{1, []Kept{{Result: mine}, {Result: theirs}, {Result: forged}, {Result: claimed}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text   string
		loaded int
		bad    bool
	}{
		"results":         {string(good), 1, false},
		"none":            {`{"version":1,"results":null}`, 0, false},
		"empty":           {"", 0, true},
		"half":            {string(good[:len(good)/2]), 0, true},
		"another version": {strings.Replace(string(good), `"version":1`, `"version":2`, 1), 0, true},
		"something else":  {"[]", 0, true},
		"huge":            {`{"version":1,"x":"` + strings.Repeat("x", maxKeptFile) + `"}`, 0, true},
	} {
		file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: strings.ToLower(address)}
		if err := os.WriteFile(file.Path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := file.Load()
		if len(got) != c.loaded || (err != nil) != c.bad {
			t.Errorf("%s: %d read, %v", name, len(got), err)
		}
		synctest.Test(t, func(t *testing.T) {
			w := keeping(t, &network{tasks: first(give(1))}, file, sign) // and the worker goes on
			if w.runFor(t, time.Minute); w.totals.Accepted != 1 || (len(events[Note](w)) > 0) != (c.bad || c.loaded > 0) {
				t.Errorf("%s: %+v, notes %+v", name, w.totals, events[Note](w))
			}
		})
	}
}

// A disk that takes nothing stops nobody, and is told of once.
func TestNothingCanBeKept(t *testing.T) {
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "gone", "results.json"), Address: address}
	synctest.Test(t, func(t *testing.T) {
		w := keeping(t, &network{tasks: give(1), before: func(attempt int, _ []api.Result) error {
			if attempt%3 > 0 {
				return away
			}
			return nil
		}}, file, sign)
		w.runFor(t, 10*time.Minute)
		if got := events[Note](w); len(got) != 1 || !strings.Contains(got[0].Text, "a restart loses what waits") || w.totals.Accepted < 10 {
			t.Errorf("%+v, %+v", got, w.totals)
		}
	})
}

// An API that takes newer workers only is the end, after what waits was handed in.
func TestOutdated(t *testing.T) {
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: address}
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: func(poll int) ([]api.Task, error) {
			if poll > 1 {
				return nil, &client.Error{Status: 426, Minimum: "v9.0.0", Text: "too old"}
			}
			return give(1)(1)
		}, before: func(attempt int, _ []api.Result) error {
			if attempt < 5 {
				return away
			}
			return nil
		}}
		w := keeping(t, n, file, sign)
		start := time.Now()
		w.runFor(t, time.Hour)
		e, ok := errors.AsType[*client.Error](w.Err())
		if !ok || e.Minimum != "v9.0.0" || time.Since(start) > 2*time.Minute || len(n.polledAt) != 2 || len(n.accepted) != 1 {
			t.Errorf("%v after %v, %d polls, %d accepted", w.Err(), time.Since(start), len(n.polledAt), len(n.accepted))
		}
	})
}
