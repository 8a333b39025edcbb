package schedule

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

var t0 = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

func worker(n byte) common.Address { return common.Address{19: n} }

// newcomer is a worker that nothing is known of, as old ones poll.
func newcomer(n byte) *Worker {
	return &Worker{Address: worker(n), Tier: reputation.Bronze, Region: "EU", Standing: &Standing{}}
}

// reliable is a worker that proves its address and delivered all it took.
func reliable(n byte) *Worker {
	w := newcomer(n)
	w.Proven, w.Standing.Outcomes, w.Standing.Recent, w.Standing.ProvenAt = true, outcomesKept, 1<<outcomesKept-1, t0.Add(-time.Hour)
	return w
}

func backup(n byte) *Worker {
	w := newcomer(n)
	w.Proven, w.Backup = true, true
	return w
}

func of(tier reputation.Tier, w *Worker) *Worker {
	w.Tier = tier
	return w
}

func slot(n byte, expires time.Time) Slot { return Slot{worker(n), expires, UntrustedSlot} }

func slotOf(kind SlotKind, n byte, began time.Time) Slot {
	return Slot{worker(n), began.Add(hold), kind}
}

// dueTask expects a check every 30 s, with 10 s for each, and was never checked.
func dueTask() Task {
	return Task{ID: "t", Timeout: 10 * time.Second, Interval: 30 * time.Second, Active: true, Cycle: 7, DueAt: t0, Offer: Offer{OfferAt: t0}}
}

const hold = 30 * time.Second // of dueTask: timeout + SlotGrace

func TestClaim(t *testing.T) {
	later, past := t0.Add(time.Second), t0.Add(-time.Second)
	tests := []struct {
		name   string
		change func(*Task)
		worker *Worker     // the first newcomer if nil
		prior  *Assignment // of the worker
		err    error
		cycle  int64
		live   []byte // holders afterwards
		offer  time.Time
	}{
		{name: "new task", cycle: 7, live: []byte{1}, offer: t0},
		{name: "not due by a nanosecond", change: func(k *Task) { k.DueAt = t0.Add(1) }, err: ErrNotDue},
		{name: "paused", change: func(k *Task) { k.Active = false }, err: ErrPaused},
		{name: "own region", change: func(k *Task) { k.Region = "EU" }, cycle: 7, live: []byte{1}, offer: t0},
		{name: "another region", change: func(k *Task) { k.Region = "US" }, err: ErrRegion},
		{
			name:   "the last slot that is not kept: offered again when the first hold ends",
			change: func(k *Task) { k.Holders = []Slot{slot(2, later)} },
			cycle:  7, live: []byte{2, 1}, offer: later,
		},
		{
			name:   "no slot is left but the one kept for trusted workers",
			change: func(k *Task) { k.Holders = []Slot{slot(2, later), slot(3, later)} },
			err:    ErrFull,
		},
		{
			name:   "which a trusted one gets",
			change: func(k *Task) { k.Holders = []Slot{slot(2, later.Add(time.Second)), slot(3, later)} },
			worker: reliable(1), cycle: 7, live: []byte{2, 3, 1}, offer: t0.Add(10 * time.Second), // it keeps others away for a while
		},
		{
			name: "full", worker: reliable(1),
			change: func(k *Task) { k.Holders = []Slot{slot(2, later), slot(3, later), slot(4, later)} },
			err:    ErrFull,
		},
		{
			name:   "a trusted one is at it",
			change: func(k *Task) { k.Holders = []Slot{slotOf(TrustedSlot, 2, t0.Add(1-10*time.Second))} },
			worker: reliable(1), err: ErrFull,
		},
		{
			name:   "for too long",
			change: func(k *Task) { k.Holders = []Slot{slotOf(TrustedSlot, 2, t0.Add(-10*time.Second))} },
			cycle:  7, live: []byte{2, 1}, offer: t0,
		},
		{
			name:   "the slot of an ended hold is free, in the same cycle",
			change: func(k *Task) { k.Holders = []Slot{slot(2, past), slot(3, later)} },
			cycle:  7, live: []byte{3, 1}, offer: later,
		},
		{
			name:   "a hold ends at its time, not after it",
			change: func(k *Task) { k.Holders = []Slot{slot(2, t0), slot(3, later)} },
			cycle:  7, live: []byte{3, 1}, offer: later,
		},
		{
			name:   "held in this cycle",
			change: func(k *Task) { k.Holders = []Slot{slot(1, later)} },
			prior:  &Assignment{Cycle: 7}, err: ErrHeld,
		},
		{
			name:   "held in this cycle, ended, while another holds on",
			change: func(k *Task) { k.Holders = []Slot{slot(1, past), slot(2, later)} },
			prior:  &Assignment{Cycle: 7}, err: ErrHeld,
		},
		{
			name:   "all holds ended: the cycle has lapsed, the same worker may have the next one",
			change: func(k *Task) { k.Holders = []Slot{slot(1, past), slot(2, past)} },
			prior:  &Assignment{Cycle: 7}, cycle: 8, live: []byte{1}, offer: t0,
		},
		{name: "had an earlier cycle", prior: &Assignment{Cycle: 6, ResultAt: past}, cycle: 7, live: []byte{1}, offer: t0},
		{name: "holds as many as it may", worker: func() *Worker {
			w := newcomer(1)
			w.Standing.Open = make([]Hold, unprovenOpen)
			return w
		}(), err: ErrNoRoom},
		{name: "nothing else for a backup", worker: backup(1), err: ErrNotAtRisk},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			task := dueTask()
			if tt.change != nil {
				tt.change(&task)
			}
			w := tt.worker
			if w == nil {
				w = newcomer(1)
			}
			before, open := task, len(w.Standing.Open)
			before.Holders = slices.Clone(task.Holders)
			a, err := task.Claim(w, t0, tt.prior)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err != nil {
				if !slices.Equal(task.Holders, before.Holders) || task.Cycle != before.Cycle || task.Offer != before.Offer || len(w.Standing.Open) != open {
					t.Errorf("a refused claim changed the task: %+v", task)
				}
				return
			}
			want := Assignment{TaskID: "t", Worker: worker(1), Cycle: tt.cycle, AssignedAt: t0, ExpiresAt: t0.Add(hold)}
			if tt.prior != nil {
				want.ResultAt = tt.prior.ResultAt // what was judged once is remembered
			}
			if a != want {
				t.Errorf("got %+v, want %+v", a, want)
			}
			var live []byte
			for _, s := range task.Holders {
				live = append(live, s.Worker[19])
			}
			if task.Cycle != tt.cycle || !slices.Equal(live, tt.live) || !task.OfferAt.Equal(tt.offer) {
				t.Errorf("task: cycle %d, holders %v, offer %v; want %d, %v, %v", task.Cycle, live, task.OfferAt, tt.cycle, tt.live, tt.offer)
			}
			if got := w.Standing.Live(t0); !slices.Equal(got, []string{"t"}) || !task.StillHeld(worker(1), t0) {
				t.Errorf("the worker is not noted to hold it: %v", got)
			}
			if task.StillHeld(worker(1), t0.Add(hold)) || task.StillHeld(worker(9), t0) {
				t.Error("held for ever, or by a stranger")
			}
		})
	}
}

// A task of a class is its tiers' first, and then anybody's.
func TestClassesAreKeptAtFirst(t *testing.T) {
	for _, c := range []struct {
		class    Class
		interval time.Duration
		tier     reputation.Tier
		kept     time.Duration // until this tier may have it
	}{
		{Enterprise, 30 * time.Second, reputation.Platinum, 0},
		{Enterprise, 30 * time.Second, reputation.Gold, 7500 * time.Millisecond},
		{Enterprise, time.Hour, reputation.Gold, keepAtMost},
		{HighValue, 20 * time.Second, reputation.Platinum, 0},
		{HighValue, 20 * time.Second, reputation.Gold, 0},
		{HighValue, 20 * time.Second, reputation.Silver, 5 * time.Second},
		{Priority, 30 * time.Second, reputation.Silver, 0},
		{Priority, 30 * time.Second, reputation.Bronze, 7500 * time.Millisecond},
		{Standard, 30 * time.Second, reputation.Bronze, 0},
	} {
		k := Task{ID: "t", Timeout: 10 * time.Second, Interval: c.interval, Class: c.class, Active: true}
		k.Open(t0)
		if _, err := k.Claim(of(c.tier, newcomer(1)), t0.Add(c.kept-1), nil); err == nil {
			t.Errorf("%s for %s: given before %v", c.class, c.tier, c.kept)
		}
		w := of(c.tier, newcomer(1))
		if at, ok := k.offeredTo(w); !ok || !at.Equal(t0.Add(c.kept)) {
			t.Errorf("%s for %s: offered at %v, %v; want after %v", c.class, c.tier, at, ok, c.kept)
		}
		if _, err := k.Claim(w, t0.Add(c.kept), nil); err != nil {
			t.Errorf("%s for %s after %v: %v", c.class, c.tier, c.kept, err)
		}
	}
}

// offeredTo is when the due queues offer the task to such a worker.
func (t *Task) offeredTo(w *Worker) (at time.Time, ok bool) {
	if w.Backup {
		return t.BackupAt, !t.BackupAt.IsZero()
	}
	if slices.Contains(Lanes(w), t.Lane) {
		return t.EarlyAt, true
	}
	return t.OfferAt, !t.OfferAt.IsZero()
}

func TestGuaranteedTasksKeepASlotForBackups(t *testing.T) {
	k := dueTask()
	k.BuyerTier = PremiumBuyer
	claim := func(w *Worker, after time.Duration, want error) {
		t.Helper()
		if _, err := k.Claim(w, t0.Add(after), nil); !errors.Is(err, want) {
			t.Errorf("%x after %v: got %v, want %v", w.Address[19:], after, err, want)
		}
	}
	claim(newcomer(1), 0, nil)
	claim(newcomer(2), 0, ErrFull)
	claim(reliable(3), 0, nil)
	claim(reliable(4), 11*time.Second, ErrFull)
	claim(backup(5), 15*time.Second-1, ErrNotAtRisk)
	if want := t0.Add(15 * time.Second); !k.BackupAt.Equal(want) {
		t.Errorf("offered to backups at %v, want %v", k.BackupAt, want)
	}
	impostor := backup(5)
	impostor.Proven = false
	claim(impostor, 15*time.Second, ErrNoRoom)
	claim(backup(5), 15*time.Second, nil)
	claim(backup(6), 15*time.Second, ErrFull)

	// One that began just before is waited for until the last third.
	k = dueTask()
	k.BuyerTier = PremiumBuyer
	claim(reliable(3), 14*time.Second, nil)
	if want := t0.Add(20 * time.Second); !k.BackupAt.Equal(want) {
		t.Errorf("offered to backups at %v, want %v", k.BackupAt, want)
	}
	claim(backup(5), 20*time.Second-1, ErrFull)
	claim(backup(5), 20*time.Second, nil)
	claim(backup(6), 29*time.Second, ErrFull) // the first is at it
	claim(backup(6), 30*time.Second, nil)
}

func TestRedefine(t *testing.T) {
	full := []Slot{slot(2, t0.Add(9*time.Second)), slot(3, t0.Add(5*time.Second))}
	tests := []struct {
		name   string
		state  func(*Task)
		define func(*Task)
		want   time.Time // offered
	}{
		{"never checked", nil, func(k *Task) { k.URL = "new" }, t0},
		{"paused", nil, func(k *Task) { k.Active = false }, time.Time{}},
		{"due later", func(k *Task) { k.LastAcceptedAt = t0.Add(-10 * time.Second) }, func(k *Task) { k.Interval = time.Minute }, t0.Add(50 * time.Second)},
		{"overdue", func(k *Task) { k.LastAcceptedAt = t0.Add(-time.Hour) }, func(k *Task) { k.Interval = time.Minute }, t0},
		{"full", func(k *Task) { k.Holders = full }, func(k *Task) { k.RewardMicros++ }, t0.Add(5 * time.Second)},
		{"full, but of ended holds", func(k *Task) { k.Holders = []Slot{slot(2, t0), slot(3, t0), slot(4, t0.Add(1))} }, func(k *Task) { k.Region = "EU" }, t0},
	}
	for _, tt := range tests {
		task := dueTask()
		if tt.state != nil {
			tt.state(&task)
		}
		want := task
		tt.define(&want)
		want.Cycle, want.Holders = 99, nil // of the definition nothing but the definition counts
		cycle, holders := task.Cycle, len(task.Holders)
		task.Redefine(&want, t0)
		if !task.OfferAt.Equal(tt.want) || task.Cycle != cycle || len(task.Holders) != holders ||
			task.URL != want.URL || task.Interval != want.Interval || task.Active != want.Active || task.RewardMicros != want.RewardMicros || task.Region != want.Region {
			t.Errorf("%s: %+v, want it offered at %v", tt.name, task, tt.want)
		}
	}
}

func TestOrder(t *testing.T) {
	tests := map[reputation.Tier][]Class{
		reputation.Bronze:   {Standard, "made-up", Priority, HighValue, Enterprise},
		reputation.Silver:   {Priority, Standard, "made-up", HighValue, Enterprise},
		reputation.Gold:     {HighValue, Priority, Standard, "made-up", Enterprise},
		reputation.Platinum: {Enterprise, HighValue, Priority, Standard, "made-up"},
		"none":              {Standard, "made-up", Priority, HighValue, Enterprise},
	}
	for tier, want := range tests {
		var tasks []*Task
		for _, c := range []Class{HighValue, Standard, Enterprise, "made-up", Priority} {
			tasks = append(tasks, &Task{Class: c})
		}
		Order(tier, tasks, t0)
		var got []Class
		for _, k := range tasks {
			got = append(got, k.Class)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", tier, got, want)
		}
	}
	// What nobody holds goes first, what several hold last.
	held := []*Task{
		{ID: "two", Holders: []Slot{slot(1, t0.Add(1)), slot(2, t0.Add(1))}}, {ID: "one", Holders: []Slot{slot(1, t0.Add(1))}},
		{ID: "none"}, {ID: "ended", Holders: []Slot{slot(1, t0)}}, {ID: "other", Class: Priority},
	}
	Order(reputation.Bronze, held, t0)
	for i, want := range []string{"none", "ended", "one", "two", "other"} {
		if held[i].ID != want {
			t.Errorf("place %d: %s, want %s", i, held[i].ID, want)
		}
	}
}
