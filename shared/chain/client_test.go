package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

func TestDial(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	if _, err := chain.Dial(t.Context(), w.dev.URL, 8453); !errors.Is(err, chain.ErrWrongChain) {
		t.Errorf("another chain id: %v", err)
	}
	for _, bad := range []string{"", "localhost:8545", "ws://localhost", "/dev/null", "http://", "http://[::1"} {
		if _, err := chain.Dial(t.Context(), bad, 84532); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// The URL of a paid node holds a key.
func TestNoKeyInErrors(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusForbidden) }))
	defer broken.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, base := range []string{broken.URL, gone.URL} {
		_, err := chain.DialWith(t.Context(), base+"/v2/SECRET?key=SECRET", 84532, limits())
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// What passes is asked for again, so many times; what does not is not.
func TestRetries(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	tries := int64(limits().Tries)
	for name, c := range map[string]struct {
		err   error
		again bool
	}{
		"429":                   {devchain.HTTPStatus(429), true},
		"500":                   {devchain.HTTPStatus(500), true},
		"503":                   {devchain.HTTPStatus(503), true},
		"hang up":               {devchain.ErrHangUp, true},
		"over rate limit":       {&devchain.RPCError{Code: -32016, Message: "over rate limit"}, true},
		"limit exceeded":        {&devchain.RPCError{Code: -32005, Message: "limit exceeded"}, true},
		"too many requests":     {&devchain.RPCError{Code: -32000, Message: "Too Many Requests, slow down"}, true},
		"a lagging backend":     {&devchain.RPCError{Code: -32000, Message: "header not found"}, true},
		"forbidden":             {devchain.HTTPStatus(403), false},
		"not found":             {devchain.HTTPStatus(404), false},
		"unknown method":        {&devchain.RPCError{Code: -32601, Message: "the method does not exist"}, false},
		"invalid params":        {&devchain.RPCError{Code: -32602, Message: "missing value for required argument 0"}, false},
		"revert":                {&devchain.RPCError{Code: 3, Message: "execution reverted"}, false},
		"state has been pruned": {&devchain.RPCError{Code: -32000, Message: "missing trie node"}, false},
	} {
		var calls atomic.Int64
		w.dev.Intercept(func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
			calls.Add(1)
			return nil, c.err
		})
		if _, err := w.client.HasCode(t.Context(), common.Address{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		want := int64(1)
		if c.again {
			want = tries
		}
		if calls.Load() != want {
			t.Errorf("%s: asked %d times, want %d", name, calls.Load(), want)
		}
		// And once it has passed, the answer counts.
		calls.Store(0)
		w.dev.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
			if calls.Add(1) < tries {
				return nil, c.err
			}
			return next(ctx, call)
		})
		if code, err := w.client.HasCode(t.Context(), w.dev.Multicall); (err == nil && code) != c.again {
			t.Errorf("%s, then not: %v, %v", name, code, err)
		}
	}
}

// A node that says how long to wait is left alone for so long, within limits.
func TestRetryAfter(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	target, err := url.Parse(w.dev.URL)
	ok(t, err)
	node := httputil.NewSingleHostReverseProxy(target)
	var busy atomic.Value // the Retry-After of the next answer
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if seconds := busy.Swap("").(string); seconds != "" {
			rw.Header().Set("Retry-After", seconds)
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		node.ServeHTTP(rw, r)
	}))
	defer server.Close()
	for _, c := range []struct {
		retryAfter           string
		maxWait, least, most time.Duration
	}{
		{"1", time.Minute, time.Second, 50 * time.Second},
		{"60", 50 * time.Millisecond, 50 * time.Millisecond, 50 * time.Second},
	} {
		busy.Store("")
		l := limits()
		l.MaxWait = c.maxWait
		client, err := chain.DialWith(t.Context(), server.URL, 84532, l)
		ok(t, err)
		busy.Store(c.retryAfter)
		start := time.Now()
		_, err = client.Heads(t.Context())
		ok(t, err)
		if took := time.Since(start); took < c.least || took > c.most {
			t.Errorf("at most %s: waited %s", c.maxWait, took)
		}
		client.Close()
	}
}

func TestSlowNode(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	l := limits()
	l.Timeout, l.Tries = 50*time.Millisecond, 2
	client, err := chain.DialWith(t.Context(), w.dev.URL, 84532, l)
	ok(t, err)
	defer client.Close()
	w.dev.Intercept(func(ctx context.Context, _ devchain.Call, _ devchain.Next) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	start := time.Now()
	if _, err := client.Heads(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Heads(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller: %v", err)
	}
}

// Nodes bound eth_getLogs each in its own words; all of them are understood.
func TestLogRanges(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	a := w.authorization(1)
	ok(t, w.dev.Mine(t.Context(), 20))
	tx := w.pay(w.dev.Relayer, a)
	ok(t, w.dev.Mine(t.Context(), 20))
	for _, refusal := range []error{
		&devchain.RPCError{Code: -32005, Message: "query returned more than 10000 results"},
		&devchain.RPCError{Code: -32005, Message: "limit exceeded"},
		&devchain.RPCError{Code: -32602, Message: "query exceeds max block range 7"},
		&devchain.RPCError{Code: -32000, Message: "block range too large"},
		&devchain.RPCError{Code: -32614, Message: "eth_getLogs is limited to a 10,000 range"},
		&devchain.RPCError{Code: -32600, Message: "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range."},
		&devchain.RPCError{Code: -32008, Message: "Log response size exceeded."},
		&devchain.RPCError{Code: -32011, Message: "no backend is currently healthy: block range is too wide"},
	} {
		for _, max := range []uint64{1, 7, 30} {
			client, err := chain.DialWith(t.Context(), w.dev.URL, 84532, limits())
			ok(t, err)
			asked := map[string]bool{}
			w.onMethod("eth_getLogs", func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
				if asked[string(call.Params[0])] {
					t.Errorf("%v: asked again for %s", refusal, call.Params[0])
				}
				asked[string(call.Params[0])] = true
				var f struct{ FromBlock, ToBlock hexutil.Uint64 }
				if err := json.Unmarshal(call.Params[0], &f); err != nil {
					return nil, err
				}
				if uint64(f.ToBlock-f.FromBlock)+1 > max {
					return nil, refusal
				}
				return next(ctx, call)
			})
			if s, err := client.AuthorizationStatus(t.Context(), w.query(a)); err != nil || s.Tx != tx {
				t.Errorf("%v, at most %d blocks: %+v, %v", refusal, max, s, err)
			}
			client.Close()
		}
	}
	// It ends when not even one block is allowed.
	w.onMethod("eth_getLogs", func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
		return nil, &devchain.RPCError{Code: -32005, Message: "block range too large"}
	})
	if s, err := w.client.AuthorizationStatus(t.Context(), w.query(a)); err == nil {
		t.Errorf("no logs at all: %+v", s)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	l := limits()
	l.MaxAnswer = 100_000
	client, err := chain.DialWith(t.Context(), w.dev.URL, 84532, l)
	ok(t, err)
	defer client.Close()
	for bytes, fits := range map[int]bool{40_000: true, 60_000: false} {
		calls := 0
		w.onMethod("eth_call", func(context.Context, devchain.Call, devchain.Next) (json.RawMessage, error) {
			calls++
			return json.Marshal(hexutil.Bytes(make([]byte, bytes)))
		})
		got, err := client.Call(t.Context(), common.Address{}, common.Address{}, nil)
		if (err == nil) != fits || fits && len(got) != bytes || calls != 1 {
			t.Errorf("%d bytes: got %d, %v, asked %d times", bytes, len(got), err, calls)
		}
	}
}
