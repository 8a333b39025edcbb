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
	l := &lazy{log: log, build: build}
	return l.serveHTTP
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

type lazy struct {
	log   *slog.Logger
	build func(context.Context) (http.Handler, error)

	mu      sync.Mutex
	attempt *attempt // the one that runs, or that succeeded; else nil
}

// An attempt is one run of build. handler and err are set before done closes.
type attempt struct {
	done    chan struct{}
	handler http.Handler
	err     error
}

func (l *lazy) serveHTTP(w http.ResponseWriter, r *http.Request) {
	handler, err := l.get(r.Context())
	if err != nil {
		l.log.ErrorContext(r.Context(), "function cannot start", slog.Any("error", err))
		answerError(w, http.StatusServiceUnavailable, api.ErrorBody{Error: "the function cannot start at the moment; its log says why; try again in a few seconds"})
		return
	}
	handler.ServeHTTP(w, r)
}

func (l *lazy) get(ctx context.Context) (http.Handler, error) {
	l.mu.Lock()
	a := l.attempt
	if a == nil {
		a = &attempt{done: make(chan struct{})}
		l.attempt = a
		go l.run(context.WithoutCancel(ctx), a)
	}
	l.mu.Unlock()
	select {
	case <-a.done:
		return a.handler, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("still starting: %w", ctx.Err())
	}
}

func (l *lazy) run(ctx context.Context, a *attempt) {
	defer func() {
		// Not in the request's goroutine, a panic would end the whole instance.
		if p := recover(); p != nil {
			a.err = fmt.Errorf("panic: %v", p)
		}
		if a.err != nil {
			l.mu.Lock()
			l.attempt = nil
			l.mu.Unlock()
		}
		close(a.done)
	}()
	a.handler, a.err = l.build(ctx)
}
