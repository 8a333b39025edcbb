package schedule

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

var (
	seed  = flag.Uint64("seed", 0, "run this one seed of the model, instead of -seeds of them")
	seeds = flag.Uint64("seeds", 200, "how many seeds of the model to run")
)

// TestModel plays polls, results, pauses and changed intervals in random order
// and checks the rules of product.md after each step, with books of its own.
func TestModel(t *testing.T) {
	first, last := uint64(1), *seeds
	if *seed != 0 {
		first, last = *seed, *seed
	}
	wins := 0
	for s := first; s <= last; s++ {
		m := newModel(s)
		for step := range 600 {
			if err := m.step(); err != nil {
				t.Fatalf("step %d: %v\nrun it again with: go test ./shared/schedule -run TestModel -seed %d", step, err, s)
			}
		}
		wins += m.wins
	}
	if *seed == 0 && wins < int(last) {
		t.Errorf("only %d cycles won in %d runs: the model plays nothing", wins, last)
	}
}

type cycleKey struct {
	task  int
	cycle int64
}

type resultKey struct {
	task   int
	worker byte
	at     int64
}

// model holds the rules' state as the database would, and beside it what was
// handed out and won, noted independently.
type model struct {
	rnd   *rand.Rand
	now   time.Time
	tasks []*Task
	held  map[[2]int]*Assignment // the stored rows, by task and worker
	wins  int

	holds   map[cycleKey]map[byte]time.Time // every hold ever given, and when it ends
	won     map[cycleKey]bool
	paid    map[resultKey]bool
	lastWin map[int]time.Time
	results []submitted // to be submitted again
}

type submitted struct {
	task   int
	worker byte
	at     time.Time
}

func newModel(seed uint64) *model {
	m := &model{
		rnd: rand.New(rand.NewPCG(seed, 0)), now: t0, held: map[[2]int]*Assignment{},
		holds: map[cycleKey]map[byte]time.Time{}, won: map[cycleKey]bool{}, paid: map[resultKey]bool{}, lastWin: map[int]time.Time{},
	}
	for i := range 1 + m.rnd.IntN(4) {
		k := &Task{
			ID: fmt.Sprint(i), Timeout: time.Duration(1+m.rnd.IntN(20)) * time.Second,
			Interval: time.Duration(1+m.rnd.IntN(90)) * time.Second, Active: true,
		}
		k.Reoffer(m.now)
		m.tasks = append(m.tasks, k)
	}
	return m
}

func (m *model) step() error {
	m.now = m.now.Add(time.Duration(m.rnd.IntN(15_000)) * time.Millisecond)
	i, w := m.rnd.IntN(len(m.tasks)), byte(1+m.rnd.IntN(6))
	var err error
	switch p := m.rnd.IntN(100); {
	case p < 50:
		err = m.poll(i, w)
	case p < 80:
		err = m.submit(submitted{i, w, m.now.Add(time.Duration(m.rnd.IntN(400_000)-350_000) * time.Millisecond)})
	case p < 93 && len(m.results) > 0:
		err = m.submit(m.results[m.rnd.IntN(len(m.results))])
	case p < 96:
		m.tasks[i].Active = !m.tasks[i].Active
		m.tasks[i].Reoffer(m.now)
	case p < 98:
		m.tasks[i].Interval = time.Duration(1+m.rnd.IntN(90)) * time.Second
		m.tasks[i].Reoffer(m.now)
	default:
		m.now = m.now.Add(10 * time.Minute) // nobody is there
	}
	if err != nil {
		return err
	}
	for i := range m.tasks {
		if err := m.check(i); err != nil {
			return fmt.Errorf("task %d at %v: %w", i, m.now.Sub(t0), err)
		}
	}
	return nil
}

func (m *model) poll(i int, w byte) error {
	k := m.tasks[i]
	due := !m.now.Before(k.DueAt())
	a, err := k.Claim(worker(w), "", m.now, m.held[[2]int{i, int(w)}])
	if err != nil {
		return nil
	}
	if !k.Active || !due {
		return fmt.Errorf("task %d was handed out, active %v, due %v", i, k.Active, due)
	}
	key := cycleKey{i, a.Cycle}
	if _, twice := m.holds[key][w]; twice {
		return fmt.Errorf("worker %d holds task %d twice in cycle %d", w, i, a.Cycle)
	}
	if m.won[key] {
		return fmt.Errorf("task %d was handed out in cycle %d, which is won", i, a.Cycle)
	}
	if m.holds[key] == nil {
		m.holds[key] = map[byte]time.Time{}
	}
	m.holds[key][w] = m.now.Add(k.Timeout + SlotGrace)
	m.held[[2]int{i, int(w)}] = &a
	return nil
}

// submit never tells Judge what is stored: a hold alone must refuse a repetition.
func (m *model) submit(s submitted) error {
	k := m.tasks[s.task]
	before := k.Cycle
	v := Judge(s.at, m.now, k, m.held[[2]int{s.task, int(s.worker)}], false)
	m.results = append(m.results, s)
	if v.Status != api.Accepted {
		if k.Cycle != before {
			return fmt.Errorf("a result that was %s closed cycle %d", v.Status, before)
		}
		return nil
	}
	m.wins++
	key := cycleKey{s.task, before}
	if _, ok := m.holds[key][s.worker]; !ok {
		return fmt.Errorf("worker %d won cycle %d of task %d without having held it", s.worker, before, s.task)
	}
	if m.won[key] {
		return fmt.Errorf("cycle %d of task %d was won twice", before, s.task)
	}
	m.won[key] = true
	paid := resultKey{s.task, s.worker, s.at.UnixMilli()}
	if m.paid[paid] {
		return fmt.Errorf("%+v was accepted twice", paid)
	}
	m.paid[paid] = true
	if k.Cycle <= before {
		return fmt.Errorf("the win left cycle %d open", before)
	}
	m.lastWin[s.task] = m.now
	return nil
}

func (m *model) check(i int) error {
	k := m.tasks[i]
	live := 0
	for _, ends := range m.holds[cycleKey{i, k.Cycle}] {
		if m.now.Before(ends) {
			live++
		}
	}
	if live > SlotsPerCycle || len(k.Holders) > SlotsPerCycle {
		return fmt.Errorf("%d live holds of cycle %d, %d stored", live, k.Cycle, len(k.Holders))
	}
	if !k.LastAcceptedAt.Equal(m.lastWin[i]) {
		return fmt.Errorf("last accepted at %v, want %v", k.LastAcceptedAt, m.lastWin[i])
	}
	free := k.Active && !m.now.Before(k.DueAt()) && live < SlotsPerCycle
	// It is never orphaned: a worker that was never there gets it exactly when
	// it is due and has a free slot; one that was there, at the latest when all
	// holds have ended.
	if err := m.tryClaim(i, 200); (err == nil) != free {
		return fmt.Errorf("a new worker got %s; active %v, %d live holds, due at %v", fmt.Sprint(err), k.Active, live, k.DueAt().Sub(t0))
	}
	for w := byte(1); w <= 6 && free && live == 0; w++ {
		if err := m.tryClaim(i, w); err != nil {
			return fmt.Errorf("nobody holds it, but worker %d got %w", w, err)
		}
	}
	// The due queue offers it exactly then: never in vain.
	if offered := !k.OfferAt.IsZero() && !m.now.Before(k.OfferAt); offered != free {
		return fmt.Errorf("offered %v (at %v), but free %v", offered, k.OfferAt.Sub(t0), free)
	}
	return nil
}

// tryClaim says what a poll would get, and leaves everything as it is.
func (m *model) tryClaim(i int, w byte) error {
	k := *m.tasks[i]
	k.Holders = slices.Clone(k.Holders)
	_, err := k.Claim(worker(w), "", m.now, m.held[[2]int{i, int(w)}])
	return err
}
