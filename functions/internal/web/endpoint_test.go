package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// call serves one request and returns the answer, its ErrorBody if it has one,
// and the log.
func call(t *testing.T, e Endpoint, r *http.Request) (*http.Response, string, string) {
	t.Helper()
	var log bytes.Buffer
	e.Log = telemetry.NewLogger(&log, slog.LevelDebug)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	resp := w.Result()
	if ct := resp.Header.Get("Content-Type"); ct != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", resp.Header)
	}
	return resp, strings.TrimSpace(w.Body.String()), log.String()
}

func TestErrorsBecomeStatuses(t *testing.T) {
	secret := errors.New("secret detail")
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		err    error
		status int
		body   string
		level  string
		code   api.Code
	}{
		{fmt.Errorf("%w: region is too long", ErrInput), 400, "bad request: region is too long", "INFO", ""},
		{fmt.Errorf("%w: not JSON", api.ErrBatch), 400, "not a batch of results: not JSON", "INFO", ""},
		{fmt.Errorf("address: %w", api.ErrAddress), 400, "address: " + api.ErrAddress.Error(), "INFO", ""},
		{fmt.Errorf("x: %w", &http.MaxBytesError{Limit: 9}), 413, "body too large: the limit is 9 bytes; send less in one request", "INFO", ""},
		{fmt.Errorf("%w: %w", api.ErrBatch, &http.MaxBytesError{Limit: 9}), 413, "body too large: the limit is 9 bytes; send less in one request", "INFO", ""},
		{fmt.Errorf("x: %w", &api.ProofError{Code: api.ProofMalformed, Detail: "no nonce"}), 400, "x: malformed poll proof: no nonce", "INFO", api.ProofMalformed},
		{&api.ProofError{Code: api.ProofClock, Detail: "set the clock"}, 401, "poll proof refused: set the clock", "INFO", api.ProofClock},
		{fmt.Errorf("x: %w", schedule.TooManyPollsError{Wait: 1500 * time.Millisecond}), 429, "x: too many polls: 60 a minute are answered; poll again in 1.5s, and then every 30 s", "INFO", ""},
		{ledger.ErrLeased, 409, "leased by another instance", "INFO", ""},
		{fmt.Errorf("%w: %w", ErrUnavailable, secret), 503, "the service is not available at the moment; try again in a few seconds", "ERROR", ""},
		{fmt.Errorf("%w: %w", context.DeadlineExceeded, secret), 503, "the service is not available at the moment; try again in a few seconds", "ERROR", ""},
		{fmt.Errorf("spannerdb: %w", spanner.ToSpannerError(status.Error(codes.DeadlineExceeded, "secret detail"))), 503, "the service is not available at the moment; try again in a few seconds", "ERROR", ""},
		{fmt.Errorf("spannerdb: %w", status.Error(codes.Unavailable, "secret detail")), 503, "the service is not available at the moment; try again in a few seconds", "ERROR", ""},
		{fmt.Errorf("spannerdb: %w", status.Error(codes.NotFound, "secret detail")), 500, "internal error; try again later", "ERROR", ""},
		{fmt.Errorf("spannerdb: %w", secret), 500, "internal error; try again later", "ERROR", ""},
		{nil, 500, "internal error; try again later", "ERROR", ""}, // an answer that has no JSON form
	} {
		serve := func(*http.Request) (any, error) { return math.NaN(), c.err }
		resp, body, log := call(t, Endpoint{Method: "GET", Serve: serve}, httptest.NewRequest("GET", "/", nil))
		want, _ := json.Marshal(api.ErrorBody{Error: c.body, Code: c.code})
		if resp.StatusCode != c.status || body != string(want) {
			t.Errorf("%v: %d %s, want %d %s", c.err, resp.StatusCode, body, c.status, want)
		}
		if (resp.Header.Get("WWW-Authenticate") != "") != (c.status == 401) {
			t.Errorf("%v: WWW-Authenticate %q", c.err, resp.Header.Get("WWW-Authenticate"))
		}
		if want := map[int]string{503: "5", 429: "2"}[c.status]; resp.Header.Get("Retry-After") != want {
			t.Errorf("%v: Retry-After %q", c.err, resp.Header.Get("Retry-After"))
		}
		if !strings.Contains(log, `"severity":"`+c.level+`"`) || c.err != nil && errors.Is(c.err, secret) && !strings.Contains(log, "secret detail") {
			t.Errorf("%v: log %s", c.err, log)
		}
	}

	gone := httptest.NewRequest("GET", "/", nil).WithContext(canceled)
	_, _, log := call(t, Endpoint{Method: "GET", Serve: func(r *http.Request) (any, error) { return nil, r.Context().Err() }}, gone)
	if !strings.Contains(log, `"severity":"INFO"`) {
		t.Errorf("a caller that went away is no error of ours: %s", log)
	}
}

func TestOneMethod(t *testing.T) {
	served := 0
	e := Endpoint{Method: http.MethodGet, Serve: func(*http.Request) (any, error) { served++; return []string{}, nil }}
	for _, method := range []string{"POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get"} {
		resp, body, _ := call(t, e, httptest.NewRequest(method, "/", nil))
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET" || body != `{"error":"method not allowed: use GET"}` {
			t.Errorf("%s: %d, Allow %q, %s", method, resp.StatusCode, resp.Header.Get("Allow"), body)
		}
	}
	if served != 0 {
		t.Errorf("%d served", served)
	}
	if resp, body, _ := call(t, e, httptest.NewRequest("GET", "/", nil)); resp.StatusCode != 200 || body != "[]" || served != 1 {
		t.Errorf("GET: %d %s", resp.StatusCode, body)
	}
}

// A caller that sends all of its body before it reads gets its 413, too.
func TestBodyCapWithASimpleClient(t *testing.T) {
	server := httptest.NewServer(Endpoint{Method: "POST", MaxBody: 1000, Log: slog.New(slog.DiscardHandler), Serve: func(r *http.Request) (any, error) {
		_, err := io.ReadAll(r.Body)
		return nil, err
	}})
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 10 << 20
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
	for range 10 { // slowly, so that an early end of the connection would be noticed
		if _, err := conn.Write(make([]byte, size/10)); err != nil {
			t.Fatalf("sending: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 413 {
		t.Fatalf("%v, %v", resp, err)
	}
}

func TestBodyCap(t *testing.T) {
	e := Endpoint{Method: "POST", MaxBody: 1000, Log: slog.New(slog.DiscardHandler), Serve: func(r *http.Request) (any, error) {
		b, err := io.ReadAll(r.Body)
		return len(b), err
	}}
	server := httptest.NewServer(e)
	defer server.Close()
	for _, c := range []struct {
		size, status int
		chunked      bool
	}{
		{0, 200, false}, {1000, 200, false}, {1001, 413, false}, {10 << 20, 413, false},
		{1000, 200, true}, {1001, 413, true}, {10 << 20, 413, true},
	} {
		var body io.Reader = bytes.NewReader(make([]byte, c.size))
		if c.chunked {
			body = io.MultiReader(body) // hides the length
		}
		resp, err := http.Post(server.URL, "application/json", body)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || c.status == 200 && strings.TrimSpace(string(text)) != fmt.Sprint(c.size) {
			t.Errorf("%+v: %d %s, %v", c, resp.StatusCode, text, err)
		}
	}
}

func TestAnswersAreNotEscapedForHTML(t *testing.T) {
	_, body, _ := call(t, Endpoint{Method: "GET", Serve: func(*http.Request) (any, error) { return "https://a/?b&c<d>", nil }}, httptest.NewRequest("GET", "/", nil))
	if body != `"https://a/?b&c<d>"` {
		t.Error(body)
	}
}

func TestLogsHoldTheTrace(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("traceparent", "00-06796866738c859f2f19b7cfb3214824-00f067aa0ba902b7-01")
	_, _, log := call(t, Endpoint{Method: "GET", Serve: func(*http.Request) (any, error) { return nil, ErrInput }}, r)
	if !strings.Contains(log, "06796866738c859f2f19b7cfb3214824") {
		t.Error(log)
	}
}
