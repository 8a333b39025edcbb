package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// maxWaiting is more than five minutes' results of a worker that polls as it should.
const maxWaiting = 1000

// outbox holds signed results until the API has judged them or they are too
// old. Submitting twice is safe, since a result counts once for ever: so a
// result leaves the outbox only with an answer.
type outbox struct {
	waiting []waiting
	batch   int // how many are submitted together
	retry   backoff
	changed bool // since it was kept
	saved   bool // something is kept
}

type waiting struct {
	api.Result
	tried bool // in an attempt whose outcome is unknown
}

func newOutbox(interval time.Duration) outbox {
	return outbox{batch: api.MaxBatch, retry: backoff{first: min(2*time.Second, interval), most: 30 * time.Second}}
}

func (o *outbox) len() int { return len(o.waiting) }

// add puts r at the end and returns how many had to make room for it.
func (o *outbox) add(r api.Result) int {
	o.changed = true
	o.waiting = append(o.waiting, waiting{Result: r})
	lost := max(0, len(o.waiting)-maxWaiting)
	o.waiting = slices.Delete(o.waiting, 0, lost)
	return lost
}

// next is when the next attempt may be made, if there is anything to submit.
func (o *outbox) next() (at time.Time, waiting bool) { return o.retry.until, len(o.waiting) > 0 }

// ready reports whether there is something to submit now.
func (o *outbox) ready(now time.Time) bool {
	at, waiting := o.next()
	return waiting && !now.Before(at)
}

// lastTry is when to try before the end: at once, and with short delays again,
// unless the API asked for time.
func (o *outbox) lastTry() time.Time {
	if !o.retry.asked {
		o.retry.succeeded()
	}
	return o.retry.until
}

// dropStale removes what the API would no longer take, and returns how many.
// Age is by the network's clock.
func (o *outbox) dropStale(now time.Time) int {
	before := len(o.waiting)
	oldest := now.Add(-api.MaxAge).UnixMilli()
	o.waiting = slices.DeleteFunc(o.waiting, func(w waiting) bool { return w.Timestamp <= oldest })
	stale := before - len(o.waiting)
	o.changed = o.changed || stale > 0
	return stale
}

// submit hands in everything that waits, a batch at a time, until the outbox
// is empty or an attempt fails. What it changes is kept.
func (r *Runner) submit(ctx context.Context) {
	o := &r.outbox
	defer r.keep()
	for {
		if stale := o.dropStale(r.networkTime()); stale > 0 {
			r.Emit(Dropped{Results: stale, Reason: fmt.Sprintf("not submitted within %v", api.MaxAge)})
		}
		if len(o.waiting) == 0 {
			return
		}
		batch := o.waiting[:min(o.batch, len(o.waiting))]
		results := make([]api.Result, len(batch))
		for i, w := range batch {
			results[i] = w.Result
		}
		receipt, err := r.API.Submit(ctx, results)
		if err != nil {
			r.submitFailed(batch, err)
			return
		}
		r.book(batch, receipt)
		o.waiting = slices.Delete(o.waiting, 0, len(batch))
		o.changed = true
		o.batch = min(2*o.batch, api.MaxBatch)
		o.retry.succeeded()
	}
}

// submitFailed keeps the batch for later. When the API refuses it as a whole,
// it is made smaller until the one result stands alone that it does not take.
func (r *Runner) submitFailed(batch []waiting, err error) {
	o := &r.outbox
	for i := range batch {
		o.changed = o.changed || !batch[i].tried
		batch[i].tried = true
	}
	if e, ok := errors.AsType[*client.Error](err); ok && e.Refused() {
		if len(batch) == 1 {
			o.waiting = slices.Delete(o.waiting, 0, 1)
			o.changed = true
			r.Emit(Dropped{Results: 1, Reason: err.Error()})
		} else {
			o.batch = len(batch) / 2
		}
	}
	wait := o.retry.failed(time.Now(), retryAfter(err))
	if len(o.waiting) == 0 {
		return
	}
	r.Emit(Problem{Doing: "submit", Error: err.Error(), RetryInMs: wait.Milliseconds(), Waiting: len(o.waiting)})
}

// book counts what the API made of a batch.
func (r *Runner) book(batch []waiting, receipt client.Receipt) {
	r.totals.Accepted += receipt.Accepted
	r.totals.Earned += receipt.Earned
	r.payments.earned(receipt.Earned, time.Now(), r.Interval)
	event := Submitted{Accepted: receipt.Accepted, Earned: receipt.Earned, Total: r.totals.Earned}
	for i, outcome := range receipt.Outcomes {
		r.compare(batch[i].Result, outcome)
		switch {
		case outcome.Status == api.Accepted:
			continue
		case outcome.Code == api.AlreadySubmitted && batch[i].tried:
			event.Recounted++
			continue
		case outcome.Status == api.Discarded:
			event.Discarded++
		default:
			event.Rejected++
		}
		event.NotPaid = append(event.NotPaid, NotPaid{batch[i].TaskID, outcome.Status, outcome.Code, outcome.Code.Text()})
	}
	if receipt.Outcomes == nil { // an API that names only the rejected
		event.Rejected = len(receipt.Errors)
		event.Discarded = max(0, len(batch)-receipt.Accepted-event.Rejected)
		for _, text := range receipt.Errors {
			event.NotPaid = append(event.NotPaid, NotPaid{Status: api.Rejected, Reason: text})
		}
	}
	r.Emit(event)
}

// compare says so when the network did not keep a result as it was sent: its id
// is a digest of all of it, also of what no signature covers, and what is paid
// is committed to by ids alone.
func (r *Runner) compare(sent api.Result, outcome api.Outcome) {
	if id := api.ResultID(sent); outcome.Status == api.Accepted && outcome.ResultID != "" && outcome.ResultID != id {
		r.Emit(Note{About: "result id", Text: fmt.Sprintf("the network keeps a result of %s that is not the one it was sent: its id is %s, and should be %s", sent.TaskID, cut(outcome.ResultID, len(id)), id)})
	}
}
