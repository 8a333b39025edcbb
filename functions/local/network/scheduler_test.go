package network

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

func TestScheduler(t *testing.T) {
	var mu sync.Mutex
	calls := map[string]int{}
	running, overlapped := 0, false
	functions := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls[r.Method+r.URL.Path]++
		if r.URL.Path == "/Slow" {
			running++
			overlapped = overlapped || running > 1
		}
		mu.Unlock()
		if r.URL.Path == "/Slow" {
			time.Sleep(30 * time.Millisecond) // several turns
			mu.Lock()
			running--
			mu.Unlock()
			w.WriteHeader(http.StatusInternalServerError) // does not end the job
		}
	}))
	defer functions.Close()
	s := &scheduler{functions: functions.URL, http: functions.Client(), log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(ctx, []job{
			{function: "Slow", every: 5 * time.Millisecond},
			{function: "Daily", every: time.Hour, atStart: true},
			{function: "Later", every: time.Hour},
		})
	}()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		enough := calls["POST/Slow"] >= 3
		mu.Unlock()
		if enough {
			break
		}
	}
	cancel()
	<-done
	mu.Lock()
	defer mu.Unlock()
	if calls["POST/Slow"] < 3 || calls["POST/Daily"] != 1 || calls["POST/Later"] != 0 || overlapped {
		t.Errorf("calls %v, overlapped %v", calls, overlapped)
	}
}
