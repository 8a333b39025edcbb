package main

import (
	"context"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// books is what the network last told of the worker's earnings. The live view
// asks for it after submissions, and the runner now and then, to tell what was
// paid: what one of them was just told is not fetched again for the other.
type books struct {
	fetch func(context.Context) (api.WorkerStatus, error)
	fresh time.Duration          // for which an answer serves again
	told  func(api.WorkerStatus) // of every answer; or nil

	turn chan struct{} // full while one asks; the other waits for that answer
	last api.WorkerStatus
	at   time.Time // of last; zero: there is none
}

func newBooks(fresh time.Duration, fetch func(context.Context) (api.WorkerStatus, error)) *books {
	return &books{fetch: fetch, fresh: fresh, turn: make(chan struct{}, 1)}
}

// ask is the last answer while it is fresh, and else a new one. No answer
// leaves the last as it is.
func (b *books) ask(ctx context.Context) (api.WorkerStatus, error) {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return api.WorkerStatus{}, ctx.Err()
	}
	if !b.at.IsZero() && time.Since(b.at) < b.fresh {
		return b.last, nil
	}
	status, err := b.fetch(ctx)
	if err != nil {
		return api.WorkerStatus{}, err
	}
	b.last, b.at = status, time.Now()
	if b.told != nil {
		b.told(status)
	}
	return status, nil
}
