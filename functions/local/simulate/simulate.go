// Package simulate plays the scheduling policy (shared/schedule) with many
// workers and endpoints in simulated time: a discrete-event simulation, all of
// whose randomness comes from one seed. Database and network are not in it;
// the due queues stand in for the database's, and a poll meets them as GetTasks
// does.
package simulate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// Options say what to simulate.
type Options struct {
	Endpoints int
	Online    int           // ordinary workers, on average
	Attack    string        // what all of the hostile do, the name of a kind; "": some of each
	Hostile   int           // addresses that poll and do not deliver, always online
	Backups   int           // the operator's, always online
	Churn     float64       // the share of those online that goes in an hour, without a word; as many come
	DayNight  bool          // fewer at night, more at the peak, as in the pilot
	Day       time.Duration // how long a simulated day is
	Warmup    time.Duration // before anything is counted
	Duration  time.Duration // that is counted
	PerPoll   int           // tasks given to one poll at most
	Shards    int           // of the due queue; 0: one for each endpointsPerShard
	Seed      uint64
}

// endpointsPerShard leaves enough in a shard for a poll, which looks into two.
const endpointsPerShard = 6_250

func (o *Options) validate() error {
	if o.Shards == 0 {
		o.Shards = max(1, o.Endpoints/endpointsPerShard)
	}
	switch {
	case o.Endpoints < 1 || o.Online < 1 || o.PerPoll < 1 || o.Shards < 1 || o.Duration <= 0:
		return errors.New("simulate: --endpoints, --online, --per-poll, --shards and --duration must be positive")
	case o.Hostile < 0 || o.Backups < 0 || o.Churn < 0 || o.Churn > 100 || o.Warmup < 0 || o.DayNight && o.Day <= 0:
		return errors.New("simulate: --hostile, --backups, --churn, --warmup and --day must not be negative")
	case o.Attack != "" && !kindNamed(o.Attack).hostile():
		return fmt.Errorf("simulate: --attack %q is none of mute, faceless, griefer and turncoat", o.Attack)
	}
	return nil
}

// How workers poll.
const (
	pollEvery    = 30 * time.Second
	backupEvery  = 5 * time.Second
	hostileEvery = 5 * time.Second
	lookEvery    = 10 * time.Second // at how many are online
	// unprovenHeads bounds what is looked at for a poll without proof.
	unprovenHeads = 5
)

// work is one assignment in somebody's hands.
type work struct {
	task int32
	schedule.Assignment
}

type task struct {
	schedule.Task
	shard int
	had   []*work // of the open cycle
	// queues that it waits in: for all, early, and for backups
	in [3]*queue
	// tally when the measurement began
	delivered, missed int64
}

type place struct {
	shard  int
	region string
	lane   schedule.Lane // "" for all
	backup bool
}

type sim struct {
	Options
	rng     *rand.Rand
	now     time.Time
	workers []*worker
	tasks   []*task
	queues  map[place]*queue
	places  [3][]int32 // of each task in its queue for all, early, and for backups
	agenda  agenda
	online  []int32 // ordinary workers that are online
	offline []int32
	measure bool
	counts  counts
}

// counts are what happened while it was measured.
type counts struct {
	polls, refused                         int64
	given, accepted, discarded             [kindsCount]int64
	rejected                               map[api.Code]int64
	onlineSum, onlineSeen, lowest, highest int64
}

// epoch is when the simulation begins. Nothing depends on it.
var epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// Run plays it to its end.
func Run(o Options) (*Result, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &sim{Options: o, rng: rand.New(rand.NewPCG(o.Seed, 1)), now: epoch, queues: map[place]*queue{}}
	s.counts.rejected = map[api.Code]int64{}
	s.hire()
	s.makeTasks()
	s.agenda.add(event{what: populationTime})
	for i, w := range s.workers {
		if w.kind.hostile() || w.kind == backup {
			s.comes(int32(i))
		} else {
			s.offline = append(s.offline, int32(i))
		}
	}
	end := int64(o.Warmup + o.Duration)
	for len(s.agenda.events) > 0 && s.agenda.events[0].at < end {
		e := s.agenda.next()
		if !s.measure && e.at >= int64(o.Warmup) {
			s.beginMeasuring()
		}
		s.now = epoch.Add(time.Duration(e.at))
		s.happen(e)
	}
	s.now = epoch.Add(time.Duration(end))
	return s.result(), nil
}

func (s *sim) clock() int64 { return int64(s.now.Sub(epoch)) }

func (s *sim) happen(e event) {
	if e.what == populationTime {
		s.populate()
		s.agenda.add(event{at: e.at + int64(lookEvery), what: populationTime})
		return
	}
	w := s.workers[e.worker]
	if !w.online || w.life != e.life {
		return // it left, and what it had in hand with it
	}
	if e.what == pollTime {
		s.poll(e.worker)
		s.agenda.add(event{at: e.at + s.pause(w), what: pollTime, worker: e.worker, life: w.life})
		return
	}
	s.deliver(e.worker, e.work)
}

func (s *sim) pause(w *worker) int64 {
	every := pollEvery
	switch {
	case w.kind == backup:
		every = backupEvery
	case w.kind.hostile() && w.kind != turncoat:
		every = hostileEvery
	}
	return int64(float64(every) * (0.9 + 0.2*s.rng.Float64()))
}

// populate lets some go, and as many come as are wanted.
func (s *sim) populate() {
	want := s.wanted(s.clock())
	leave := s.Churn * float64(len(s.online)) * lookEvery.Hours()
	n := int(leave)
	if s.rng.Float64() < leave-float64(n) {
		n++
	}
	for n = max(n, len(s.online)-want); n > 0; n-- {
		i := s.rng.IntN(len(s.online))
		s.goes(s.online[i])
		s.offline = append(s.offline, s.online[i])
		s.online[i] = s.online[len(s.online)-1]
		s.online = s.online[:len(s.online)-1]
	}
	for len(s.online) < want && len(s.offline) > 0 {
		i := s.rng.IntN(len(s.offline))
		s.comes(s.offline[i])
		s.online = append(s.online, s.offline[i])
		s.offline[i] = s.offline[len(s.offline)-1]
		s.offline = s.offline[:len(s.offline)-1]
	}
	if s.measure {
		n := int64(len(s.online))
		if s.counts.onlineSeen == 0 {
			s.counts.lowest = n
		}
		s.counts.onlineSum, s.counts.onlineSeen = s.counts.onlineSum+n, s.counts.onlineSeen+1
		s.counts.lowest, s.counts.highest = min(s.counts.lowest, n), max(s.counts.highest, n)
	}
}

func (s *sim) comes(i int32) {
	w := s.workers[i]
	w.online, w.since = true, s.clock()
	w.life++
	first := s.clock() + int64(s.rng.Float64()*float64(s.pause(w)))
	s.agenda.add(event{at: first, what: pollTime, worker: i, life: w.life})
}

func (s *sim) goes(i int32) {
	w := s.workers[i]
	if s.measure {
		w.onlineFor += s.clock() - max(w.since, int64(s.Warmup))
	}
	w.online = false
}

func (s *sim) beginMeasuring() {
	s.measure = true
	at := epoch.Add(s.Warmup)
	for _, t := range s.tasks {
		t.delivered, t.missed = t.Windows(at)
	}
}

// exponential is a time with this mean.
func (s *sim) exponential(mean time.Duration) time.Duration {
	return time.Duration(-math.Log(1-s.rng.Float64()) * float64(mean))
}
