// Package runner is the worker's life: it polls for tasks, has them checked,
// signs and submits the results, and keeps them while the API is away. It
// prints nothing; whoever runs it hears Events.
package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

	// What a worker can do without: each may be nil.
	Line     Line                                                // tells its own trouble from its targets'
	Offset   func() time.Duration                                // how far the network's clock is ahead, or 0 when that is little
	Keep     Keeper                                              // outlives a restart
	Limits   *Limits                                             // of what it does
	Standing func(ctx context.Context) (api.WorkerStatus, error) // tells what was paid
}

// Runner is one worker. Run or Once is called once.
type Runner struct {
	Config
	pollAt time.Time
	polls  backoff
	outbox outbox
	totals Totals
	told   map[Refused]bool // what was refused before: it is told once

	answered   bool      // the API has been asked for tasks, so that its clock is known, if it answered
	outdated   error     // the API wants a newer version: the end
	doubts     []checked // failures that may be this machine's own
	onlineAt   time.Time // when a check showed that this machine is online
	namesAt    time.Time // when one showed that its name server answers
	skipped    int       // checks of this poll that a limit did not allow
	toldOff    time.Duration
	cannotKeep bool
	payments   payments
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
	r.restore()
	for r.outdated == nil && sleepUntil(ctx, r.next()) {
		if r.answered && r.outbox.ready(time.Now()) {
			r.submit(context.WithoutCancel(ctx))
		}
		if !time.Now().Before(r.pollAt) {
			r.pollOrWait(ctx)
		}
		if r.Standing != nil && ctx.Err() == nil && !time.Now().Before(r.payments.at) {
			r.askPayments(ctx)
		}
	}
	r.stop(ctx)
	return r.totals
}

// Err is why Run ended by itself: the API takes a newer version of the worker
// only (a client.Error of status 426).
func (r *Runner) Err() error { return r.outdated }

// Once polls once, does what it is given and submits the results. The error
// says what was not done.
func (r *Runner) Once(ctx context.Context) error {
	r.restore()
	err := r.poll(ctx)
	if unsent := r.stop(ctx); err == nil && unsent > 0 {
		err = fmt.Errorf("results that could not be submitted: %d", unsent)
	}
	return err
}

// pollOrWait polls, and after a failure sees to it that the next poll comes later.
func (r *Runner) pollOrWait(ctx context.Context) {
	if wait := r.Limits.wait(); wait > 0 { // what is not fetched is not kept from others
		r.pollAt = time.Now().Add(wait)
		return
	}
	err := r.poll(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusUpgradeRequired {
		r.outdated = err
		return
	}
	doing := "poll"
	if _, ok := errors.AsType[*clockError](err); ok {
		doing = "clock"
	}
	wait := r.polls.failed(time.Now(), retryAfter(err))
	r.pollAt = r.polls.until
	r.Emit(Problem{Doing: doing, Error: err.Error(), RetryInMs: wait.Milliseconds(), Waiting: r.outbox.len()})
}

// next is when there is something to do again.
func (r *Runner) next() time.Time {
	at := r.pollAt
	if retry, waiting := r.outbox.next(); waiting && retry.Before(at) {
		at = retry
	}
	if r.Standing != nil && r.payments.at.Before(at) {
		at = r.payments.at
	}
	return at
}

// poll fetches tasks and sees them through.
func (r *Runner) poll(ctx context.Context) error {
	if err := r.measureClock(ctx); err != nil {
		return err
	}
	start, off := time.Now(), r.offset()
	tasks, err := r.API.Tasks(ctx)
	if err != nil && off == 0 && r.offset() != 0 { // perhaps only for the time that was in the request
		tasks, err = r.API.Tasks(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.answered = true
	r.tellClock()
	if err := r.clockFits(); err != nil {
		return err // also when that is what the API said
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
				switch {
				case ctx.Err() != nil:
				case !r.Limits.take():
					done <- checked{task: t, err: errLimit}
				default:
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
				r.flush(ctx)
				r.tellSkipped()
				return
			}
			r.take(ctx, c)
			if enough == nil && (r.outbox.len() > 0 || len(r.doubts) > 0) {
				enough = time.After(min(gatherTime, r.Interval/4))
			}
		case <-enough:
			enough = nil
			r.flush(ctx)
		}
	}
}

// flush submits what there is, when it is certain and the API is not to be left alone.
func (r *Runner) flush(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	r.vouch(ctx)
	if r.outbox.ready(time.Now()) {
		r.submit(ctx)
	}
}

var errLimit = errors.New("more than the limits allow")

// take makes a result of what was seen, or says why there is none.
func (r *Runner) take(ctx context.Context, c checked) {
	switch {
	case errors.Is(c.err, errLimit):
		r.skipped++
	case errors.Is(c.err, check.ErrAsleep):
		r.Emit(Withheld{Checks: 1, Reason: c.err.Error()})
	case c.err != nil && ctx.Err() != nil: // a check that was stopped says nothing
	case c.err != nil:
		r.refuse(Refused{TaskID: c.task.ID, URL: c.task.URL, Reason: c.err.Error(), Hint: hint(c.err)})
	default:
		r.witness(c)
		if r.Line != nil && doubtful(c) {
			r.doubts = append(r.doubts, c)
			return
		}
		r.accept(c)
	}
}

// hint is what the user could do about a refusal.
func hint(err error) string {
	switch {
	case errors.Is(err, check.ErrPrivate):
		return "if this is a target of your own, for local development only: --allow-private"
	case errors.Is(err, check.ErrPort):
		return "to check on other ports, too: --allow-port"
	}
	return ""
}

func (r *Runner) tellSkipped() {
	if r.skipped > 0 {
		r.Emit(Limited{Checks: r.skipped})
	}
	r.skipped = 0
}

// accept signs a result and puts it into the outbox, and on the disk: whatever
// ends the worker now, the next one submits it.
func (r *Runner) accept(c checked) {
	r.totals.Checks++
	r.Emit(newCheck(c.task, c.seen))
	result := newResult(c.task, c.seen, r.offset())
	if err := r.Sign(&result); err != nil {
		r.Emit(Dropped{Results: 1, Reason: err.Error()})
		return
	}
	if lost := r.outbox.add(result); lost > 0 {
		r.Emit(Dropped{Results: lost, Reason: fmt.Sprintf("more than %d results wait to be submitted", maxWaiting)})
	}
	r.keep()
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
	r.keep()
	r.Emit(Stopped{Totals: r.totals, Unsent: unsent, Kept: unsent > 0 && r.outbox.saved && !r.outbox.changed})
	return unsent
}

// retryAfter is what the API asked for, if err is an answer of it.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
