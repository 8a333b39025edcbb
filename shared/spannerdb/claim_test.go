package spannerdb_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func TestClaimTasks(t *testing.T) {
	list := checks(6)
	list[4].Region, list[5].Active = "EU", false
	database, db := loaded(t, list)
	asked := []string{"task_003", "task_001", "task_005", "no_such_task", "task_002", "task_004"}

	got := claim(t, db, someone(1), noon, asked, 2)
	if want := []string{"task_003", "task_001"}; !slices.Equal(ids(got), want) {
		t.Fatalf("got %v, want %v", ids(got), want)
	}
	if k := got[0]; k.URL != list[3].URL || k.Timeout != 10*time.Second || k.RewardMicros != 100 || k.ExpectedStatus != 200 {
		t.Errorf("the claimed task is not whole: %+v", k)
	}
	row := storedTasks(t, database)["task_003"]
	if !slices.Equal(row.HolderWorkers, []string{text(someone(1))}) || len(row.HolderExpires) != 1 || !row.HolderExpires[0].Equal(noon.Add(holdTime)) {
		t.Errorf("stored holders: %+v", row)
	}
	a := storedAssignments(t, database)[[2]string{"task_003", text(someone(1))}]
	if a.Cycle != 1 || !a.AssignedAt.Equal(noon) || !a.ExpiresAt.Equal(noon.Add(holdTime)) || a.ResultAt.Valid {
		t.Errorf("stored assignment: %+v", a)
	}
	if got := claim(t, db, someone(1), noon.Add(time.Second), asked, 9); !slices.Equal(ids(got), []string{"task_003", "task_001", "task_002"}) {
		t.Errorf("the same worker again: got %v, want what it holds, and then what it does not", ids(got))
	}
	if again := storedAssignments(t, database)[[2]string{"task_003", text(someone(1))}]; again != a {
		t.Errorf("what it holds was assigned once more: %+v, was %+v", again, a)
	}
	eu, err := db.ClaimTasks(t.Context(), noon.Add(time.Second), schedule.Poll{Worker: someone(2), Region: "EU"}, schedule.Offers{IDs: asked}, 9)
	if want := []string{"task_004", "task_003", "task_001", "task_002"}; err != nil || !slices.Equal(ids(eu), want) {
		t.Errorf("a worker of the region: got %v, %v; want %v", ids(eu), err, want)
	}
	if got := claim(t, db, someone(4), noon, []string{"task_000", "task_000"}, 9); !slices.Equal(ids(got), []string{"task_000"}) {
		t.Errorf("offered the same one twice, got %v", ids(got))
	}
	if got := claim(t, db, someone(3), noon, nil, 9); len(got) != 0 {
		t.Errorf("nothing offered, got %v", ids(got))
	}
	if got := claim(t, db, someone(3), noon, asked, 0); len(got) != 0 {
		t.Errorf("nothing wanted, got %v", ids(got))
	}
}

func TestClaimOrderIsByTier(t *testing.T) {
	list := checks(4)
	for i, c := range []schedule.Class{schedule.Enterprise, schedule.Standard, schedule.HighValue, schedule.Priority} {
		list[i].Class = c
	}
	database, db := loaded(t, list)
	for i, usd := range []reputation.NanoUSD{200, 50, 10} {
		put(t, database, "WalletReputation", standing(text(someone(i)), usd*reputation.USD))
	}
	for i, want := range []string{"task_000", "task_002", "task_003", "task_001"} { // the last one is in no list: bronze
		if got := claim(t, db, someone(i), noon, ids(list), 1); !slices.Equal(ids(got), []string{want}) {
			t.Errorf("worker %d got %v, want %s", i, ids(got), want)
		}
	}
}

// 20 newcomers ask 4 instances for the same tasks at once, twice each; then
// reliable workers for the slots that are kept for them.
func TestConcurrentClaims(t *testing.T) {
	list := checks(7)
	database, _ := loaded(t, list)
	var clients []*spannerdb.DB
	for range 4 {
		clients = append(clients, spannertest.Open(t, database))
	}
	var mu sync.Mutex
	holders := map[string]map[common.Address]bool{}
	for _, k := range list {
		holders[k.ID] = map[common.Address]bool{}
	}
	crowd := func(n int, now time.Time, poll func(i int) schedule.Poll) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				for range 2 {
					asked, p := ids(list), poll(i)
					rand.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
					got, err := clients[i%len(clients)].ClaimTasks(t.Context(), now, p, schedule.Offers{IDs: asked}, 3)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, k := range got {
						holders[k.ID][p.Worker] = true
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	check := func(slots int, offer time.Time) {
		t.Helper()
		assigned := map[string]int{}
		for key := range storedAssignments(t, database) {
			assigned[key[0]]++
		}
		for id, s := range storedTasks(t, database) {
			if len(holders[id]) != slots || assigned[id] != slots || len(s.HolderWorkers) != slots {
				t.Errorf("%s: given to %v, %d assignments, stored holders %v; want %d of each", id, holders[id], assigned[id], s.HolderWorkers, slots)
				continue
			}
			for w := range holders[id] {
				if !slices.Contains(s.HolderWorkers, text(w)) {
					t.Errorf("%s: %s was given it and is not among %v", id, text(w), s.HolderWorkers)
				}
			}
			if !s.OfferAt.Time.Equal(offer) {
				t.Errorf("%s: offered again at %v, want %v", id, s.OfferAt, offer)
			}
		}
	}
	crowd(20, noon, func(i int) schedule.Poll { return schedule.Poll{Worker: someone(i)} })
	check(schedule.SlotsPerCycle-1, noon.Add(holdTime))

	for i := range 10 {
		trust(t, database, someone(100+i))
	}
	var polls atomic.Int64 // each at its own millisecond
	crowd(10, noon, func(i int) schedule.Poll {
		return proven(someone(100+i), noon.Add(time.Duration(polls.Add(1))*time.Millisecond))
	})
	check(schedule.SlotsPerCycle, noon.Add(holdTime))
}

// pollTrips is the budget of a poll: one query for what is offered, one for
// the claim, and its commit.
const pollTrips = 3

func TestPollRoundTrips(t *testing.T) {
	var rpcs spannertest.RPCs
	database := spannertest.New(t)
	db := spannertest.OpenConfig(t, spannerdb.Config{Database: database, TaskShards: 2}, rpcs.Options()...)
	load(t, db, noon, checks(200))
	for i, limit := range []int{1, 10, 50} {
		trust(t, database, someone(i))
		for _, again := range []bool{false, true} { // the second time, what it holds
			rpcs.Reset()
			got := ask(t, db, noon, proven(someone(i), noon.Add(map[bool]time.Duration{true: 1}[again]*time.Millisecond)), limit)
			if len(got) != limit || rpcs.Trips() > pollTrips {
				t.Errorf("%d tasks in %d round trips (%s); want %d in %d", len(got), rpcs.Trips(), &rpcs, limit, pollTrips)
			}
			t.Logf("poll for %d tasks: %d round trips: %s", limit, rpcs.Trips(), &rpcs)
		}
	}
	rpcs.Reset()
	early := noon.Add(-time.Hour)
	if got := ask(t, db, early, proven(someone(9), early), 10); len(got) != 0 || rpcs.Trips() != 1 {
		t.Errorf("nothing due: %d tasks in %d round trips (%s); want none in 1", len(got), rpcs.Trips(), &rpcs)
	}
}

func TestClaimFaults(t *testing.T) {
	tests := []struct {
		name   string
		method string
		err    error
		after  bool // the call was made, its answer is lost
		failed bool // the caller gets an error
		held   bool // the worker holds the tasks
	}{
		{"commit aborted", "Commit", spannertest.ErrAborted, false, false, true},
		{"read aborted", "ExecuteStreamingSql", spannertest.ErrAborted, false, false, true},
		{"commit not sent", "Commit", spannertest.ErrLost, false, true, false},
		{"commit sent again", "Commit", spannertest.ErrUnavailable, true, false, true},
		{"commit's answer lost", "Commit", spannertest.ErrLost, true, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := checks(3)
			database, _ := loaded(t, list)
			var calls atomic.Int64
			once := func(method string) error {
				if method == tt.method && calls.Add(1) == 1 {
					return tt.err
				}
				return nil
			}
			opts := spannertest.Intercept(once, nil)
			if tt.after {
				opts = spannertest.Intercept(nil, once)
			}
			db := spannertest.Open(t, database, opts...)
			me := someone(1)
			trust(t, database, me)
			got, err := db.ClaimTasks(t.Context(), noon, proven(me, noon), schedule.Offers{IDs: ids(list)}, 2)
			if (err != nil) != tt.failed || (len(got) == 2) == tt.failed {
				t.Fatalf("got %v, %v; want an error: %v", ids(got), err, tt.failed)
			}
			n := 0
			for id, s := range storedTasks(t, database) {
				if len(s.HolderWorkers) > 1 {
					t.Errorf("%s is held by %v", id, s.HolderWorkers)
				}
				n += len(s.HolderWorkers)
			}
			if want := map[bool]int{true: 2, false: 0}[tt.held]; n != want || len(storedAssignments(t, database)) != want || len(storedStanding(t, database, me).OpenTasks) != want {
				t.Errorf("%d tasks held, %d assignments, open %v; want %d", n, len(storedAssignments(t, database)), storedStanding(t, database, me).OpenTasks, want)
			}

			// Polling again is right: what is held is given again as it is, with
			// the rest.
			before := storedAssignments(t, database)
			if again := ask(t, db, noon.Add(time.Second), proven(me, noon.Add(time.Second)), 9); len(again) != 3 {
				t.Errorf("at once: got %v, want all 3", again)
			}
			for key, a := range before {
				if now := storedAssignments(t, database)[key]; now != a {
					t.Errorf("%v was extended: %+v, was %+v", key, now, a)
				}
			}
			later := noon.Add(time.Second + holdTime)
			if late := ask(t, db, later, proven(me, later), 9); len(late) != 3 {
				t.Errorf("after the holds: got %v, want all 3", late)
			}
		})
	}
}

type storedAssignment struct {
	TaskId     string
	Worker     string
	Cycle      int64
	AssignedAt time.Time
	ExpiresAt  time.Time
	ResultAt   spanner.NullTime
}

// storedAssignments are all rows of Assignments, by task and worker.
func storedAssignments(t *testing.T, database string) map[[2]string]storedAssignment {
	t.Helper()
	out := map[[2]string]storedAssignment{}
	columns := []string{"TaskId", "Worker", "Cycle", "AssignedAt", "ExpiresAt", "ResultAt"}
	err := spannertest.Client(t, database).Single().Read(t.Context(), "Assignments", spanner.AllKeys(), columns).Do(func(row *spanner.Row) error {
		var a storedAssignment
		if err := row.ToStruct(&a); err != nil {
			return err
		}
		out[[2]string{a.TaskId, a.Worker}] = a
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Damage in a row is an error, not a guess.
func TestClaimRefusesDamagedHolders(t *testing.T) {
	for name, row := range map[string]map[string]any{
		"no address": {"HolderWorkers": []string{"0xABC"}, "HolderExpires": []time.Time{noon}},
		"unequal":    {"HolderWorkers": []string{text(someone(1))}, "HolderExpires": []time.Time{}},
	} {
		database, db := loaded(t, checks(1))
		row["TaskId"] = "task_000"
		if _, err := spannertest.Client(t, database).Apply(t.Context(), []*spanner.Mutation{spanner.UpdateMap("Tasks", row)}); err != nil {
			t.Fatal(err)
		}
		if got, err := db.ClaimTasks(t.Context(), noon, schedule.Poll{Worker: someone(2)}, schedule.Offers{IDs: []string{"task_000"}}, 1); err == nil {
			t.Errorf("%s: got %v", name, fmt.Sprint(ids(got)))
		}
	}
}
