package simulate

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// small is the design target, a fiftieth of it, for a fifth of the time.
func small() Options {
	return Options{
		Endpoints: 2000, Online: 200, Backups: 8, Churn: 0.3, Day: 16 * time.Minute, Warmup: 8 * time.Minute, Duration: 16 * time.Minute,
		PerPoll: 10, Shards: 4, Seed: rand.Uint64(),
	}
}

func play(t *testing.T, o Options) *Result {
	t.Helper()
	t.Logf("seed %d", o.Seed)
	r, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func show(t *testing.T, name string, r *Result) {
	var b strings.Builder
	if err := Print(&b, []string{name}, []*Result{r}); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", b.String())
}

// The policy's targets, with any seed, at the average and over a day, with and
// without hostile ones, who lower no coverage measurably.
func TestTargets(t *testing.T) {
	for _, dayNight := range []bool{false, true} {
		quiet := small()
		quiet.DayNight = dayNight
		alone := play(t, quiet)
		quiet.Hostile = quiet.Online / 10
		attacked := play(t, quiet)
		for name, r := range map[string]*Result{"without hostile ones": alone, "with hostile ones": attacked} {
			for _, m := range r.Missed() {
				t.Errorf("%s, day and night %v: %s", name, dayNight, m)
			}
			if t.Failed() {
				show(t, name, r)
			}
			if f := r.Fairness; !dayNight && (f.Workers < 20 || f.Gini > 0.25 || f.MaxOverMedian > 3) {
				t.Errorf("%s: among equals %+v", name, f)
			}
			if r.Accepted < 10_000 || r.Tiers[schedule.PremiumBuyer].Delivered < 1000 {
				t.Errorf("%s: the simulation shows little: %d accepted", name, r.Accepted)
			}
			if r.Lost > r.Given/8 {
				t.Errorf("%s: of %d assignments %d brought nothing", name, r.Given, r.Lost)
			}
		}
		for tier, before := range alone.Tiers {
			if after := attacked.Tiers[tier]; after.Share() < before.Share()-0.01 {
				t.Errorf("%s, day and night %v: hostile ones lower the coverage from %.3f to %.3f", tier, dayNight, before.Share(), after.Share())
			}
		}
		if lost := attacked.OnlineLowest; dayNight != (lost < int64(quiet.Online)/2) {
			t.Errorf("day and night %v: %d online at the lowest", dayNight, lost)
		}
	}
}

// Each way to attack by itself, by as many as a fifth of the workers.
func TestAttacks(t *testing.T) {
	for _, attack := range []kind{mute, faceless, griefer, turncoat} {
		o := small()
		o.Hostile, o.Attack, o.Backups = o.Online/5, attack.String(), 12
		r := play(t, o)
		for _, m := range r.Missed() {
			t.Errorf("%s: %s", attack, m)
		}
		i := slices.IndexFunc(r.Kinds, func(k KindResult) bool { return k.Kind == attack.String() })
		if i < 0 {
			t.Errorf("no %s was given anything: %+v", attack, r.Kinds)
		}
		if t.Failed() {
			show(t, attack.String(), r)
		}
	}
}

// The assertions can fail: with too few workers and no backups they do.
func TestMissedTargetsAreNoticed(t *testing.T) {
	o := small()
	o.Online, o.Backups, o.Warmup, o.Duration = 20, 0, 4*time.Minute, 4*time.Minute
	r := play(t, o)
	if missed := r.Missed(); len(missed) != 3 || !strings.Contains(missed[0], "best_effort") {
		t.Errorf("missed %q", missed)
	}
}

// All randomness comes from the seed.
func TestSameSeedSameResult(t *testing.T) {
	o := small()
	o.Endpoints, o.Online, o.Hostile, o.Warmup, o.Duration = 400, 40, 8, time.Minute, 4*time.Minute
	one, two := play(t, o), play(t, o)
	if !reflect.DeepEqual(one, two) {
		t.Errorf("%+v\n%+v", one, two)
	}
	o.Seed++
	if three := play(t, o); three.Given == one.Given && three.Polls == one.Polls && three.Accepted == one.Accepted {
		t.Error("another seed changes nothing")
	}
}

func TestOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no endpoints": func(o *Options) { o.Endpoints = 0 }, "nobody": func(o *Options) { o.Online = 0 }, "no time": func(o *Options) { o.Duration = 0 },
		"backups": func(o *Options) { o.Backups = -1 }, "churn": func(o *Options) { o.Churn = -1 }, "attack": func(o *Options) { o.Attack = "kind" },
		"honest attack": func(o *Options) { o.Attack = "honest" }, "no day": func(o *Options) { o.DayNight, o.Day = true, 0 },
	} {
		o := small()
		change(&o)
		if _, err := Run(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// The curve of a day has the pilot's night, peak and average.
func TestDay(t *testing.T) {
	s := &sim{Options: Options{Online: 1000, DayNight: true, Day: time.Hour}}
	sum, low, high := 0, 1<<30, 0
	for at := int64(0); at < int64(time.Hour); at += int64(time.Second) {
		n := s.wanted(at)
		sum, low, high = sum+n, min(low, n), max(high, n)
	}
	if mean := sum / 3600; mean < 980 || mean > 1020 || low != 320 || high != 2000 {
		t.Errorf("%d on average, %d to %d", mean, low, high)
	}
}

// The queue gives what a sorted list would.
func TestQueue(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	q, list := &queue{place: make([]int32, 60)}, map[int32]int64{}
	for range 5000 {
		task, at := rng.Int32N(60), rng.Int64N(100)
		if rng.IntN(3) == 0 {
			q.remove(task)
			delete(list, task)
		} else {
			q.set(task, at)
			list[task] = at
		}
		now, n := rng.Int64N(110), rng.IntN(12)
		var want []int32
		for id, at := range list {
			if at <= now {
				want = append(want, id)
			}
		}
		slices.SortFunc(want, func(a, b int32) int {
			if list[a] != list[b] {
				return int(list[a] - list[b])
			}
			return int(a - b)
		})
		want = want[:min(n, len(want))]
		if got := q.first(now, n, nil); !slices.Equal(got, want) {
			t.Fatalf("first %d at %d: %v, want %v", n, now, got, want)
		}
	}
}

// The agenda is in order, and what was planned first for a moment comes first.
func TestAgenda(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var a agenda
	for i := range 1000 {
		a.add(event{at: rng.Int64N(50), worker: int32(i)})
	}
	last := event{at: -1}
	for len(a.events) > 0 {
		e := a.next()
		if e.at < last.at || e.at == last.at && e.worker < last.worker {
			t.Fatalf("%+v after %+v", e, last)
		}
		last = e
	}
}

// With few endpoints spread over many shards polls find too little: the default
// follows the endpoints.
func TestShardsFollowTheEndpoints(t *testing.T) {
	for endpoints, want := range map[int]int{1: 1, 2000: 1, 12_500: 2, 100_000: 16} {
		o := small()
		o.Endpoints, o.Shards = endpoints, 0
		if err := o.validate(); err != nil || o.Shards != want {
			t.Errorf("%d endpoints: %d shards, %v; want %d", endpoints, o.Shards, err, want)
		}
	}
	o := small()
	o.Shards = -1
	if _, err := Run(o); err == nil {
		t.Error("-1 shards were taken")
	}
}
