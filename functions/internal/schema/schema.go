// Package schema keeps a function from going on with a database that is older
// than it is.
package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Checker is *spannerdb.DB: spannerdb.ErrSchema when the database lacks
// something; any other error is no verdict.
type Checker interface {
	CheckSchema(ctx context.Context) error
}

// checkTime bounds one check.
const checkTime = 30 * time.Second

// Checked is h, which answers 503 once the database is known to lack what the
// function needs, until it has it; the log says which file was not applied. The
// check is made once per instance, beside what it serves and after its first
// answer that is no refusal (4xx), so that no request waits for it, a start
// costs nothing more, and what needs no database connects to none. (A request
// that needs what is missing has failed by then.)
func Checked(h http.Handler, db Checker, log *slog.Logger) http.Handler {
	return &guard{next: h, db: db, log: log}
}

type guard struct {
	next http.Handler
	db   Checker
	log  *slog.Logger

	asked atomic.Bool            // a check runs, or has found all well: none is due
	unfit atomic.Pointer[string] // what the last check found to be missing
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if missing := g.unfit.Load(); missing != nil {
		g.ask(r.Context())
		web.Endpoint{Method: r.Method, Log: g.log, Serve: func(*http.Request) (any, error) {
			return nil, fmt.Errorf("%w: %s", web.ErrUnavailable, *missing)
		}}.ServeHTTP(w, r)
		return
	}
	if g.asked.Load() {
		g.next.ServeHTTP(w, r)
		return
	}
	a := &answer{ResponseWriter: w}
	g.next.ServeHTTP(a, r)
	if a.status/100 != 4 {
		g.ask(r.Context())
	}
}

// An answer knows its status: 0 is 200, too.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// ask begins a check, if one is due.
func (g *guard) ask(ctx context.Context) {
	if g.asked.Load() || !g.asked.CompareAndSwap(false, true) {
		return
	}
	go g.run(context.WithoutCancel(ctx))
}

func (g *guard) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	err := g.db.CheckSchema(ctx)
	switch {
	case err == nil:
		g.unfit.Store(nil)
		return
	case errors.Is(err, spannerdb.ErrSchema):
		g.unfit.Store(new(err.Error()))
		g.log.ErrorContext(ctx, "function cannot start", slog.Any("error", err))
	default:
		g.log.WarnContext(ctx, "the database's schema was not checked", slog.Any("error", err))
	}
	g.asked.Store(false)
}
