package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// balance checks that every check is accounted for: accepted once by the API,
// or dropped with a reason, or still there at the end; and that what the
// worker says it earned is what the API paid, save what it calls recounted.
func balance(t *testing.T, w *worker, n *network) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, times := range n.accepted {
		if times != 1 {
			t.Errorf("%s was accepted %d times", id, times)
		}
	}
	var dropped, counted, recounted, rejected int
	for _, d := range events[Dropped](w) {
		dropped += d.Results
	}
	for _, s := range events[Submitted](w) {
		counted += s.Accepted
		recounted += s.Recounted
		rejected += s.Rejected + s.Discarded
	}
	end := events[Stopped](w)[0]
	if counted != end.Accepted || end.Earned != client.Micros(counted*reward) {
		t.Errorf("the worker counted %d accepted, and ends with %+v", counted, end)
	}
	if counted+recounted+rejected+dropped+end.Unsent != end.Checks {
		t.Errorf("%d checks, but %d accepted, %d recounted, %d rejected, %d dropped, %d unsent", end.Checks, counted, recounted, rejected, dropped, end.Unsent)
	}
	// What was dropped or unsent may have been counted in an attempt whose answer was lost.
	if len(n.accepted) < counted+recounted || len(n.accepted) > counted+recounted+dropped+end.Unsent || rejected != 0 {
		t.Errorf("the API accepted %d; the worker knows of %d + %d (dropped %d, unsent %d, rejected %d)", len(n.accepted), counted, recounted, dropped, end.Unsent, rejected)
	}
}

// A day on a bad line: requests that never come, answers that get lost,
// outages, an API that asks for time.
func TestBadDay(t *testing.T) {
	for range 8 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			trouble := func(share float64) error {
				switch {
				case random.Float64() > share:
					return nil
				case random.Float64() < 0.1:
					return &client.Error{Status: 429, RetryAfter: time.Duration(random.IntN(400)) * time.Second, Text: "slow down"}
				}
				return away
			}
			n := &network{}
			n.tasks = func(int) ([]api.Task, error) {
				if err := trouble(0.3); err != nil {
					return nil, err
				}
				tasks := make([]int64, random.IntN(60))
				for i := range tasks {
					tasks[i] = random.Int64N(20_000)
				}
				return give(tasks...)(0)
			}
			n.before = func(int, []api.Result) error { return trouble(0.3) }
			n.after = func(int, []api.Result) error { return trouble(0.3) }
			w := newWorker(n)
			w.runFor(t, 24*time.Hour)
			balance(t, w, n)
			if len(n.accepted) < 1000 {
				t.Errorf("only %d accepted", len(n.accepted))
			}
		})
	}
}

// moody is the same network behind HTTP, in all the ways an HTTP server can
// fail: before it has looked at a request, or after.
func moody(n *network, random *rand.Rand) http.Handler {
	roll := func(sides int) int {
		n.mu.Lock()
		defer n.mu.Unlock()
		return random.IntN(sides)
	}
	fail := func(w http.ResponseWriter, way int) {
		switch way {
		case 0:
			http.Error(w, "oh", http.StatusInternalServerError)
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			_, _ = io.WriteString(w, "<html>")
		case 3:
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
		case 4:
			_, _ = io.WriteString(w, strings.Repeat("[", 10<<20))
		case 5:
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"accepted":1`)
		}
	}
	const ways = 6
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if roll(3) == 0 {
			fail(w, roll(ways))
			return
		}
		if r.URL.Path == api.ResultsPath && roll(3) == 0 {
			overHTTP(n).ServeHTTP(httptest.NewRecorder(), r) // it counts, and the answer is lost
			fail(w, roll(ways))
			return
		}
		overHTTP(n).ServeHTTP(w, r)
	})
}

// overHTTP is the network as its functions serve it.
func overHTTP(n *network) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case api.TasksPath:
			tasks, err := n.Tasks(r.Context())
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_ = json.NewEncoder(w).Encode(tasks)
		case api.ResultsPath:
			var results []api.Result
			if err := json.NewDecoder(r.Body).Decode(&results); err != nil || len(results) == 0 || len(results) > api.MaxBatch {
				http.Error(w, fmt.Sprintf("%d results, %v", len(results), err), http.StatusBadRequest) // which the worker gives up
				return
			}
			receipt, err := n.Submit(r.Context(), results)
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_ = json.NewEncoder(w).Encode(api.SubmitResponse{Accepted: receipt.Accepted, Earned: receipt.Earned.String(), Results: receipt.Outcomes})
		default:
			http.NotFound(w, r)
		}
	})
}

// The same over real connections, until enough has been paid.
func TestMisbehavingServer(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	n := &network{tasks: func(poll int) ([]api.Task, error) { // never the same task twice within a millisecond
		tasks, _ := give(make([]int64, 20)...)(0)
		for i := range tasks {
			tasks[i].ID += fmt.Sprint(":", poll)
		}
		return tasks, nil
	}}
	server := httptest.NewServer(moody(n, rand.New(rand.NewPCG(seed, 1))))
	defer server.Close()
	c, err := client.New(server.URL, "0x", "", "Test/1")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(c)
	w.Interval = 5 * time.Millisecond
	w.polls = backoff{first: time.Millisecond, most: 10 * time.Millisecond}
	w.outbox.retry = backoff{first: time.Millisecond, most: 10 * time.Millisecond}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	emit := w.Emit
	w.Emit = func(e Event) {
		emit(e)
		if s, ok := e.(Submitted); ok && s.Total >= 400*reward {
			cancel()
		}
	}
	w.Run(ctx)
	balance(t, w, n)
	if len(n.accepted) < 400 || len(events[Problem](w)) == 0 || len(events[Dropped](w)) != 0 || events[Stopped](w)[0].Unsent != 0 {
		t.Errorf("%d accepted, %d problems, dropped %v, %+v", len(n.accepted), len(events[Problem](w)), events[Dropped](w), events[Stopped](w))
	}
}
