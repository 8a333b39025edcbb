package web

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// shutdownTime is what a function has from SIGTERM on, less what it needs to go:
// Cloud Run gives 10 s.
const shutdownTime = 8 * time.Second

// observed is h, which sends what was traced and counted beside its requests,
// and what is left when the process is told to end. Without export it is h.
func observed(h http.Handler, export *telemetry.Export, log *slog.Logger) http.Handler {
	if export == nil {
		return h
	}
	o := &observer{next: h, export: export, log: log}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		<-told
		o.end(shutdownTime)
		// As if nobody had listened: the framework knows of no end.
		signal.Reset(syscall.SIGTERM)
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}()
	return o
}

type observer struct {
	next   http.Handler
	export *telemetry.Export
	log    *slog.Logger

	running sync.RWMutex // held for reading by each request
}

func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.running.RLock()
	defer o.running.RUnlock()
	o.next.ServeHTTP(w, r)
	o.export.Beside(r.Context())
}

// end waits for the requests that run, and then sends what is left, all within
// the time that there is.
func (o *observer) end(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	done := make(chan struct{})
	go func() { o.running.Lock(); close(done) }() // for good: no other request begins
	select {
	case <-done:
	case <-time.After(within / 2):
	}
	if err := o.export.Flush(ctx); err != nil {
		o.log.WarnContext(ctx, "traces and metrics of the last moments are lost", slog.Any("error", err))
	}
}
