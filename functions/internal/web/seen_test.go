package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// Every answer, also a refusal, says from where the caller was seen.
func TestSeenFrom(t *testing.T) {
	e := Endpoint{Method: http.MethodGet, Log: slog.New(slog.DiscardHandler), Serve: func(*http.Request) (any, error) { return nil, ErrInput }}
	for name, c := range map[string]struct{ forwarded, remote, want string }{
		"behind a load balancer": {"9.9.9.9, 93.184.215.14, 35.191.0.1", "169.254.1.1:5", "9.9.9.9,93.184.215.14,35.191.0.1"},
		"directly":               {"", "[2606:4700::1111]:5", "2606:4700::1111"},
		"on this machine":        {"", "127.0.0.1:5", ""},
		"garbage":                {"<script>, 10.0.0.1", "pipe", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if got := w.Header().Get(api.SeenFromHeader); got != c.want || w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %q, want %q", name, w.Code, got, c.want)
		}
	}
}
