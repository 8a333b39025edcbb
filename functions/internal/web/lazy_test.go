package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var fine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })

func get(ctx context.Context, h http.Handler) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	return w.Code, w.Body.String()
}

// A failure is answered with 503 and forgotten; a success is kept.
func TestLazyForgetsFailures(t *testing.T) {
	var builds int
	var log strings.Builder
	l := Lazy(slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) (http.Handler, error) {
		builds++
		switch builds {
		case 1:
			return nil, errors.New("SPANNER_DATABASE is not set")
		case 2:
			panic("broken")
		}
		return fine, nil
	})
	if builds != 0 {
		t.Fatal("built before the first request")
	}
	for i, reason := range []string{"SPANNER_DATABASE is not set", "panic: broken"} {
		log.Reset()
		status, body := get(context.Background(), l)
		if status != 503 || !strings.HasPrefix(body, `{"error":"the function cannot start`) || strings.Contains(body, reason) || !strings.Contains(log.String(), reason) {
			t.Errorf("request %d: %d %s; log %s", i, status, body, log.String())
		}
	}
	for range 3 {
		if status, body := get(context.Background(), l); status != 200 || body != "served" {
			t.Errorf("%d %s", status, body)
		}
	}
	if builds != 3 {
		t.Errorf("built %d times, want 3", builds)
	}
}

// Requests that come at once share one attempt: first a failing one, then a
// good one.
func TestLazyBuildsOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var builds atomic.Int64
		result := make(chan error)
		l := Lazy(slog.New(slog.DiscardHandler), func(context.Context) (http.Handler, error) {
			builds.Add(1)
			return fine, <-result
		})
		for round, c := range []struct {
			err    error
			status int
		}{{errors.New("no"), 503}, {nil, 200}} {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if status, body := get(context.Background(), l); status != c.status {
						t.Errorf("%d %s, want %d", status, body, c.status)
					}
				})
			}
			synctest.Wait() // all of them wait for the one attempt
			if n := builds.Load(); n != int64(round+1) {
				t.Errorf("round %d: %d attempts", round, n)
			}
			result <- c.err
			all.Wait()
		}
	})
}

// A request that goes away while building gets its 503 and takes nothing with
// it: the attempt goes on, with a context that lives.
func TestLazyOutlivesTheFirstRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var built context.Context
		goOn := make(chan bool)
		l := Lazy(slog.New(slog.DiscardHandler), func(ctx context.Context) (http.Handler, error) {
			built = ctx
			<-goOn
			return fine, ctx.Err()
		})
		ctx, cancel := context.WithCancel(context.Background())
		var first sync.WaitGroup
		first.Go(func() {
			if status, _ := get(ctx, l); status != 503 {
				t.Errorf("first request: %d", status)
			}
		})
		synctest.Wait()
		cancel()
		first.Wait()
		close(goOn)
		if status, body := get(context.Background(), l); status != 200 || built.Err() != nil {
			t.Errorf("second request: %d %s, %v", status, body, built.Err())
		}
	})
}
