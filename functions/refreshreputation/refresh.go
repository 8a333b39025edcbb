package refreshreputation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// ErrMostlyBroken means that more than half of a file's lines could not be
// read. The adapter's field names do not fit it, most likely, and no tier may
// change because of that.
var ErrMostlyBroken = errors.New("most lines cannot be read; check the field names of the log adapter")

// ErrUnreadable means that some logs could not be read; all others count.
var ErrUnreadable = errors.New("logs cannot be read; what was counted of them before stays")

// run is one refresh.
type run struct {
	handler
	fence spannerdb.Fence
	until time.Time

	mu  sync.Mutex
	sum Summary
}

func (r *run) timeIsUp() bool { return !r.Now().Before(r.until) }

func (r *run) refresh(ctx context.Context) error {
	if err := r.Adapter.Validate(); err != nil {
		return err
	}
	objects, err := r.Logs.List(ctx, reputation.LogPrefix)
	if err != nil {
		return err
	}
	known, err := r.Staging.SpendLogs(ctx)
	if err != nil {
		return err
	}
	reader := r.Adapter.Fingerprint(r.Piece)
	p := makePlan(objects, known, reader)
	r.report(ctx, p)
	if err := r.stageAll(ctx, p.jobs, reader); err != nil || r.sum.Unfinished {
		return err
	}
	if err := r.applyAll(ctx, p.stillPending()); err != nil || r.sum.Unfinished {
		return err
	}
	counted, err := r.countAll(ctx, p, reader)
	if err != nil {
		return err
	}
	if err := r.applyAll(ctx, counted); err != nil || r.sum.Unfinished {
		return err
	}
	if r.sum.Unreadable > 0 {
		return fmt.Errorf("%d %w", r.sum.Unreadable, ErrUnreadable)
	}
	return nil
}

// report logs what is odd about the bucket.
func (r *run) report(ctx context.Context, p plan) {
	r.sum.Logs, r.sum.Read, r.sum.Missing, r.sum.Twice = p.logs, len(p.jobs), len(p.missing), len(p.twice)
	if len(p.missing) > 0 {
		r.Log.WarnContext(ctx, "spend logs are gone from the bucket; what was counted of them stays",
			slog.Int("logs", len(p.missing)), slog.Any("first", p.missing[:min(len(p.missing), 5)]))
	}
	if len(p.twice) > 0 {
		r.Log.WarnContext(ctx, "spend logs are there plain and gzipped; the plain ones count",
			slog.Int("logs", len(p.twice)), slog.Any("first", p.twice[:min(len(p.twice), 5)]))
	}
}

// stageAll reads the logs, several at a time, and changes no total. It fails
// when the store does, and when a log is mostly broken.
func (r *run) stageAll(ctx context.Context, jobs []*job, reader string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(r.Parallel, 1))
	for _, j := range jobs {
		group.Go(func() error {
			stored, err := r.stage(ctx, j, reader)
			if stored != nil {
				return stored
			}
			j.err = err
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var broken []error
	for _, j := range jobs {
		c := j.log.Staged.Count
		switch {
		case errors.Is(j.err, ErrGone):
			r.sum.Changed++
			r.Log.WarnContext(ctx, "a spend log was replaced while being read; the next run reads it", slog.String("log", j.object.Name))
		case j.err != nil:
			r.sum.Unreadable++
			r.Log.ErrorContext(ctx, "a spend log cannot be read", slog.String("log", j.object.Name), slog.Any("error", j.err))
		case j.ended:
			r.sum.Unfinished = true
		case c.MostlyBroken():
			broken = append(broken, fmt.Errorf("%s: %d of %d lines: %w", j.object.Name, c.Broken, c.Lines, ErrMostlyBroken))
		}
	}
	return errors.Join(broken...)
}

// stage reads one log, from where an earlier run stopped, and stores it piece
// by piece. fatal is the store's error; err is the log's own.
func (r *run) stage(ctx context.Context, j *job, reader string) (fatal, err error) {
	j.log.Staged = j.log.Stage(j.object.Generation, reader)
	s := &j.log.Staged
	if s.Done {
		return nil, nil
	}
	if j.ended = r.timeIsUp(); j.ended {
		return nil, nil
	}
	in, err := r.Logs.Open(ctx, j.object, s.Offset)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if s.Pieces == 0 {
		// The version is taken before anything is stored under it, so that what
		// is found under a version is always of one generation.
		if err := r.Staging.StageSpend(ctx, r.fence, j.log, nil, r.Now()); err != nil {
			return err, nil
		}
	}
	lines := r.Adapter.NewReader(in, s.Offset)
	for !s.Done {
		t, last, err := lines.Read(r.Piece)
		if err != nil {
			return nil, err
		}
		r.note(ctx, j.object.Name, t)
		s.Offset, s.Done, s.Pieces, s.Count = lines.Offset(), last, s.Pieces+1, s.Count.Add(t.Count)
		if err := r.Staging.StageSpend(ctx, r.fence, j.log, t.Sorted(), r.Now()); err != nil {
			return err, nil
		}
		if j.ended = !s.Done && r.timeIsUp(); j.ended {
			return nil, nil
		}
	}
	return nil, nil
}

func (r *run) note(ctx context.Context, object string, t *reputation.Tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Lines += t.Lines
	r.sum.Broken += t.Broken
	r.sum.FailedCalls += t.Failed
	r.sum.Rounded += t.Rounded
	if t.Broken > 0 {
		r.Log.WarnContext(ctx, "broken lines in a spend log", slog.String("log", object),
			slog.Int64("broken", t.Broken), slog.Int64("lines", t.Lines), slog.Any("samples", t.Samples))
	}
}

// countAll makes what was read count. Of a day that was written anew, and
// could not wholly be read, nothing changes. What is dropped comes first: were
// the run to end after the new files, nothing would tell that it must go.
func (r *run) countAll(ctx context.Context, p plan, reader string) (counted []reputation.SpendLog, err error) {
	skip := p.halfRead()
	for _, j := range p.drops {
		if skip[j.log.Day] {
			continue
		}
		j.log.Staged = j.log.Stage(0, reader)
		j.log.Staged.Done = true
		r.sum.Dropped++
		r.Log.WarnContext(ctx, "a spend log's day was written anew without it; it is dropped", slog.String("log", j.log.Name))
	}
	for _, j := range append(p.drops, p.jobs...) {
		if j.err != nil || skip[j.log.Day] {
			continue
		}
		l := j.log
		replaced := l.Counted.Version
		l.Counted, l.Replaced = l.Staged, &replaced
		if err := r.Totals.CountSpend(ctx, r.fence, l, r.Now()); err != nil {
			return nil, err
		}
		counted = append(counted, l)
		r.sum.Counted++
	}
	return counted, nil
}

// applyAll sets right the totals of the wallets in logs that count since
// lately.
func (r *run) applyAll(ctx context.Context, logs []reputation.SpendLog) error {
	for i, l := range logs {
		if i > 0 && r.timeIsUp() { // the first one always: runs with little time come to an end, too
			r.sum.Unfinished = true
			return nil
		}
		for after, more := "", true; more; {
			last, err := r.Totals.ApplySpend(ctx, r.fence, l, after, r.Now())
			if err != nil {
				return fmt.Errorf("%s: %w", l.Name, err)
			}
			after, more = last, last != ""
		}
		if err := r.Totals.SettleSpend(ctx, r.fence, l, r.Now()); err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
	}
	return nil
}
