package sweep

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
)

func TestExport(t *testing.T) {
	w := newWorld(t)
	e := w.exporter(nil)
	if done, err := e.Export(t.Context()); err != nil || done != (Exported{}) {
		t.Errorf("nothing to do: %+v, %v", done, err)
	}
	for range 10 {
		w.submit()
	}
	w.clock.Store(evening.Add(59900 * time.Millisecond).UnixMilli())
	w.submit() // the day ends between two workers
	done, err := e.Export(t.Context())
	w.must(err)
	files := w.read()
	days := map[string]int{}
	for name, lines := range files {
		days[name[:len("results/2026-10-20/")]] += len(lines)
	}
	if done.Parts != len(files) || int(done.Results) != len(w.accepted) || done.More || done.Parts < 5 {
		t.Errorf("%+v, and there are %d files and %d accepted results", done, len(files), len(w.accepted))
	}
	if len(days) != 2 || days["results/2026-10-20/"] == 0 || days["results/2026-10-21/"] == 0 {
		t.Errorf("results by day: %v", days)
	}
	w.complete()
	if done, err := e.Export(t.Context()); err != nil || done != (Exported{}) {
		t.Errorf("again: %+v, %v", done, err)
	}
}

// An export is killed at each of its steps, before it happened and after. The
// next one completes the log.
func TestKilledAtEachStep(t *testing.T) {
	w := newWorld(t)
	met := map[string]bool{}
	for _, after := range []bool{false, true} {
		for step := 1; ; step++ {
			w.submit()
			dying, m := kill(w.exporter(nil), step, after)
			_, err := dying.Export(t.Context())
			if !m.dead() {
				w.must(err)
				break // it has no more steps
			}
			last := m.calls[len(m.calls)-1]
			met[last] = true
			// What cannot be released ends by itself: no reason to fail.
			if killed := errors.Is(err, errKilled); killed == (last == "release") {
				t.Errorf("killed at %v: %v", m.calls, err)
			}
			if done, err := w.exporter(nil).Export(t.Context()); err != nil || (last == "open" || last == "write" || last == "close") && !done.AlreadyRunning {
				t.Errorf("killed at %v, and the next one does %+v, %v while the lease runs", m.calls, done, err)
			}
			w.settle()
			w.complete()
			if t.Failed() {
				t.Fatalf("killed at step %d, after %t: %v", step, after, m.calls)
			}
		}
	}
	if len(met) != 6 {
		t.Errorf("killed at %v; want every kind of step", met)
	}
}

// Instances export at once, some without a lease, die at random steps and
// start again, while results come in over midnight.
func TestRandomKills(t *testing.T) {
	w := newWorld(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var exporters sync.WaitGroup
	stop := make(chan struct{})
	var mu sync.Mutex
	killed := map[string]int{}
	for i := range 3 {
		e := w.exporter(nil)
		exporters.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rng.IntN(10)) * time.Millisecond):
				}
				one := e
				if rng.IntN(2) == 0 {
					one.Leases = granted{}
				}
				one, m := kill(one, 1+rng.IntN(12), rng.IntN(2) == 0)
				if _, err := one.Export(t.Context()); err != nil && !errors.Is(err, errKilled) {
					t.Error(err)
				}
				mu.Lock()
				if m.dead() {
					killed[m.calls[len(m.calls)-1]]++
				}
				mu.Unlock()
			}
		})
	}
	rng := rand.New(rand.NewPCG(seed, 99))
	for range 25 {
		w.submit()
		w.later(time.Duration(rng.IntN(3000)) * time.Millisecond)
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
	}
	close(stop)
	exporters.Wait()
	before := len(w.read())
	w.settle()
	w.complete()
	t.Logf("%d files were there before the last export; killed at %v", before, killed)
	if len(killed) < 5 || before < 5 {
		t.Error("the test shows little")
	}
}

func TestTenAtOnceExportOnce(t *testing.T) {
	for name, leases := range map[string]lease.Store{"under the lease": nil, "without it": granted{}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for range 5 {
				w.submit()
			}
			var all sync.WaitGroup
			results := make([]Exported, 10)
			for i := range results {
				e := w.exporter(leases)
				all.Go(func() {
					var err error
					if results[i], err = e.Export(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			for range 5 {
				w.submit()
			}
			all.Wait()
			running := 0
			for _, r := range results {
				if r.AlreadyRunning {
					running++
				}
			}
			if (leases == nil) != (running > 0) {
				t.Errorf("%d of ten found another export at work", running)
			}
			w.settle()
			w.complete()
		})
	}
}

// Somebody has put another file in a part's place. Nothing is overwritten and
// nothing is lost; the other parts get through, and so does this one once the
// file is moved away.
func TestAFileThatDiffers(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.submit()
	}
	e := w.exporter(nil)
	parts, err := e.Parts.ReserveResultParts(t.Context(), w.now(), e.PartBytes)
	w.must(err)
	name := parts[0].Name()
	foreign := w.files.Object(name).NewWriter(t.Context())
	fmt.Fprint(foreign, strings.Repeat("x", len(parts[0].Content)))
	w.must(foreign.Close())

	for range 2 {
		w.submit()
		done, err := e.Export(t.Context())
		if !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), name) || done.Parts == 0 {
			t.Errorf("%+v, %v; want the others, and ErrDiffers with the file's name", done, err)
		}
	}
	open, err := e.Parts.OpenResultParts(t.Context(), "", 10)
	if w.must(err); len(open) != 1 || !slices.Equal(open[0].Content, parts[0].Content) {
		t.Errorf("%d parts are open, want the one that differs, as it was", len(open))
	}
	w.must(w.files.Object(name).Delete(t.Context()))
	w.settle()
	w.complete()
}

// slow is an archive that takes its time.
type slow struct {
	Archive
	*world
}

func (s slow) Create(ctx context.Context, name string, content []byte) error {
	s.later(10 * time.Second)
	return s.Archive.Create(ctx, name, content)
}

// When the time is used up, an export ends before the next file, and reserves
// no more; the next export goes on.
func TestBudget(t *testing.T) {
	w := newWorld(t)
	for range 6 {
		w.submit()
	}
	e := w.exporter(nil)
	left := 3 // reserved by one that died
	for range left {
		_, err := e.Parts.ReserveResultParts(t.Context(), w.now(), e.PartBytes)
		w.must(err)
	}
	e.Archive, e.Budget = slow{e.Archive, w}, 5*time.Second
	for round := 1; ; round++ {
		done, err := e.Export(t.Context())
		w.must(err)
		if !done.More {
			if done.Parts != 0 || round < 6 {
				t.Errorf("round %d: %+v", round, done)
			}
			break
		}
		left = max(left-1, 0)
		open, err := e.Parts.OpenResultParts(t.Context(), "", 10)
		if w.must(err); done.Parts != 1 || len(open) != left {
			t.Fatalf("round %d: %+v, and %d parts are open, want %d", round, done, len(open), left)
		}
	}
	w.complete()
}
