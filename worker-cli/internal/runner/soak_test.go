package runner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// With go test -run Soak -soak 10m ./worker-cli/internal/runner
var soak = flag.Duration("soak", 3*time.Second, "how long TestSoak takes; a second of it is some minutes of a worker's life")

// ledgerOfSoak knows every result that was ever signed, until it was paid.
type ledgerOfSoak struct {
	mu     sync.Mutex
	next   int
	open   map[string]bool      // signed, not accepted
	paid   map[string]time.Time // accepted, lately
	count  struct{ signed, accepted, again, kills, lost, withheld int }
	wrongs []string
}

func (l *ledgerOfSoak) wrong(format string, args ...any) {
	if len(l.wrongs) < 10 {
		l.wrongs = append(l.wrongs, fmt.Sprintf(format, args...))
	}
}

func (l *ledgerOfSoak) tasks(up, dead string) []api.Task {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks := make([]api.Task, 10)
	for i := range tasks {
		l.next++
		url := up
		if i == 0 {
			url = dead
		}
		tasks[i] = api.Task{ID: fmt.Sprint("t", l.next), Type: api.HTTPCheck, URL: url, ExpectedStatus: 200, TimeoutMs: 2000}
	}
	return tasks
}

func (l *ledgerOfSoak) signed(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[id] = true
	l.count.signed++
}

func (l *ledgerOfSoak) judge(results []api.Result) (receipt client.Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.paid) > 50_000 { // old ones do not come again
		maps.DeleteFunc(l.paid, func(_ string, at time.Time) bool { return time.Since(at) > 20*time.Second })
	}
	for _, r := range results {
		outcome := api.Outcome{TaskID: r.TaskID, Status: api.Accepted, RewardMicros: reward}
		_, again := l.paid[r.TaskID]
		switch {
		case api.Verify(r).Code != "":
			l.wrong("%s is not one that the API takes: %+v", r.TaskID, api.Verify(r))
		case again:
			l.count.again++
			outcome = api.Outcome{TaskID: r.TaskID, Status: api.Rejected, Code: api.AlreadySubmitted}
		case !l.open[r.TaskID]:
			l.wrong("%s was never signed, or given up", r.TaskID)
		default:
			delete(l.open, r.TaskID)
			l.paid[r.TaskID] = time.Now()
			l.count.accepted++
			receipt.Accepted++
			receipt.Earned += reward
		}
		receipt.Outcomes = append(receipt.Outcomes, outcome)
	}
	return receipt
}

// soaked is the API in front of that ledger, as overHTTP serves it.
type soaked struct {
	ledger   *ledgerOfSoak
	up, dead string
}

func (s soaked) handler(random *rand.Rand) http.Handler {
	n := &network{tasks: func(int) ([]api.Task, error) { return s.ledger.tasks(s.up, s.dead), nil }}
	n.instead = s.ledger.judge
	return moody(n, random)
}

// mortal is a worker's API and disk, until it is killed.
type mortal struct {
	*client.Client
	File
	mu   sync.Mutex
	dead bool
}

var errDead = &client.Error{Status: http.StatusBadRequest, Text: "it is dead"}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

func (m *mortal) Tasks(ctx context.Context) ([]api.Task, error) {
	if m.isDead() {
		return nil, errDead
	}
	return m.Client.Tasks(ctx)
}

func (m *mortal) Submit(ctx context.Context, results []api.Result) (client.Receipt, error) {
	if m.isDead() {
		return client.Receipt{}, errDead
	}
	return m.Client.Submit(ctx, results)
}

func (m *mortal) Save(results []Kept) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errors.New("it is dead")
	}
	return m.File.Save(results)
}

// kill ends the worker as a signal does that cannot be caught: what it had in
// memory alone is lost, and that is at most the one result that it was writing down.
func (m *mortal) kill(l *ledgerOfSoak, signed map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	kept, _ := m.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count.kills++
	for _, k := range kept {
		delete(signed, k.TaskID)
	}
	for id := range signed {
		if l.open[id] {
			delete(l.open, id)
			l.paid[id] = time.Now() // a submission that is under way may still arrive, and is no wrong
			l.count.lost++
		}
	}
}

// life is one worker from its start to its end, which comes after d by a
// signal, or a kill.
func life(t *testing.T, l *ledgerOfSoak, c *client.Client, file File, sign func(*api.Result) error, d time.Duration, kill bool) {
	m := &mortal{Client: c, File: file}
	signed := map[string]bool{}
	var mine sync.Mutex
	w := newWorker(m)
	w.Line, w.Keep, w.Offset, w.Limits = c, m, c.ClockOffset, NewLimits(0, 0)
	w.Check = check.New(check.Options{AllowPrivate: true, Used: w.Limits.Moved}).Check
	w.Sign = func(r *api.Result) error {
		mine.Lock()
		defer mine.Unlock()
		if m.isDead() {
			return errDead
		}
		signed[r.TaskID] = true
		l.signed(r.TaskID)
		return sign(r)
	}
	w.Interval = 10 * time.Millisecond
	quick := backoff{first: time.Millisecond, most: 20 * time.Millisecond}
	w.polls, w.outbox.retry = quick, quick
	w.Emit = func(e Event) {
		if m.isDead() {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		switch e := e.(type) {
		case Dropped:
			l.wrong("%+v", e)
		case Withheld:
			l.count.withheld += e.Checks
		case Submitted:
			if e.Rejected+e.Discarded > 0 {
				for _, n := range e.NotPaid {
					if n.Code != api.AlreadySubmitted { // of an attempt of a worker that was killed
						l.wrong("not paid: %+v", n)
					}
				}
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if kill {
		stop := context.AfterFunc(ctx, func() {
			mine.Lock()
			defer mine.Unlock()
			m.kill(l, signed)
		})
		defer stop()
	}
	w.Run(ctx)
}

// A worker through outages, restarts, kills and garbage: every result that it
// signed is accepted once, and neither memory nor goroutines pile up.
func TestSoak(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 3))
	target := &port{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	dead := &port{handler: http.NotFoundHandler()}
	l := &ledgerOfSoak{open: map[string]bool{}, paid: map[string]time.Time{}}
	s := soaked{ledger: l, up: target.open(t), dead: dead.open(t)}
	dead.close()
	defer target.close()
	network := &port{handler: s.handler(rand.New(rand.NewPCG(seed, 4)))}
	base := network.open(t)
	address, sign := signer(t)
	file := File{Path: filepath.Join(t.TempDir(), "results.json"), Address: address}
	goroutines := runtime.NumGoroutine()
	newClient := func() *client.Client {
		c, err := client.New(base, address, "", "Test/1")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	end := time.Now().Add(*soak)
	chaos := make(chan struct{})
	go func() { // the network goes away and comes back
		defer close(chaos)
		dice := rand.New(rand.NewPCG(seed, 5))
		for time.Now().Before(end) {
			time.Sleep(time.Duration(dice.IntN(400)) * time.Millisecond)
			network.close()
			time.Sleep(time.Duration(dice.IntN(150)) * time.Millisecond)
			network.open(t)
		}
	}()
	var early uint64
	lives := 0
	for ; time.Now().Before(end); lives++ {
		life(t, l, newClient(), file, sign, time.Duration(50+random.IntN(500))*time.Millisecond, random.IntN(3) == 0)
		if early == 0 && time.Until(end) < *soak*3/4 {
			early = heap()
		}
	}
	<-chaos
	late := heap()
	for range 50 { // at last all is well, though moody
		life(t, l, newClient(), file, sign, 20*time.Millisecond, false)
		if kept, err := file.Load(); err == nil && len(kept) == 0 && len(l.open) == 0 {
			break
		}
	}
	network.close()
	t.Logf("%d lives; %+v; heap %d KB, then %d KB", lives, l.count, early>>10, late>>10)
	if len(l.open) > 0 || len(l.wrongs) > 0 {
		t.Errorf("%d results were lost; %q", len(l.open), l.wrongs)
	}
	if l.count.accepted < 100 || l.count.accepted+l.count.lost != l.count.signed || l.count.lost > l.count.kills {
		t.Errorf("%+v", l.count)
	}
	// The test itself remembers what was paid in the last 20 s.
	if own := uint64(len(l.paid)) * 200; late > early+early/2+4<<20+own {
		t.Errorf("the heap grew from %d to %d KB", early>>10, late>>10)
	}
	for range 100 {
		if runtime.NumGoroutine() <= goroutines+2 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines, and %d at the start", runtime.NumGoroutine(), goroutines)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
