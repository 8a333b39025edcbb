package spannerdb_test

import (
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Whoever polls, and whatever it has in hand, a poll is at most three round
// trips, and one when there is nothing for it.
func TestPollsOfAllKindsTakeThreeRoundTrips(t *testing.T) {
	var rpcs spannertest.RPCs
	database := spannertest.New(t)
	db := spannertest.OpenConfig(t, spannerdb.Config{Database: database, TaskShards: 4}, rpcs.Options()...)
	load(t, db, noon, mixed())
	trust(t, database, someone(1))
	put(t, database, "BackupWorkers", map[string]any{"Worker": text(someone(3)), "AddedAt": noon})
	put(t, database, "WorkerStandings", map[string]any{
		"Worker": text(someone(4)), "Outcomes": 16, "Recent": 0, "Reliable": false, "LostAt": noon, "RestUntil": noon.Add(time.Hour),
		"Polls": 0, "ForgetAt": noon.Add(time.Hour), "UpdatedAt": noon,
	})
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name  string
		now   time.Time
		poll  schedule.Poll
		given int // at least
		trips int // at most
	}{
		{"a reliable worker", at(1), proven(someone(1), at(1)), 10, 3},
		{"the same again, with ten in hand", at(2), proven(someone(1), at(2)), 10, 3},
		{"a newcomer without proof", at(11), schedule.Poll{Worker: someone(2)}, 5, 3},
		{"the same again, with five in hand", at(12), schedule.Poll{Worker: someone(2)}, 5, 3},
		{"a backup", at(25), proven(someone(3), at(25)), 10, 3},
		{"one that rests", at(26), proven(someone(4), at(26)), 0, 1},
	} {
		rpcs.Reset()
		given := ask(t, db, c.now, c.poll, 10)
		if len(given) < c.given || rpcs.Trips() > c.trips {
			t.Errorf("%s: given %d, want %d; %d round trips (%s), want %d", c.name, len(given), c.given, rpcs.Trips(), &rpcs, c.trips)
		}
		t.Logf("%s: given %d, %s", c.name, len(given), &rpcs)
	}
	rpcs.Reset()
	if _, err := db.FindOffers(t.Context(), at(3), proven(someone(1), at(2)), 10); err == nil || rpcs.Trips() != 1 {
		t.Errorf("a replayed poll: %v, %s", err, &rpcs)
	}
}

// The round trips of a submission do not depend on how much it holds, nor on
// who is in it, nor on payouts that it opens.
func TestSubmissionsOfAllSizesTakeThreeRoundTrips(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(111, 100)
	var rpcs spannertest.RPCs
	c := crediter(t, spannertest.Open(t, n.database, rpcs.Options()...), policy)
	first := 0
	for _, size := range []struct{ results, workers int }{{1, 1}, {10, 1}, {50, 1}, {50, 50}} {
		batch := make([]ledger.SubmittedResult, size.results)
		for i := range batch {
			id, worker := taskID(first+i), workerAddr(i%size.workers)
			n.assign(id, worker)
			batch[i] = result(id, worker, n.now)
		}
		first += size.results
		rpcs.Reset()
		judged, _, err := c.CreditResults(t.Context(), n.now, batch)
		n.must(err)
		for i, o := range outcomes(judged) {
			if o != "accepted 100" {
				t.Errorf("%d results: the %d-th is %s", size.results, i, o)
			}
		}
		if rpcs.Trips() > 3 {
			t.Errorf("%d results of %d workers: %d round trips (%s); want 3", size.results, size.workers, rpcs.Trips(), &rpcs)
		}
		t.Logf("%d results of %d workers: %s", size.results, size.workers, &rpcs)
	}
	n.balanced()
}
