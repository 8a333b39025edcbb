package spannerdb_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

var (
	modelRuns  = flag.Int("model.runs", 3, "random runs of the database against its model")
	modelSteps = flag.Int("model.steps", 100, "verbs in each run")
	modelSeed  = flag.Uint64("model.seed", 0, "repeat the one run with this seed")
)

// TestDatabaseFollowsTheModel plays random verbs, some of them under faults,
// and compares every answer, and after every verb all money rows.
func TestDatabaseFollowsTheModel(t *testing.T) {
	seeds := []uint64{*modelSeed}
	if *modelSeed == 0 {
		seeds = nil
		for range *modelRuns {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playModel(t, seed) })
	}
}

func playModel(t *testing.T, seed uint64) {
	p := &play{network: newNetwork(t), model: newModel(), rng: rand.New(rand.NewPCG(seed, 1))}
	p.credits = func(db *spannerdb.DB) *spannerdb.Crediter { return crediter(t, db, policy) }
	for i := range 3 {
		p.workers = append(p.workers, workerAddr(i))
	}
	p.addTasks(4, 97)
	for i := range 4 {
		p.tasks = append(p.tasks, taskID(i))
		p.cycles[taskID(i)], p.rewards[taskID(i)] = 1, 97
	}
	var f fault
	faulty := spannertest.Open(t, p.database, f.options()...)
	history := []string{}
	met := map[string]int{}
	for range *modelSteps {
		p.model.now = p.model.now.Add(time.Duration(p.rng.IntN(20)) * time.Second)
		if p.oneOf(40) {
			p.model.now = p.model.now.Add(time.Duration(p.rng.IntN(10)) * time.Hour)
		}
		v := p.pick()
		history = append(history, p.step(v, faulty, &f))
		met[strings.Fields(v.name)[0]]++
		if want, got := p.model.state(p.workers), p.stored(); want != got {
			t.Errorf("the database is\n%s\nthe model\n%s", got, want)
		}
		if len(history)%10 == 0 {
			p.balanced()
		}
		if t.Failed() {
			t.Fatalf("repeat with -model.seed=%d; the last steps were\n%s", seed, strings.Join(history[max(0, len(history)-12):], "\n"))
		}
	}
	p.balanced()
	t.Logf("%d results, %d payouts, %d batches after %v", len(p.results), len(p.payouts), len(p.batches), met)
}

// step plays one verb, perhaps under a fault, and says what was done.
func (p *play) step(v verb, faulty *spannerdb.DB, f *fault) string {
	p.Helper()
	compare := func(want, got string) {
		p.Helper()
		if want != got {
			p.Errorf("%s: the database answers %q, the model %q", v.name, got, want)
		}
	}
	kind := p.rng.IntN(12)
	switch kind {
	case 0:
		f.arm(spannertest.ErrAborted, nil)
	case 1:
		f.arm(spannertest.ErrLost, nil)
	case 2:
		f.arm(nil, spannertest.ErrLost)
	}
	got := v.db(faulty)
	hit := f.hit() > 0
	f.arm(nil, nil) // whatever the verb did not meet
	if hit && kind == 1 {
		got = v.db(faulty) // nothing had happened
	}
	want := v.model()
	if hit && kind == 2 { // it had happened: the next call meets its own effect
		want = v.model()
		got = v.db(faulty)
	}
	compare(want, got)
	return fmt.Sprintf("%s: %s (fault %d, met %t)", v.name, got, kind, hit)
}
