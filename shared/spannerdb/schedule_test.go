package spannerdb_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

type standingRow struct {
	OpenTasks        []string
	Outcomes, Recent int64
	Polls            int64
	Reliable         bool
	ProvenAt         spanner.NullTime
	RestUntil        spanner.NullTime
	ForgetAt         time.Time
}

// storedStanding is a worker's row; a zero one if there is none.
func storedStanding(t *testing.T, database string, worker common.Address) standingRow {
	t.Helper()
	var out standingRow
	columns := []string{"OpenTasks", "Outcomes", "Recent", "Polls", "Reliable", "ProvenAt", "RestUntil", "ForgetAt"}
	err := spannertest.Client(t, database).Single().Read(t.Context(), "WorkerStandings", spanner.KeySets(spanner.Key{text(worker)}), columns).Do(func(row *spanner.Row) error {
		return row.ToStruct(&out)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// deliver submits a result for each task, and wants all to be accepted.
func deliver(t *testing.T, db *spannerdb.DB, now time.Time, worker common.Address, tasks ...string) {
	t.Helper()
	var batch []ledger.SubmittedResult
	for _, id := range tasks {
		batch = append(batch, result(id, worker, now))
	}
	judged, _, err := crediter(t, db, policy).CreditResults(t.Context(), now, batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, j := range judged {
		if j.Status != api.Accepted {
			t.Errorf("%s: %s %s", tasks[i], j.Status, j.Code)
		}
	}
}

func TestStandingsAreKept(t *testing.T) {
	database, db := loaded(t, checks(40))
	me := someone(1)
	got := ask(t, db, noon, schedule.Poll{Worker: me}, 20)
	if s := storedStanding(t, database, me); len(got) != 5 || !slices.Equal(s.OpenTasks, got) || s.Polls != 1 || !s.ForgetAt.Equal(noon.Add(24*time.Hour)) {
		t.Fatalf("a newcomer got %v, and is known as %+v", got, s)
	}
	// Three of them it delivers, the others it loses.
	now := noon.Add(time.Second)
	deliver(t, db, now, me, got[0], got[1], got[2])
	if s := storedStanding(t, database, me); !slices.Equal(s.OpenTasks, got[3:]) || s.Outcomes != 3 || s.Recent != 0b111 || !s.ForgetAt.After(noon.Add(10*24*time.Hour)) {
		t.Errorf("after three deliveries: %+v", s)
	}
	now = noon.Add(holdTime + time.Minute)
	if more := ask(t, db, now, schedule.Poll{Worker: me}, 20); len(more) != 6 { // of 9 that it may have: without a proof no more are looked at
		t.Errorf("after three deliveries and a loss it got %v", more)
	}
	if s := storedStanding(t, database, me); s.Outcomes != 4 || s.Recent != 0b1110 || s.Reliable {
		t.Errorf("after a loss: %+v", s)
	}

	// A discarded result is a delivery, too.
	late, winner := someone(2), someone(3)
	one := ask(t, db, now, schedule.Poll{Worker: late}, 1)
	claim(t, db, winner, now, one, 1)
	deliver(t, db, now, winner, one...)
	for i := range 3 { // once
		after := now.Add(time.Duration(i) * time.Second)
		judged, _, err := crediter(t, db, policy).CreditResults(t.Context(), after, []ledger.SubmittedResult{result(one[0], late, after)})
		if err != nil || judged[0].Status != api.Discarded {
			t.Fatalf("result %d of the second: %v, %v", i, judged, err)
		}
	}
	if s := storedStanding(t, database, late); s.Outcomes != 1 || s.Recent != 1 || len(s.OpenTasks) != 0 {
		t.Errorf("after a discarded result: %+v", s)
	}
	// A rejected one is none.
	other := someone(4)
	ask(t, db, now, schedule.Poll{Worker: other}, 1)
	if _, _, err := crediter(t, db, policy).CreditResults(t.Context(), now, []ledger.SubmittedResult{result(one[0], other, now)}); err != nil {
		t.Fatal(err)
	}
	if s := storedStanding(t, database, other); s.Outcomes != 0 || len(s.OpenTasks) != 1 {
		t.Errorf("after a rejected result: %+v", s)
	}
}

// One that takes and does not deliver rests, and its polls then read no task.
func TestTakersRest(t *testing.T) {
	database, db := loaded(t, checks(40))
	me := someone(1)
	ask(t, db, noon, schedule.Poll{Worker: me}, 20)
	now := noon.Add(holdTime + 31*time.Second)
	if got := ask(t, db, now, schedule.Poll{Worker: me}, 20); len(got) != 0 {
		t.Errorf("after losing five it got %v", got)
	}
	if got := ask(t, db, now.Add(time.Minute), schedule.Poll{Worker: me}, 20); len(got) != 1 {
		t.Errorf("after its rest it got %v, want one", got)
	}
	s := storedStanding(t, database, me)
	if s.Outcomes != 2 || s.Recent != 0 || !s.RestUntil.Valid {
		t.Errorf("it is known as %+v", s)
	}
	put(t, database, "WorkerStandings", map[string]any{
		"Worker": text(me), "Outcomes": 16, "Recent": 0, "Reliable": false, "Polls": 0, "RestUntil": now.Add(time.Hour),
		"LostAt": now.Add(time.Hour), "ForgetAt": now.Add(time.Hour), "UpdatedAt": now,
	})
	found, err := db.FindOffers(t.Context(), now.Add(2*time.Minute), schedule.Poll{Worker: me}, 10)
	if err != nil || len(found.IDs) != 0 {
		t.Errorf("a resting worker is offered %v, %v", found, err)
	}
}

// Polls that bring nothing and prove nothing leave no rows.
func TestEmptyPollsLeaveNoTrace(t *testing.T) {
	list := checks(2)
	list[1].Region = "EU"
	database, db := loaded(t, list)
	for i := range 3 {
		claim(t, db, someone(i), noon, ids(list), 9) // the third one finds the slots taken
	}
	if s := storedStanding(t, database, someone(2)); !s.ForgetAt.IsZero() {
		t.Errorf("a poll without a proof, and without a task, left %+v", s)
	}
	if got := ask(t, db, noon, proven(someone(3), noon), 9); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestPollsAreProvenOnce(t *testing.T) {
	database, db := loaded(t, checks(20))
	me := someone(1)
	poll := proven(me, noon)
	if got := ask(t, db, noon, poll, 2); len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	code := func(err error) api.Code {
		if e, ok := errors.AsType[*api.ProofError](err); ok {
			return e.Code
		}
		return ""
	}
	for _, c := range []struct {
		name string
		poll schedule.Poll
		want api.Code
	}{
		{"the same again", poll, api.ProofReplayed},
		{"an older one", proven(me, noon.Add(-time.Millisecond)), api.ProofReplayed},
		{"somebody else in its name", schedule.Poll{Worker: me}, api.ProofMissing},
	} {
		if _, err := db.FindOffers(t.Context(), noon, c.poll, 9); code(err) != c.want {
			t.Errorf("%s, offers: %v", c.name, err)
		}
		if got, err := db.ClaimTasks(t.Context(), noon, c.poll, schedule.Offers{IDs: []string{"task_019"}}, 9); code(err) != c.want || got != nil {
			t.Errorf("%s, claim: %v, %v", c.name, got, err)
		}
	}
	if s := storedStanding(t, database, me); s.Polls != 1 || len(s.OpenTasks) != 2 {
		t.Errorf("what was refused left its trace: %+v", s)
	}
	for i := range schedule.PollsPerMinute - 1 {
		ask(t, db, noon, proven(me, noon.Add(time.Duration(i+1)*time.Millisecond)), 2)
	}
	var many schedule.TooManyPollsError
	if _, err := db.FindOffers(t.Context(), noon.Add(20*time.Second), proven(me, noon.Add(time.Second)), 2); !errors.As(err, &many) || many.RetryAfter() != 40*time.Second {
		t.Errorf("one too many: %v", err)
	}
	if got := ask(t, db, noon.Add(time.Minute), proven(me, noon.Add(time.Minute)), 2); len(got) != 2 {
		t.Errorf("in the next minute: %v", got)
	}
}

// The due queues offer a task of a class to its tiers first, and slots that
// newcomers may not have to trusted workers.
func TestLanes(t *testing.T) {
	list := checks(4)
	list[0].Class, list[1].Class = schedule.Enterprise, schedule.Priority
	database, db := loaded(t, list)
	for i, usd := range []reputation.NanoUSD{200, 50, 10, 0} {
		put(t, database, "WalletReputation", standing(text(someone(i)), usd*reputation.USD))
	}
	offered := func(now time.Time, poll schedule.Poll) string {
		t.Helper()
		found, err := db.FindOffers(t.Context(), now, poll, 10)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(found.IDs)
		return strings.ReplaceAll(strings.Join(found.IDs, " "), "task_00", "")
	}
	for i, want := range []string{"0 1 2 3", "1 2 3", "1 2 3", "2 3"} {
		if got := offered(noon, schedule.Poll{Worker: someone(i)}); got != want {
			t.Errorf("at first, tier %d is offered %s, want %s", i, got, want)
		}
		if got := offered(noon.Add(7500*time.Millisecond), schedule.Poll{Worker: someone(i)}); got != "0 1 2 3" {
			t.Errorf("then, tier %d is offered %s", i, got)
		}
	}

	now := noon.Add(8 * time.Second)
	for i := range 2 {
		claim(t, db, someone(10+i), now, []string{"task_002"}, 1)
	}
	trust(t, database, someone(20))
	if got := offered(now, schedule.Poll{Worker: someone(12)}); got != "0 1 3" {
		t.Errorf("newcomers hold two slots of task 2; another is offered %s", got)
	}
	if got := offered(now, proven(someone(12), now)); got != "0 1 3" {
		t.Errorf("a proof alone is offered %s", got)
	}
	if got := offered(now, proven(someone(20), now)); got != "0 1 2 3" {
		t.Errorf("a trusted worker is offered %s", got)
	}
	if got := ask(t, db, now, proven(someone(20), now), 10); len(got) != 4 {
		t.Errorf("a trusted worker gets %v", got)
	}
}

func TestBackups(t *testing.T) {
	list := checks(3)
	list[0].BuyerTier, list[1].BuyerTier = schedule.PremiumBuyer, schedule.StandardBuyer
	list[1].Interval, list[1].Region = time.Minute, "EU"
	for _, shards := range []int{1, 64} {
		database := spannertest.New(t)
		db := spannertest.OpenConfig(t, spannerdb.Config{Database: database, TaskShards: shards})
		load(t, db, noon, list)
		me, other := someone(1), someone(2)
		for _, workers := range [][]common.Address{{me, other}, {me, other, me}, {me}} {
			if err := db.SetBackups(t.Context(), noon, workers); err != nil {
				t.Fatal(err)
			}
		}
		at := func(after time.Duration, region string, limit int) []string {
			t.Helper()
			return ask(t, db, noon.Add(after), schedule.Poll{Worker: me, Region: region, ProvenAt: noon.Add(after)}, limit)
		}
		if got := at(14*time.Second, "", 10); len(got) != 0 {
			t.Errorf("before any task is at risk: %v", got)
		}
		if got := ask(t, db, noon.Add(15*time.Second), schedule.Poll{Worker: me}, 40); len(got) != 0 {
			t.Errorf("a poll in a backup's name, without a proof: %v", got)
		}
		if got := at(15*time.Second, "", 40); !slices.Equal(got, []string{"task_000"}) {
			t.Errorf("premium at risk: %v", got)
		}
		deliver(t, db, noon.Add(16*time.Second), me, "task_000")
		if got := at(31*time.Second, "EU", 40); !slices.Equal(got, []string{"task_001"}) {
			t.Errorf("standard at risk: %v", got)
		}
		if got := ask(t, db, noon.Add(time.Hour), proven(other, noon.Add(time.Hour)), 40); shards == 1 && len(got) != 2 || slices.Contains(got, "task_001") {
			t.Errorf("one that is no backup any more: %v", got)
		}
	}
}

// taskNamed is one of all tasks, as an operator reads them.
func taskNamed(t *testing.T, db *spannerdb.DB, id string) schedule.Task {
	t.Helper()
	all, err := db.Tasks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(k schedule.Task) bool { return k.ID == id })
	if i < 0 {
		t.Fatalf("no task %s", id)
	}
	return all[i]
}

// A window's end is counted at the next check, and is known before.
func TestWindowsAreCounted(t *testing.T) {
	list := checks(2)
	list[0].BuyerTier = schedule.PremiumBuyer
	database, db := loaded(t, list)
	read := func(now time.Time, id string, delivered, missed int64) {
		t.Helper()
		k := taskNamed(t, db, id)
		if d, m := k.Windows(now); d != delivered || m != missed {
			t.Errorf("%s at %v: %d delivered, %d missed; want %d and %d", id, now.Sub(noon), d, m, delivered, missed)
		}
	}
	k := taskNamed(t, db, "task_000")
	first := k.From // of a whole window
	if first.Before(noon) || first.After(noon.Add(30*time.Second)) {
		t.Fatalf("the first window begins at %v", first)
	}
	read(first.Add(30*time.Second-1), "task_000", 0, 0)
	read(first.Add(5*time.Minute), "task_000", 0, 10)
	now := first.Add(5*time.Minute + time.Second)
	me := someone(1)
	claim(t, db, me, now, []string{"task_000"}, 1)
	deliver(t, db, now, me, "task_000")
	read(now, "task_000", 0, 10)
	read(now.Add(30*time.Second), "task_000", 1, 10)
	if s := storedTasks(t, database)["task_000"]; !s.OfferAt.Time.Equal(first.Add(5*time.Minute + 30*time.Second)) {
		t.Errorf("offered at %v, want the next window's beginning", s.OfferAt)
	}

	list[0].Active = false
	load(t, db, now.Add(30*time.Second), list)
	read(now.Add(time.Hour), "task_000", 1, 10)
	list[0].Active = true
	load(t, db, now.Add(time.Hour), list)
	read(now.Add(time.Hour+20*time.Second), "task_000", 1, 10)
	read(now.Add(time.Hour+time.Minute), "task_000", 1, 11)
}

// Instances whose clocks differ: one hands out ahead of time, the other judges
// behind it; nothing is lost, paid twice, or counted backwards.
func TestInstancesClocksDiffer(t *testing.T) {
	n := newNetwork(t)
	n.addTasks(2, 100)
	ahead, behind := n.now.Add(10*time.Second), n.now.Add(-10*time.Second)
	me := workerAddr(1)
	if got := ask(t, n.db, ahead, proven(me, n.now), 10); len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	n.now = behind
	n.wants("judged behind", n.credit(result(taskID(0), me, behind)), "accepted 100")
	n.now = ahead
	n.wants("and again ahead", n.credit(result(taskID(0), me, behind), result(taskID(1), me, ahead)), "rejected already_submitted", "accepted 100")
	if got := ask(t, n.db, behind.Add(29*time.Second), proven(me, n.now.Add(1)), 10); len(got) != 0 {
		t.Errorf("not due by any clock, and handed out: %v", got)
	}
	if s := storedStanding(t, n.database, me); len(s.OpenTasks) != 0 || s.Recent != 0b11 {
		t.Errorf("it is known as %+v", s)
	}
	n.balanced()
}
