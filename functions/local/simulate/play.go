package simulate

import (
	"hash/fnv"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

func (s *sim) addTask(definition schedule.Task) {
	t := &task{Task: definition}
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.ID))
	t.shard = int(h.Sum32() % uint32(s.Shards))
	// Not all were registered at the same moment.
	t.Open(epoch.Add(-time.Duration(s.rng.Float64() * float64(t.Interval))))
	s.tasks = append(s.tasks, t)
	s.enqueue(int32(len(s.tasks) - 1))
}

// enqueue puts the task where its offer says.
func (s *sim) enqueue(i int32) {
	t := s.tasks[i]
	o := t.Offer
	for n, wait := range []struct {
		at     time.Time
		lane   schedule.Lane
		backup bool
	}{{o.OfferAt, "", false}, {o.EarlyAt, o.Lane, false}, {o.BackupAt, "", true}} {
		var q *queue
		if !wait.at.IsZero() {
			q = s.queue(place{t.shard, t.Region, wait.lane, wait.backup}, n)
		}
		if old := t.in[n]; old != nil && old != q {
			old.remove(i)
		}
		if t.in[n] = q; q != nil {
			q.set(i, wait.at.Sub(epoch).Nanoseconds())
		}
	}
}

func (s *sim) queue(p place, n int) *queue {
	q := s.queues[p]
	if q == nil {
		q = &queue{place: s.places[n]}
		s.queues[p] = q
	}
	return q
}

// offers are tasks that this worker could be given now, as the database's
// query finds them (shared/spannerdb/offers.go): the heads of the queues of two
// random shards, those of its lanes in one, its own region first. What is for
// backups is looked for in more places, since there is little of it.
func (s *sim) offers(w *schedule.Worker) []int32 {
	shards, limit := s.rng.Perm(s.Shards), s.PerPoll
	most := limit + limit/4 + 1
	var found []int32
	heads := func(lane schedule.Lane, shards []int, share int) {
		for _, region := range []string{w.Region, ""} {
			for _, shard := range shards {
				if q := s.queues[place{shard, region, lane, w.Backup}]; q != nil {
					found = q.first(s.clock(), share, found)
				}
			}
		}
	}
	if w.Backup {
		some := shards[:min(max(1, 4*limit/2), s.Shards)]
		heads("", some, share(2*limit, 2*len(some)))
		return found[:min(len(found), most)]
	}
	if !w.Proven {
		limit = min(limit, unprovenHeads)
	}
	for _, lane := range schedule.Lanes(w) {
		heads(lane, shards[:1], share(limit, 6))
	}
	some := shards[:min(2, s.Shards)]
	heads("", some, share(6*limit, 5*len(some)))
	return found[:min(len(found), most)]
}

// share is n / of, rounded up.
func share(n, of int) int { return (n + of - 1) / of }

// poll is what GetTasks does, and what the worker makes of it.
func (s *sim) poll(i int32) {
	behind := s.workers[i]
	w := behind
	if behind.kind == griefer { // under another's address
		w = s.workers[s.rng.IntN(len(s.workers)-s.Hostile-s.Backups)]
	}
	proven := time.Time{}
	if behind.Proven {
		proven = s.now
	}
	if s.measure {
		s.counts.polls++
	}
	w.standing.Settle(s.now)
	if err := w.standing.Admit(s.now, proven); err != nil {
		if s.measure {
			s.counts.refused++
		}
		return
	}
	caller := w.Worker
	caller.Proven = behind.Proven
	s.hand(i, &caller, s.offers(&caller))
}

// hand assigns what it may of the offered tasks.
func (s *sim) hand(i int32, caller *schedule.Worker, offered []int32) {
	order := make([]*schedule.Task, 0, len(offered))
	index := make(map[*schedule.Task]int32, len(offered))
	for _, n := range offered {
		order = append(order, &s.tasks[n].Task)
		index[&s.tasks[n].Task] = n
	}
	schedule.Order(caller.Tier, order, s.now)
	var given []*work
	for _, t := range order {
		if len(given) == s.PerPoll {
			break
		}
		n := index[t]
		held := s.tasks[n].heldBy(caller)
		var prior *schedule.Assignment
		if held != nil {
			prior = &held.Assignment
		}
		a, err := t.Claim(caller, s.now, prior)
		if err != nil {
			continue
		}
		g := &work{n, a}
		s.tasks[n].had = append(s.tasks[n].had, g)
		s.enqueue(n)
		given = append(given, g)
	}
	if len(given) > 0 {
		s.undertake(i, given)
	}
}

// heldBy is the caller's assignment of the open cycle; those of earlier cycles
// are forgotten, as they would only be discarded.
func (t *task) heldBy(caller *schedule.Worker) *work {
	kept := t.had[:0]
	var found *work
	for _, g := range t.had {
		if g.Cycle != t.Cycle {
			continue
		}
		kept = append(kept, g)
		if g.Worker == caller.Address {
			found = g
		}
	}
	t.had = kept
	return found
}

// undertake plans the deliveries of what was given, as its worker is.
func (s *sim) undertake(i int32, given []*work) {
	w := s.workers[i]
	batches := map[int64][]*work{}
	for _, g := range given {
		if s.measure {
			s.counts.given[w.kind]++
		}
		took, ok := s.takes(w)
		if !ok {
			continue
		}
		second := int64(took/time.Second) + 1 // what is done in one second is submitted together
		batches[second] = append(batches[second], g)
	}
	for second := int64(1); len(batches) > 0; second++ {
		if some := batches[second]; some != nil {
			delete(batches, second)
			at := s.clock() + second*int64(time.Second) + int64(s.rng.IntN(200))*int64(time.Millisecond)
			s.agenda.add(event{at: at, what: deliveryTime, worker: i, life: w.life, work: some})
		}
	}
}

// takes is how long a worker is busy with one check, and whether it delivers
// it at all. One check in a hundred runs into its timeout.
func (s *sim) takes(w *worker) (time.Duration, bool) {
	check := 100*time.Millisecond + time.Duration(w.slowness*float64(s.exponential(600*time.Millisecond)))
	if s.rng.IntN(100) == 0 {
		check = 10 * time.Second
	}
	check = min(check, 10*time.Second)
	switch w.kind {
	case lazy:
		return check, s.rng.IntN(2) == 0
	case slow:
		return 15*time.Second + time.Duration(s.rng.Int64N(int64(10*time.Second))), true
	case mute, faceless, griefer:
		return 0, false
	case turncoat:
		return check, !w.Trusted()
	case backup:
		return check, true
	}
	return check, s.rng.IntN(500) > 0 // even the honest lose one in five hundred
}

// deliver is what SubmitResults does.
func (s *sim) deliver(i int32, batch []*work) {
	w := s.workers[i]
	for _, g := range batch {
		t := s.tasks[g.task]
		v := schedule.Judge(s.now, s.now, &t.Task, &g.Assignment, false)
		if v.Status != api.Rejected {
			w.standing.Deliver(t.ID)
		}
		if v.Status == api.Accepted {
			t.had = t.had[:0]
			s.enqueue(g.task)
		}
		if s.measure {
			s.count(w, v)
		}
	}
}

func (s *sim) count(w *worker, v schedule.Verdict) {
	switch v.Status {
	case api.Accepted:
		w.accepted++
		s.counts.accepted[w.kind]++
	case api.Discarded:
		s.counts.discarded[w.kind]++
	default:
		s.counts.rejected[v.Code]++
	}
}
