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

func slot(n byte, expires time.Time) Slot { return Slot{worker(n), expires} }

// dueTask expects a check every 30 s, with 10 s for each, and was never checked.
func dueTask() Task {
	return Task{ID: "t", Timeout: 10 * time.Second, Interval: 30 * time.Second, Active: true, Cycle: 7, OfferAt: t0}
}

const hold = 30 * time.Second // of dueTask: timeout + SlotGrace

func TestClaim(t *testing.T) {
	later, past := t0.Add(time.Second), t0.Add(-time.Second)
	tests := []struct {
		name   string
		change func(*Task)
		prior  *Assignment // of worker 1, who asks
		err    error
		cycle  int64
		live   []byte // holders afterwards
		offer  time.Time
	}{
		{name: "new task", cycle: 7, live: []byte{1}, offer: t0},
		{name: "due to the instant", change: func(k *Task) { k.LastAcceptedAt = t0.Add(-30 * time.Second) }, cycle: 7, live: []byte{1}, offer: t0},
		{name: "not due by a nanosecond", change: func(k *Task) { k.LastAcceptedAt = t0.Add(1 - 30*time.Second) }, err: ErrNotDue},
		{name: "paused", change: func(k *Task) { k.Active = false }, err: ErrPaused},
		{name: "own region", change: func(k *Task) { k.Region = "EU" }, cycle: 7, live: []byte{1}, offer: t0},
		{name: "another region", change: func(k *Task) { k.Region = "US" }, err: ErrRegion},
		{name: "second slot", change: func(k *Task) { k.Holders = []Slot{slot(2, later)} }, cycle: 7, live: []byte{2, 1}, offer: t0},
		{
			name:   "last slot: offered again when the first hold ends",
			change: func(k *Task) { k.Holders = []Slot{slot(2, later.Add(time.Second)), slot(3, later)} },
			cycle:  7, live: []byte{2, 3, 1}, offer: later,
		},
		{
			name:   "full",
			change: func(k *Task) { k.Holders = []Slot{slot(2, later), slot(3, later), slot(4, later)} },
			err:    ErrFull,
		},
		{
			name:   "the slot of an ended hold is free, in the same cycle",
			change: func(k *Task) { k.Holders = []Slot{slot(2, past), slot(3, later), slot(4, later)} },
			cycle:  7, live: []byte{3, 4, 1}, offer: later,
		},
		{
			name:   "a hold ends at its time, not after it",
			change: func(k *Task) { k.Holders = []Slot{slot(2, t0), slot(3, later), slot(4, later)} },
			cycle:  7, live: []byte{3, 4, 1}, offer: later,
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
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			task := dueTask()
			if tt.change != nil {
				tt.change(&task)
			}
			before := task
			before.Holders = slices.Clone(task.Holders)
			a, err := task.Claim(worker(1), "EU", t0, tt.prior)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err != nil {
				if !slices.Equal(task.Holders, before.Holders) || task.Cycle != before.Cycle || !task.OfferAt.Equal(before.OfferAt) {
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
		})
	}
}

func TestReoffer(t *testing.T) {
	full := []Slot{slot(2, t0.Add(9*time.Second)), slot(3, t0.Add(5*time.Second)), slot(4, t0.Add(7*time.Second))}
	tests := []struct {
		name   string
		change func(*Task)
		want   time.Time
	}{
		{"never checked", func(*Task) {}, t0},
		{"paused", func(k *Task) { k.Active = false }, time.Time{}},
		{"due later", func(k *Task) { k.LastAcceptedAt = t0.Add(-10 * time.Second) }, t0.Add(20 * time.Second)},
		{"overdue", func(k *Task) { k.LastAcceptedAt = t0.Add(-time.Hour) }, t0},
		{"full", func(k *Task) { k.Holders = full }, t0.Add(5 * time.Second)},
		{"full, but of ended holds", func(k *Task) { k.Holders = []Slot{slot(2, t0), slot(3, t0), slot(4, t0.Add(1))} }, t0},
	}
	for _, tt := range tests {
		task := dueTask()
		tt.change(&task)
		if task.Reoffer(t0); !task.OfferAt.Equal(tt.want) {
			t.Errorf("%s: offered at %v, want %v", tt.name, task.OfferAt, tt.want)
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
		Order(tier, tasks)
		var got []Class
		for _, k := range tasks {
			got = append(got, k.Class)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", tier, got, want)
		}
	}
}
