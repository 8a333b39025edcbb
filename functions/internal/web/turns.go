package web

import (
	"context"
	"fmt"
	"time"
)

// AnswerWithin is how long a worker's request may take: a worker waits for 15 s,
// and then asks again.
const AnswerWithin = 12 * time.Second

// Turns bounds how many requests one instance works on at once. When a database
// falls behind, each request more makes all of them slower, until every answer
// comes too late for who asked, and nothing gets done although all is busy. So
// those beyond the bound wait a little, and are then sent away before anything
// was done for them: what is answered, is answered in time.
type Turns struct {
	free chan struct{}
	wait time.Duration
}

// NewTurns lets n requests work at once, and any other wait for at most that
// long.
func NewTurns(n int, wait time.Duration) *Turns {
	return &Turns{free: make(chan struct{}, n), wait: wait}
}

// Take waits for a turn, which ends with leave. The error is ErrUnavailable, or
// the context's.
func (t *Turns) Take(ctx context.Context) (leave func(), err error) {
	leave = func() { <-t.free }
	select {
	case t.free <- struct{}{}:
		return leave, nil
	default:
	}
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	select {
	case t.free <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, fmt.Errorf("%w: %d requests were at work for %v, and none was done", ErrUnavailable, cap(t.free), t.wait)
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
}
