package x402

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve answers every call with h and stops at the end of the test.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestSettleSendsThePayment(t *testing.T) {
	p := vectors(t)[0].payment(t)
	want, err := json.Marshal(p.Request())
	if err != nil {
		t.Fatal(err)
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/base/settle" || string(body) != string(want) || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %s", r.Method, r.URL, body)
		}
		_, _ = io.WriteString(w, `{"success":true,"transaction":"`+hashText+`","network":"eip155:8453","payer":"`+payer0+`"}`)
	})
	for _, base := range []string{url + "/base", url + "/base/"} {
		got := client(t, Options{URL: base}).Settle(t.Context(), p)
		if want := (Outcome{Kind: Settled, Tx: common.HexToHash(hashText)}); got != want {
			t.Errorf("%s: %+v, want %+v", base, got, want)
		}
	}
}

func TestSettleRefusesBeforeSending(t *testing.T) {
	var calls atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	bad := vectors(t)[0].payment(t)
	bad.Authorization.Value++
	if got := client(t, Options{URL: url}).Settle(t.Context(), bad); got.Kind != Refused || got.Reason != ReasonInvalidPayment {
		t.Errorf("altered payment: %+v", got)
	}
	if calls.Load() != 0 {
		t.Errorf("%d calls were made", calls.Load())
	}
}

type authFunc func(*http.Request) error

func (f authFunc) Authorize(r *http.Request) error { return f(r) }

func TestSettleWithoutCredentials(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	c := client(t, Options{URL: server.URL, Transport: server.Client().Transport, Auth: authFunc(func(*http.Request) error { return errors.New("no key") })})
	if got := c.Settle(t.Context(), vectors(t)[0].payment(t)); got.Kind != Refused || got.Reason != ReasonNoCredentials || calls.Load() != 0 {
		t.Errorf("%+v after %d calls", got, calls.Load())
	}
}

// A port that nobody listens on: surely not sent.
func TestSettleUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	_ = l.Close()
	if got := client(t, Options{URL: url}).Settle(t.Context(), vectors(t)[0].payment(t)); got.Kind != Refused || got.Reason != ReasonUnreachable {
		t.Errorf("%+v", got)
	}
}

// Once connected nothing is sure any more, even when not a byte came back.
func TestSettleLostAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		reason  string
	}{
		"no answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, ReasonTimeout},
		"hung up":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ReasonTransport},
		"hung up midway": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, `{"success":true,"transaction":"`+hashText+`"}`)
			panic(http.ErrAbortHandler)
		}, ReasonTransport},
		"never ends": {func(w http.ResponseWriter, _ *http.Request) {
			for range MaxAnswerBytes {
				if _, err := io.WriteString(w, "  "); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, `{"success":true,"transaction":"`+hashText+`"}`)
		}, ReasonTooLarge},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "http_307"},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) > 1 || r.URL.Path != "/settle" {
					t.Errorf("call %d is %s", calls.Load(), r.URL.Path)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				tt.handler(w, r)
			})
			got := client(t, Options{URL: url, SettleTimeout: 300 * time.Millisecond}).Settle(t.Context(), vectors(t)[0].payment(t))
			if got.Kind != Unknown || got.Reason != tt.reason || got.Tx != (common.Hash{}) {
				t.Errorf("%+v, want unknown, %s", got, tt.reason)
			}
		})
	}
}

// The inbound request may end; the settlement is heard out all the same.
func TestSettleOutlivesItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		time.Sleep(50 * time.Millisecond)
		_, _ = io.WriteString(w, `{"success":true,"transaction":"`+hashText+`"}`)
	})
	if got := client(t, Options{URL: url}).Settle(ctx, vectors(t)[0].payment(t)); got.Kind != Settled {
		t.Errorf("%+v", got)
	}
}

func TestSettleTwiceSendsTheSameBytes(t *testing.T) {
	var bodies []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		w.WriteHeader(http.StatusInternalServerError)
	})
	c := client(t, Options{URL: url})
	for range 2 {
		if got := c.Settle(t.Context(), vectors(t)[0].payment(t)); got.Kind != Unknown || got.Reason != "http_500" {
			t.Errorf("%+v", got)
		}
	}
	if len(bodies) != 2 || bodies[0] != bodies[1] {
		t.Errorf("bodies differ: %q", bodies)
	}
}

func TestVerify(t *testing.T) {
	p := vectors(t)[0].payment(t)
	for name, tt := range map[string]struct {
		status int
		body   string
		want   Verification
		fails  bool
	}{
		"valid":         {200, `{"isValid":true,"payer":"` + payer0 + `"}`, Verification{Valid: true}, false},
		"invalid":       {200, `{"isValid":false,"invalidReason":"insufficient_funds","invalidMessage":null}`, Verification{Reason: "insufficient_funds"}, false},
		"invalid, 400":  {400, `{"isValid":false,"invalidReason":"invalid_payload","invalidMessage":"x"}`, Verification{Reason: "invalid_payload", Detail: "x"}, false},
		"provider":      {401, `{"errorType":"unauthorized"}`, Verification{}, true},
		"valid but 500": {500, `{"isValid":true}`, Verification{}, true},
		"no answer":     {200, `{}`, Verification{}, true},
		"garbage":       {200, `isValid`, Verification{}, true},
		"too large":     {200, `{"isValid":true,"x":"` + strings.Repeat("x", MaxAnswerBytes) + `"}`, Verification{}, true},
	} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/verify" || r.Method != http.MethodPost {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		})
		got, err := client(t, Options{URL: url}).Verify(t.Context(), p)
		if (err != nil) != tt.fails || got != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	p.Signature[3] ^= 1
	if _, err := client(t, Options{URL: "http://127.0.0.1:1"}).Verify(t.Context(), p); !errors.Is(err, ErrAuthorization) {
		t.Errorf("altered payment: %v", err)
	}
}

func TestSupported(t *testing.T) {
	status, body := 200, `{"kinds":[{"x402Version":1,"scheme":"exact","network":"base"},{"x402Version":2,"scheme":"exact","network":"eip155:8453","extra":null}],"extensions":null,"signers":{"eip155:*":["`+payer0+`"]}}`
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/supported" || r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	c := client(t, Options{URL: url})
	got, err := c.Supported(t.Context())
	if err != nil || !got.Settles("eip155:8453") || got.Settles("base") {
		t.Errorf("%+v, %v", got, err)
	}
	for status, body = range map[int]string{500: `{}`, 200: `no`, 404: `{"kinds":[]}`} {
		if got, err := c.Supported(t.Context()); err == nil {
			t.Errorf("HTTP %d %s: %+v", status, body, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Supported(ctx); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), url) {
		t.Errorf("reads end with their caller, and do not show the URL: %v", err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	auth := authFunc(func(*http.Request) error { return nil })
	for name, o := range map[string]Options{
		"empty":                 {},
		"no scheme":             {URL: "facilitator.example"},
		"ftp":                   {URL: "ftp://facilitator.example"},
		"query":                 {URL: "https://facilitator.example/?key=1"},
		"credentials over http": {URL: "http://facilitator.example", Auth: auth},
	} {
		if _, err := NewClient(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// That no connection was seen is not enough: a transport may not tell.
func TestUnsentNeedsTwoWitnesses(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want Kind
	}{
		"dialling":  {&net.OpError{Op: "dial", Err: errors.New("refused")}, Refused},
		"resolving": {&net.DNSError{Err: "no such host"}, Refused},
		"writing":   {&net.OpError{Op: "write", Err: errors.New("reset")}, Unknown},
		"anything":  {errors.New("handshake failed"), Unknown},
	} {
		c := client(t, Options{URL: "https://facilitator.example", Transport: roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, tt.err })})
		if got := c.Settle(t.Context(), vectors(t)[0].payment(t)); got.Kind != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
}
