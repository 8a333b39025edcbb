package spannerdb_test

import (
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func TestLoadTasksTwice(t *testing.T) {
	list := checks(3)
	list[1].Active, list[2].Region = false, "EU"
	database, db := loaded(t, list)
	first := storedTasks(t, database)
	if len(first) != 3 {
		t.Fatalf("%d tasks", len(first))
	}
	if s := first["task_000"]; !s.OfferAt.Valid || !s.OfferAt.Time.Equal(noon) || s.Cycle != 1 || s.Url != list[0].URL || len(s.HolderWorkers) != 0 {
		t.Errorf("new task: %+v", s)
	}
	if s := first["task_001"]; s.OfferAt.Valid {
		t.Errorf("a paused task is offered at %v", s.OfferAt)
	}
	load(t, db, noon.Add(time.Hour), list)
	if again := storedTasks(t, database); !reflect.DeepEqual(again, first) {
		t.Errorf("the second load changed %+v\nto %+v", first, again)
	}
}

// A load while workers hold tasks changes definitions and nothing else.
func TestLoadTasksKeepsTheOpenCycle(t *testing.T) {
	list := checks(4)
	database, db := loaded(t, list)
	put(t, database, "Tasks", map[string]any{
		"TaskId": "task_003", "Url": "u", "ExpectedStatus": 200, "TimeoutMs": 1, "RewardMicros": 1, "Region": "", "IntervalMs": 30_000,
		"BuyerTier": "", "Class": "", "Active": true, "Shard": 0, "Cycle": 9, "LastAcceptedAt": noon, "OfferAt": noon.Add(30 * time.Second),
		"CreatedAt": noon, "UpdatedAt": noon,
	})
	claim(t, db, someone(1), noon, []string{"task_000", "task_001", "task_002"}, 3)
	before := storedTasks(t, database)

	list[0].URL = "https://example.com/new"      // nothing that matters to the cycle
	list[1].Active = false                       // paused while held
	list[3].Interval = 10 * time.Second          // due sooner
	list[2].Cycle, list[2].OfferAt = 99, noon    // never taken from the list
	list[2].LastAcceptedAt = noon.Add(time.Hour) //
	later := noon.Add(5 * time.Second)
	load(t, db, later, list)
	after := storedTasks(t, database)

	for id, b := range before {
		a := after[id]
		if a.Cycle != b.Cycle || !reflect.DeepEqual(a.HolderWorkers, b.HolderWorkers) || !reflect.DeepEqual(a.HolderExpires, b.HolderExpires) || a.LastAcceptedAt != b.LastAcceptedAt {
			t.Errorf("%s: the open cycle changed from %+v to %+v", id, b, a)
		}
	}
	if a := after["task_000"]; a.Url != list[0].URL || a.OfferAt != before["task_000"].OfferAt || !a.UpdatedAt.Equal(later) {
		t.Errorf("new URL: %+v", a)
	}
	if a := after["task_001"]; a.OfferAt.Valid || a.Active {
		t.Errorf("paused: %+v", a)
	}
	if !reflect.DeepEqual(after["task_002"], before["task_002"]) {
		t.Errorf("unchanged definition: from %+v to %+v", before["task_002"], after["task_002"])
	}
	if a := after["task_003"]; !a.OfferAt.Time.Equal(noon.Add(10 * time.Second)) {
		t.Errorf("shorter interval: offered at %v", a.OfferAt)
	}

	list[1].Active = true
	load(t, db, later, list)
	if a := storedTasks(t, database)["task_001"]; !a.OfferAt.Time.Equal(later) {
		t.Errorf("resumed: offered at %v, want %v", a.OfferAt, later)
	}
}

func TestLoadTasksRefusesNonsense(t *testing.T) {
	database, db := loaded(t, nil)
	for _, change := range []func(*schedule.Task){
		func(k *schedule.Task) { k.ID = "" },
		func(k *schedule.Task) { k.Interval = 0 },
		func(k *schedule.Task) { k.Timeout = time.Microsecond },
	} {
		list := checks(2)
		change(&list[1])
		if err := db.LoadTasks(t.Context(), noon, list); err == nil {
			t.Errorf("accepted %+v", list[1])
		}
	}
	if n := len(storedTasks(t, database)); n != 0 {
		t.Errorf("%d tasks stored", n)
	}
}

// Loading is safe before and after each commit that fails.
func TestLoadTasksFaults(t *testing.T) {
	list := checks(501) // two transactions, and a look for strays
	for _, lose := range []bool{false, true} {
		for commit := int64(1); commit <= 3; commit++ {
			t.Run(fmt.Sprintf("commit %d, answer lost %v", commit, lose), func(t *testing.T) {
				database := spannertest.New(t)
				var n atomic.Int64
				fault := func(method string) error {
					if method == "Commit" && n.Add(1) == commit {
						return spannertest.ErrLost
					}
					return nil
				}
				opts := spannertest.Intercept(fault, nil)
				if lose {
					opts = spannertest.Intercept(nil, fault)
				}
				db := spannertest.Open(t, database, opts...)
				if err := db.LoadTasks(t.Context(), noon, list); err == nil {
					t.Fatal("the fault was not seen")
				}
				load(t, db, noon, list)
				if n := len(storedTasks(t, database)); n != len(list) {
					t.Errorf("%d tasks, want %d", n, len(list))
				}
			})
		}
	}
}

// Fewer shards than before leave nothing where nobody looks.
func TestFewerShards(t *testing.T) {
	database := spannertest.New(t)
	wide := spannertest.OpenConfig(t, spannerdb.Config{Database: database, TaskShards: 16})
	list := checks(40)
	load(t, wide, noon, list)
	shards := map[int64]bool{}
	for _, s := range storedTasks(t, database) {
		shards[s.Shard] = true
	}
	if len(shards) < 12 {
		t.Errorf("40 tasks lie in %d of 16 shards", len(shards))
	}
	narrow := spannertest.Open(t, database)
	load(t, narrow, noon, list[:1]) // the others are not in this list
	if got := offers(t, narrow, noon, "", 100); len(got) != 40 {
		t.Errorf("%d of 40 tasks are offered", len(got))
	}
}

// One task is found from wherever it lies, though a poll looks into two shards
// only; many in one round trip.
func TestFindOffers(t *testing.T) {
	for _, shards := range []int{1, 2, 16} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			var rpcs spannertest.RPCs
			database := spannertest.New(t)
			db := spannertest.OpenConfig(t, spannerdb.Config{Database: database, TaskShards: shards}, rpcs.Options()...)
			list := checks(1)
			list[0].Region = "EU"
			load(t, db, noon, list)
			polls, found := 200, 0
			for range polls {
				rpcs.Reset()
				got := offers(t, db, noon, "EU", 10)
				if slices.Equal(got, []string{"task_000"}) {
					found++
				} else if len(got) > 0 || shards <= 2 {
					t.Fatalf("offered %v", got)
				}
				if rpcs.Trips() != 1 {
					t.Fatalf("%d round trips: %s", rpcs.Trips(), &rpcs)
				}
			}
			if found < polls/max(shards, 2)/2 {
				t.Errorf("%d of %d polls found the task in %d shards", found, polls, shards)
			}
			for name, got := range map[string][]string{
				"another region": offers(t, db, noon, "US", 10),
				"no region":      offers(t, db, noon, "", 10),
				"too early":      offers(t, db, noon.Add(-1), "EU", 10),
				"no limit":       offers(t, db, noon, "EU", 0),
			} {
				if len(got) != 0 {
					t.Errorf("%s: offered %v", name, got)
				}
			}
			load(t, db, noon, checks(400))
			got := offers(t, db, noon, "EU", 20)
			if slices.Sort(got); len(got) < 20 || len(got) > 26 || len(slices.Compact(got)) != len(got) {
				t.Errorf("of 400 tasks, %d offered: %v", len(got), got)
			}
		})
	}
}

func TestOffersAreInOrder(t *testing.T) {
	database, db := loaded(t, nil)
	list := checks(5)
	for i, at := range []int{3, 1, 4, 2, 5} {
		list[i].Region = []string{"", "EU"}[i%2]
		load(t, db, noon.Add(time.Duration(at)*time.Second), list[i:i+1])
	}
	// 1 and 3 are the region's own, offered at 1 s and 2 s; 0, 2, 4 at 3, 4, 5 s.
	want := []string{"task_001", "task_003", "task_000", "task_002"}
	if got := offers(t, db, noon.Add(4*time.Second), "EU", 10); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v (%s)", got, want, database)
	}
	if got := offers(t, db, noon.Add(4*time.Second), "EU", 2); !slices.Equal(got, want[:3]) {
		t.Errorf("got %v, want %v", got, want[:3])
	}
}
