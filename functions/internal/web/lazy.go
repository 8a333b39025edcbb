package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// Lazy is a function whose handler is made by build on the first request, once
// per instance: registering it does no I/O and reads no environment.
//
// Requests that come while build runs wait for it, each as long as its own
// context lasts. When build fails, those requests are answered with 503, the
// reason goes to the log, and the next request tries again: nothing of the
// failure is remembered. The context that build gets does not end with the
// request, so that clients made with it live on.
func Lazy(log *slog.Logger, build func(context.Context) (http.Handler, error)) http.HandlerFunc {
	made := NewOnce(build)
	return func(w http.ResponseWriter, r *http.Request) {
		handler, err := made.Get(r.Context())
		if err != nil {
			log.ErrorContext(r.Context(), "function cannot start", slog.Any("error", err))
			answerError(w, http.StatusServiceUnavailable, api.ErrorBody{Error: "the function cannot start at the moment; its log says why; try again in a few seconds"})
			return
		}
		handler.ServeHTTP(w, r)
	}
}

// Deployed is a function as it is deployed: Lazy, made by build from the
// environment, logging to stderr what keeps it from starting, and traced and
// counted in Google Cloud.
func Deployed(build func(context.Context, func(name string) (string, bool)) (http.Handler, error)) http.HandlerFunc {
	log := telemetry.NewLogger(os.Stderr, slog.LevelInfo)
	return Lazy(log, func(ctx context.Context) (http.Handler, error) {
		h, err := build(ctx, os.LookupEnv)
		if err != nil {
			return nil, err
		}
		export, err := telemetry.Start(os.LookupEnv)
		if err != nil {
			return nil, err
		}
		return observed(h, export, log), nil
	})
}

// Once is what is made once, when it is first needed. It is safe for concurrent
// use.
type Once[T any] struct {
	build func(context.Context) (T, error)

	mu      sync.Mutex
	attempt *attempt[T] // the one that runs, or that succeeded; else nil
}

// NewOnce is what build makes; its context ends with no caller's.
func NewOnce[T any](build func(context.Context) (T, error)) *Once[T] { return &Once[T]{build: build} }

// An attempt is one run of build. value and err are set before done closes.
type attempt[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// Get is the value. Whoever comes while it is being made waits for it, as long
// as ctx lasts; when that fails, all who waited have the error, and the next
// call tries again.
func (o *Once[T]) Get(ctx context.Context) (T, error) {
	o.mu.Lock()
	a := o.attempt
	if a == nil {
		a = &attempt[T]{done: make(chan struct{})}
		o.attempt = a
		go o.run(context.WithoutCancel(ctx), a)
	}
	o.mu.Unlock()
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("still starting: %w", ctx.Err())
	}
}

func (o *Once[T]) run(ctx context.Context, a *attempt[T]) {
	defer func() {
		// Not in the request's goroutine, a panic would end the whole instance.
		if p := recover(); p != nil {
			a.err = fmt.Errorf("panic: %v", p)
		}
		if a.err != nil {
			o.mu.Lock()
			o.attempt = nil
			o.mu.Unlock()
		}
		close(a.done)
	}()
	a.value, a.err = o.build(ctx)
}
