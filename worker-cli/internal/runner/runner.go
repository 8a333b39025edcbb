// Package runner is the worker's life: it polls for tasks, has them checked,
// signs and submits the results, and keeps them while the API is away. It
// prints nothing; whoever runs it hears Events.
package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// The worker's measure (product.md, Worker).
const (
	atOnce     = 10 // checks
	maxTasks   = 50 // of one poll; an API that sends more gets no more
	gatherTime = time.Second
	stopTime   = 10 * time.Second
)

// API is what the worker needs of the network.
type API interface {
	Tasks(ctx context.Context) ([]api.Task, error)
	Submit(ctx context.Context, results []api.Result) (client.Receipt, error)
}

// Config is what a Runner works with.
type Config struct {
	API      API
	Check    func(ctx context.Context, t api.Task) (check.Observation, error)
	Sign     func(*api.Result) error // fills in WorkerAddress and Signature
	Interval time.Duration           // between the starts of two polls
	Emit     func(Event)             // called by one goroutine at a time
}

// Runner is one worker. Run or Once is called once.
type Runner struct {
	Config
	pollAt time.Time
	polls  backoff
	outbox outbox
	totals Totals
	told   map[Refused]bool // what was refused before: it is told once
}

// New makes a Runner.
func New(c Config) *Runner {
	return &Runner{
		Config: c,
		polls:  backoff{first: c.Interval, most: min(5*time.Minute, 10*c.Interval)},
		outbox: newOutbox(c.Interval),
	}
}

// Run works until ctx ends, and then submits what it has. A poll begins when
// an interval has passed since the last one began and everything of that one
// is done: polls never overlap.
func (r *Runner) Run(ctx context.Context) Totals {
	for sleepUntil(ctx, r.next()) {
		if r.outbox.ready(time.Now()) {
			r.submit(context.WithoutCancel(ctx))
		}
		if !time.Now().Before(r.pollAt) {
			r.pollOrWait(ctx)
		}
	}
	r.stop(ctx)
	return r.totals
}

// Once polls once, does what it is given and submits the results. The error
// says what was not done.
func (r *Runner) Once(ctx context.Context) error {
	err := r.poll(ctx)
	if unsent := r.stop(ctx); err == nil && unsent > 0 {
		err = fmt.Errorf("results that could not be submitted: %d", unsent)
	}
	return err
}

// pollOrWait polls, and after a failure sees to it that the next poll comes later.
func (r *Runner) pollOrWait(ctx context.Context) {
	err := r.poll(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	wait := r.polls.failed(time.Now(), retryAfter(err))
	r.pollAt = r.polls.until
	r.Emit(Problem{Doing: "poll", Error: err.Error(), RetryInMs: wait.Milliseconds(), Waiting: r.outbox.len()})
}

// next is when there is something to do again.
func (r *Runner) next() time.Time {
	if retry, waiting := r.outbox.next(); waiting && retry.Before(r.pollAt) {
		return retry
	}
	return r.pollAt
}

// poll fetches tasks and sees them through.
func (r *Runner) poll(ctx context.Context) error {
	start := time.Now()
	tasks, err := r.API.Tasks(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	r.polls.succeeded()
	r.pollAt = start.Add(vary(r.Interval, 0.9, 1.1))
	tasks = r.admit(distinct(tasks))
	r.Emit(Poll{Tasks: len(tasks)})
	r.gather(ctx, r.checkAll(ctx, tasks))
	return nil
}

// checked is what became of a task.
type checked struct {
	task api.Task
	seen check.Observation
	err  error
}

// checkAll carries out the tasks, some at once, and closes the channel after
// the last. The channel has room for all, so no check waits for its reader.
func (r *Runner) checkAll(ctx context.Context, tasks []api.Task) <-chan checked {
	done := make(chan checked, len(tasks))
	go func() {
		defer close(done)
		var checks errgroup.Group
		checks.SetLimit(atOnce)
		for _, t := range tasks {
			checks.Go(func() error {
				if ctx.Err() == nil {
					seen, err := r.Check(ctx, t)
					done <- checked{t, seen, err}
				}
				return nil
			})
		}
		_ = checks.Wait()
	}()
	return done
}

// gather takes the results as they come. The first valid result wins its
// cycle, so a quick one does not wait for a slow neighbour; but a moment, for
// company in one submission.
func (r *Runner) gather(ctx context.Context, done <-chan checked) {
	var enough <-chan time.Time
	for {
		select {
		case c, more := <-done:
			if !more {
				if r.outbox.ready(time.Now()) {
					r.submit(context.WithoutCancel(ctx))
				}
				return
			}
			r.take(ctx, c)
			if enough == nil && r.outbox.len() > 0 {
				enough = time.After(min(gatherTime, r.Interval/4))
			}
		case <-enough:
			enough = nil
			if r.outbox.ready(time.Now()) {
				r.submit(context.WithoutCancel(ctx))
			}
		}
	}
}

// take signs a result and puts it into the outbox.
func (r *Runner) take(ctx context.Context, c checked) {
	if c.err != nil {
		if ctx.Err() == nil { // a check that was stopped says nothing
			r.refuse(Refused{TaskID: c.task.ID, URL: c.task.URL, Reason: c.err.Error()})
		}
		return
	}
	r.totals.Checks++
	r.Emit(newCheck(c.task, c.seen))
	result := newResult(c.task, c.seen)
	if err := r.Sign(&result); err != nil {
		r.Emit(Dropped{Results: 1, Reason: err.Error()})
		return
	}
	if lost := r.outbox.add(result); lost > 0 {
		r.Emit(Dropped{Results: lost, Reason: fmt.Sprintf("more than %d results wait to be submitted", maxWaiting)})
	}
}

// stop submits what there is, for a while, and returns how much is left.
func (r *Runner) stop(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	end, _ := ctx.Deadline()
	for retry := r.outbox.lastTry(); r.outbox.len() > 0 && !retry.After(end) && sleepUntil(ctx, retry); retry, _ = r.outbox.next() {
		r.submit(ctx)
	}
	unsent := r.outbox.len()
	r.Emit(Stopped{Totals: r.totals, Unsent: unsent})
	return unsent
}

// retryAfter is what the API asked for, if err is an answer of it.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
