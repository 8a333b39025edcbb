package schedule

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

var (
	seed  = flag.Uint64("seed", 0, "run this one seed of the model, instead of -seeds of them")
	seeds = flag.Uint64("seeds", 100, "how many seeds of the model to run")
)

// TestModel plays polls, results, pauses and changed definitions in random
// order, by workers of all kinds, and checks the rules of product.md after each
// step, with books of its own.
func TestModel(t *testing.T) {
	first, last := uint64(1), *seeds
	if *seed != 0 {
		first, last = *seed, *seed
	}
	var seen played
	for s := first; s <= last; s++ {
		m := newModel(s)
		for step := range 600 {
			if err := m.step(); err != nil {
				t.Fatalf("step %d: %v\nrun it again with: go test ./shared/schedule -run TestModel -seed %d", step, err, s)
			}
		}
		seen.add(m.played)
	}
	t.Logf("%+v", seen)
	if least := int(last) / 4; *seed == 0 && min(seen.wins, seen.delivered, seen.missed, seen.slots[UntrustedSlot], seen.slots[TrustedSlot], seen.slots[BackupSlot], seen.kept, seen.again) < least {
		t.Errorf("in %d runs no more than %+v: the model plays too little", last, seen)
	}
}

// played is how often things happened.
type played struct {
	wins, delivered, missed, kept, again int
	slots                                [3]int
}

func (p *played) add(o played) {
	p.wins, p.delivered, p.missed, p.kept, p.again = p.wins+o.wins, p.delivered+o.delivered, p.missed+o.missed, p.kept+o.kept, p.again+o.again
	for i := range p.slots {
		p.slots[i] += o.slots[i]
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

type given struct {
	kind SlotKind
	ends time.Time
}

// model holds the rules' state as the database would, and beside it what was
// handed out and won, noted independently.
type model struct {
	played
	rnd     *rand.Rand
	now     time.Time
	tasks   []*Task
	workers []*Worker              // by their number less one
	held    map[[2]int]*Assignment // the stored rows, by task and worker

	holds   map[cycleKey]map[byte]given // every hold ever given
	won     map[cycleKey]bool
	paid    map[resultKey]bool
	wins    map[int][]time.Time
	spans   map[int][]span
	results []submitted // to be submitted again
}

// span is a time in which a task was active under one definition; to is zero
// while it lasts. The windows are those of the task as it was.
type span struct {
	from, to time.Time
	of       Task
}

type submitted struct {
	task   int
	worker byte
	at     time.Time
}

func newModel(seed uint64) *model {
	m := &model{
		rnd: rand.New(rand.NewPCG(seed, 0)), now: t0, held: map[[2]int]*Assignment{},
		holds: map[cycleKey]map[byte]given{}, won: map[cycleKey]bool{}, paid: map[resultKey]bool{},
		wins: map[int][]time.Time{}, spans: map[int][]span{},
	}
	m.workers = []*Worker{newcomer(1), newcomer(2), reliable(3), reliable(4), backup(5), of(reputation.Platinum, reliable(6)), of(reputation.Gold, newcomer(7))}
	for i := range 1 + m.rnd.IntN(4) {
		k := &Task{ID: fmt.Sprint(i), Active: true}
		m.define(k)
		k.Open(m.now)
		m.tasks = append(m.tasks, k)
		m.spans[i] = []span{{from: m.now, of: *k}}
	}
	return m
}

// define gives a task any definition.
func (m *model) define(k *Task) {
	k.Timeout = time.Duration(1+m.rnd.IntN(20)) * time.Second
	k.Interval = time.Duration(1+m.rnd.IntN(90)) * time.Second
	k.BuyerTier = []BuyerTier{BestEffort, StandardBuyer, PremiumBuyer}[m.rnd.IntN(3)]
	k.Class = []Class{Standard, Standard, Priority, Enterprise}[m.rnd.IntN(4)]
}

func (m *model) step() error {
	m.now = m.now.Add(time.Duration(m.rnd.IntN(15_000)) * time.Millisecond)
	i, w := m.rnd.IntN(len(m.tasks)), byte(1+m.rnd.IntN(len(m.workers)))
	var err error
	switch p := m.rnd.IntN(100); {
	case p < 60:
		err = m.poll(i, w)
	case p < 75 && len(m.tasks[i].Holders) > 0: // as a worker should
		h := m.tasks[i].Holders
		err = m.submit(submitted{i, h[m.rnd.IntN(len(h))].Worker[19], m.now})
	case p < 88:
		err = m.submit(submitted{i, w, m.now.Add(time.Duration(m.rnd.IntN(400_000)-350_000) * time.Millisecond)})
	case p < 95 && len(m.results) > 0:
		err = m.submit(m.results[m.rnd.IntN(len(m.results))])
	case p < 98:
		m.redefine(i)
	default:
		m.now = m.now.Add(10 * time.Minute) // nobody is there
	}
	if err != nil {
		return err
	}
	for i := range m.tasks {
		err := m.check(i)
		if m.rnd.IntN(40) == 0 { // it counts from the beginning
			err = cmp.Or(err, m.checkWindows(i))
		}
		if err != nil {
			return fmt.Errorf("task %d at %v: %w", i, m.now.Sub(t0), err)
		}
	}
	return nil
}

func (m *model) redefine(i int) {
	want := *m.tasks[i]
	switch m.rnd.IntN(3) {
	case 0:
		want.Active = !want.Active
	case 1:
		m.define(&want)
	default:
		want.URL = "new"
	}
	before := *m.tasks[i]
	m.tasks[i].Redefine(&want, m.now)
	if before.Active == want.Active && before.Window() == want.Window() { // groups do not change
		return
	}
	if s := m.spans[i]; before.Active {
		s[len(s)-1].to = m.now
	}
	if want.Active {
		m.spans[i] = append(m.spans[i], span{from: m.now, of: want})
	}
}

func (m *model) poll(i int, n byte) error {
	k, w := m.tasks[i], m.workers[n-1]
	if err := m.admit(w); err != nil {
		return err
	}
	w.Standing.Settle(m.now)
	room, due, kind := w.Room(m.now), !m.now.Before(k.DueAt), w.Kind()
	if k.StillHeld(w.Address, m.now) {
		m.again++
		if key := (cycleKey{i, k.Cycle}); !m.now.Before(m.holds[key][n].ends) || m.won[key] {
			return fmt.Errorf("worker %d is given task %d again, and has no hold on cycle %d", n, i, k.Cycle)
		}
	}
	a, err := k.Claim(w, m.now, m.held[[2]int{i, int(n)}])
	if errors.Is(err, ErrKept) {
		m.kept++
	}
	if err != nil {
		return nil
	}
	if !k.Active || !due || room <= 0 {
		return fmt.Errorf("task %d was handed out, active %v, due %v, to a worker with room for %d", i, k.Active, due, room)
	}
	key := cycleKey{i, a.Cycle}
	if _, twice := m.holds[key][n]; twice {
		return fmt.Errorf("worker %d holds task %d twice in cycle %d", n, i, a.Cycle)
	}
	if m.won[key] {
		return fmt.Errorf("task %d was handed out in cycle %d, which is won", i, a.Cycle)
	}
	if m.holds[key] == nil {
		m.holds[key] = map[byte]given{}
	}
	m.slots[kind]++
	m.holds[key][n] = given{kind, a.ExpiresAt}
	m.held[[2]int{i, int(n)}] = &a
	return nil
}

// admit lets the worker poll; and first, sometimes, somebody else in its name.
func (m *model) admit(w *Worker) error {
	before := *w.Standing
	if m.rnd.IntN(4) == 0 && !before.ProvenAt.IsZero() {
		for _, at := range []time.Time{{}, before.ProvenAt} { // without a proof, or with one that was seen
			if err := w.Standing.Admit(m.now, at); err == nil || !reflect.DeepEqual(*w.Standing, before) {
				return fmt.Errorf("somebody else polled in the name of %x: %v", w.Address[19:], err)
			}
		}
	}
	at := time.Time{}
	if w.Proven {
		m.now = m.now.Add(time.Millisecond)
		at = m.now
	}
	return w.Standing.Admit(m.now, at)
}

// submit never tells Judge what is stored: a hold alone must refuse a repetition.
func (m *model) submit(s submitted) error {
	k := m.tasks[s.task]
	before := k.Cycle
	v := Judge(s.at, m.now, k, m.held[[2]int{s.task, int(s.worker)}], false)
	m.results = append(m.results, s)
	if v.Status != api.Rejected {
		m.workers[s.worker-1].Standing.Deliver(k.ID)
	}
	if v.Status != api.Accepted {
		if k.Cycle != before {
			return fmt.Errorf("a result that was %s closed cycle %d", v.Status, before)
		}
		return nil
	}
	m.played.wins++
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
	m.wins[s.task] = append(m.wins[s.task], m.now)
	return nil
}

func (m *model) check(i int) error {
	k := m.tasks[i]
	live, kinds := 0, [3]int{}
	for _, g := range m.holds[cycleKey{i, k.Cycle}] {
		if m.now.Before(g.ends) {
			live++
			kinds[g.kind]++
		}
	}
	if live > SlotsPerCycle || len(k.Holders) > SlotsPerCycle {
		return fmt.Errorf("%d live holds of cycle %d, %d stored", live, k.Cycle, len(k.Holders))
	}
	if kinds[UntrustedSlot] >= SlotsPerCycle {
		return fmt.Errorf("untrusted workers hold all slots of cycle %d", k.Cycle)
	}
	last := time.Time{}
	if wins := m.wins[i]; len(wins) > 0 {
		last = wins[len(wins)-1]
	}
	if !k.LastAcceptedAt.Equal(last) {
		return fmt.Errorf("last accepted at %v, want %v", k.LastAcceptedAt, last)
	}
	return cmp.Or(m.checkOffers(i, live), m.checkNotOrphaned(i, live))
}

// checkOffers: what the due queues offer to a worker that was never there is
// never in vain, and what such a worker could have is offered.
func (m *model) checkOffers(i, live int) error {
	k := m.tasks[i]
	for name, w := range map[string]*Worker{
		"newcomer": newcomer(200), "trusted": reliable(200), "backup": backup(200),
		"platinum newcomer": of(reputation.Platinum, newcomer(200)), "trusted platinum": of(reputation.Platinum, reliable(200)),
	} {
		err := m.tryClaim(i, w, nil)
		offered := k.offeredNow(w, m.now)
		if offered && err != nil {
			return fmt.Errorf("offered to a %s (%+v), who got %w; %d live holds, due at %v", name, k.Offer, err, live, k.DueAt.Sub(t0))
		}
		// While a task is kept for its tiers and their slots for newcomers are
		// held, the third slot is offered when it opens to all.
		if !offered && err == nil && !(w.Trusted() && m.now.Before(k.keptUntil())) {
			return fmt.Errorf("a %s could have it, but it is not offered (%+v)", name, k.Offer)
		}
	}
	return nil
}

func (t *Task) offeredNow(w *Worker, now time.Time) bool {
	by := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }
	if w.Backup {
		return by(t.BackupAt)
	}
	return by(t.OfferAt) || slices.Contains(Lanes(w), t.Lane) && by(t.EarlyAt)
}

// checkNotOrphaned: a task that is due, opened to all and held by nobody can be
// had by any worker, whatever it did before with this task; and one that a
// trusted worker has not, by a trusted worker.
func (m *model) checkNotOrphaned(i, live int) error {
	k := m.tasks[i]
	if !k.Active || m.now.Before(k.DueAt) || m.now.Before(k.keptUntil()) || live > 0 {
		return nil
	}
	for n := byte(1); int(n) <= len(m.workers); n++ {
		w := *m.workers[n-1]
		w.Standing = &Standing{} // one with room
		if w.Backup && (!k.Guaranteed() || m.now.Before(k.riskAt())) {
			continue
		}
		if err := m.tryClaim(i, &w, m.held[[2]int{i, int(n)}]); err != nil {
			return fmt.Errorf("nobody holds it, but worker %d got %w", n, err)
		}
	}
	return nil
}

// tryClaim says what a poll would get, and leaves everything as it is.
func (m *model) tryClaim(i int, w *Worker, prior *Assignment) error {
	k, standing := *m.tasks[i], *w.Standing
	k.Holders = slices.Clone(k.Holders)
	_, err := k.Claim(w, m.now, prior)
	*w.Standing = standing
	return err
}

// checkWindows counts every window anew, one by one, from the times at which
// the task was active and those of its wins.
func (m *model) checkWindows(i int) error {
	k := m.tasks[i]
	var delivered, missed int64
	for _, s := range m.spans[i] {
		end := s.to
		if end.IsZero() {
			end = m.now
		}
		for n := s.of.windowOf(s.from); ; n++ {
			from, to := s.of.startOf(n), s.of.startOf(n+1)
			if to.After(end) {
				break
			}
			if from.Before(s.from) {
				continue
			}
			if slices.ContainsFunc(m.wins[i], func(at time.Time) bool { return !at.Before(from) && at.Before(to) }) {
				delivered++
			} else {
				missed++
			}
		}
	}
	if d, ms := k.Windows(m.now); d != delivered || ms != missed {
		return fmt.Errorf("%d windows delivered and %d missed, want %d and %d; %+v", d, ms, delivered, missed, k.Tally)
	}
	m.played.delivered, m.played.missed = max(m.played.delivered, int(delivered)), max(m.played.missed, int(missed))
	return nil
}
