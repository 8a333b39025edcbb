// Package loadtest puts load on the network: many simulated workers with real
// keys, which prove their polls, sign their results and submit them over HTTP,
// as the protocol has it. No target is ever fetched: results are made up. At
// the end the books must hold just what the workers were told.
package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// Options say what load to make.
type Options struct {
	Workers   int
	Duration  time.Duration // from the first poll on
	Ramp      time.Duration // in which the workers begin, one after the other; at most Duration
	PollEvery time.Duration // of each worker, varied by a tenth
	Tasks     int
	Reward    ledger.Micros // of each check
	PerPoll   int           // tasks given to one poll at most
	Instances int           // of GetTasks and of SubmitResults, each with its own Spanner client
	API       string        // of a running network, to use instead of starting one; then tasks are its own
	Seed      uint64        // 0: any

	Out      io.Writer // progress, a line now and then
	Log      *slog.Logger
	LogLevel string // of the functions
}

func (o *Options) validate() error {
	switch {
	case o.Workers < 1 || o.Duration <= 0 || o.PollEvery <= 0:
		return errors.New("loadtest: --workers, --duration and --poll-every must be positive")
	case o.Ramp < 0 || o.Ramp > o.Duration:
		return errors.New("loadtest: --ramp must be between 0 and --duration")
	case o.API == "" && (o.Tasks < 1 || o.Reward < 1 || o.PerPoll < 1 || o.Instances < 1):
		return errors.New("loadtest: --tasks, --reward, --per-poll and --instances must be positive")
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	return nil
}

// Run makes the load and checks what became of it. Whatever went wrong with
// the network's word is in the report's Violations; the error is of the test
// itself.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	t := &test{Options: o, polls: newEndpoint(), submits: newEndpoint()}
	t.say("seed %d", o.Seed)
	var base string
	var books bookkeeper
	if o.API != "" {
		base, books = o.API, statusBooks{base: o.API, http: newHTTP(4)}
	} else {
		t.calls = countSpannerCalls()
		h, err := startHome(ctx, o)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, h.stop()) }()
		if t.ceiling, err = ceiling(ctx, h.net.DB); err != nil {
			return nil, err
		}
		t.say("%s; alone it takes %.0f bare transactions a second", h.net.Spanner, t.ceiling)
		base, books = h.base, databaseBooks{h.net.DB}
	}
	if err := t.beginCalls(ctx); err != nil {
		return nil, err
	}
	if err := t.load(ctx, base); err != nil {
		return nil, err
	}
	t.say("load is over; reading the books")
	alone, err := t.alone(ctx, base)
	if err != nil {
		return nil, err
	}
	report, err := t.report(ctx)
	if err != nil {
		return nil, err
	}
	report.Alone = alone
	if report.Violations, report.Books, err = t.check(ctx, books); err != nil {
		return nil, err
	}
	return report, nil
}

// test is one run.
type test struct {
	Options
	workers        []*worker
	polls, submits *endpoint
	began          time.Time
	ceiling        float64
	calls          *spannerCalls // nil when the functions are another process
	before         Calls
}

func (t *test) say(format string, args ...any) { fmt.Fprintf(t.Out, format+"\n", args...) }

// load lets all workers live until the duration is over and each has its last
// answer.
func (t *test) load(ctx context.Context, base string) error {
	client := newHTTP(t.Workers)
	for i := range t.Workers {
		w, err := t.newWorker(i, base, client)
		if err != nil {
			return err
		}
		t.workers = append(t.workers, w)
	}
	t.began = time.Now()
	live, cancel := context.WithDeadline(ctx, t.began.Add(t.Duration))
	defer cancel()
	var all sync.WaitGroup
	for i, w := range t.workers {
		first := time.Duration(float64(t.Ramp) * float64(i) / float64(t.Workers))
		all.Go(func() { w.live(live, t.began.Add(first)) })
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return ctx.Err()
		case <-tick.C:
			t.say("%4.0f s: %d polls, %d submissions, %d failed", time.Since(t.began).Seconds(),
				t.polls.count(), t.submits.count(), t.polls.failed()+t.submits.failed())
		}
	}
}

// home is a network of the test's own.
type home struct {
	net  *network.Network
	base string
	more *instances // nil when the network's own functions serve
}

func startHome(ctx context.Context, o Options) (*home, error) {
	n, err := network.Start(ctx, network.Options{
		Tasks: tasks(o), Log: o.Log, Notice: func(s string) { fmt.Fprintln(o.Out, s) },
		Settings: map[string]string{"LOG_LEVEL": o.LogLevel, "TASKS_PER_POLL": strconv.Itoa(o.PerPoll), "RECEIPT_FORM": "compact"},
	})
	if err != nil {
		return nil, err
	}
	h := &home{net: n, base: n.API}
	if o.Instances > 1 {
		if h.more, err = startInstances(ctx, o.Instances); err != nil {
			return nil, errors.Join(err, n.Stop())
		}
		h.base = h.more.base
	}
	return h, nil
}

func (h *home) stop() error {
	if h.more != nil {
		h.more.stop()
	}
	return h.net.Stop()
}

// tasks are of all kinds that buyers can order, all in any region: what the
// load test asks is not who gets what, but whether it is counted right.
func tasks(o Options) []schedule.Task {
	out := make([]schedule.Task, o.Tasks)
	for i := range out {
		out[i] = schedule.Task{
			ID: fmt.Sprintf("load-%06d", i), URL: fmt.Sprintf("https://%d.load.example.com/", i), ExpectedStatus: 200, Timeout: 10 * time.Second,
			RewardMicros: o.Reward, Interval: 30 * time.Second, BuyerTier: "best_effort", Class: schedule.Standard, Active: true,
		}
		switch i % 10 {
		case 0:
			out[i].BuyerTier = "premium"
		case 1, 2, 3:
			out[i].BuyerTier, out[i].Interval = "standard", time.Minute
		}
	}
	return out
}
