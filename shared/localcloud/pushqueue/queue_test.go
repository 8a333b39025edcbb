package pushqueue

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const topic = "projects/local/topics/payouts"

// endpoint records the deliveries and answers each by its status.
type endpoint struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []map[string]any
	status func(delivery int) int
}

func newEndpoint(t *testing.T, status func(delivery int) int) *endpoint {
	t.Helper()
	e := &endpoint{status: status}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &body); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("delivery %s %q %s: %v", r.Method, r.Header.Get("Content-Type"), raw, err)
		}
		e.mu.Lock()
		e.bodies = append(e.bodies, body)
		n := len(e.bodies)
		e.mu.Unlock()
		w.WriteHeader(e.status(n))
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) received() []map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]map[string]any(nil), e.bodies...)
}

func start(t *testing.T, o Options) *Queue {
	t.Helper()
	o.Topic = topic
	o.Log = slog.New(slog.DiscardHandler)
	if o.MinBackoff == 0 {
		o.MinBackoff = 10 * time.Millisecond
	}
	q, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

func publish(t *testing.T, q *Queue, data string, attributes map[string]string) string {
	t.Helper()
	client, err := pubsub.NewClient(t.Context(), "local", option.WithEndpoint(q.Addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p := client.Publisher(topic)
	defer p.Stop()
	id, err := p.Publish(t.Context(), &pubsub.Message{Data: []byte(data), Attributes: attributes}).Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen: %s", what)
}

// The body is the one that Pub/Sub's documentation shows for wrapped messages.
func TestPushFormat(t *testing.T) {
	e := newEndpoint(t, func(int) int { return http.StatusNoContent })
	q := start(t, Options{Endpoint: e.URL})
	id := publish(t, q, `{"payout":"0x00000000000000000000000000000000000000aa-1"}`, map[string]string{"origin": "sweep"})
	eventually(t, "one acknowledged delivery", func() bool { return q.Stats().Acked == 1 })

	got := e.received()[0]
	if got["subscription"] != "projects/local/subscriptions/payouts-push" {
		t.Errorf("subscription = %v", got["subscription"])
	}
	m := got["message"].(map[string]any)
	const data = "eyJwYXlvdXQiOiIweDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwYWEtMSJ9"
	if m["data"] != data || m["messageId"] != id || m["message_id"] != id {
		t.Errorf("message = %v", m)
	}
	if a := m["attributes"].(map[string]any); a["origin"] != "sweep" {
		t.Errorf("attributes = %v", a)
	}
	for _, field := range []string{"publishTime", "publish_time"} {
		if at, err := time.Parse(time.RFC3339Nano, m[field].(string)); err != nil || time.Since(at) > time.Minute {
			t.Errorf("%s = %v (%v)", field, m[field], err)
		}
	}
}

func TestRedeliversUntilAcknowledged(t *testing.T) {
	answers := []int{http.StatusInternalServerError, http.StatusConflict, http.StatusTooManyRequests, http.StatusOK}
	e := newEndpoint(t, func(n int) int { return answers[min(n, len(answers))-1] })
	q := start(t, Options{Endpoint: e.URL})
	publish(t, q, "{}", nil)
	eventually(t, "acknowledged at the fourth delivery", func() bool { return q.Stats().Acked == 1 })
	time.Sleep(300 * time.Millisecond)
	if got := q.Stats(); got != (Stats{Delivered: 4, Acked: 1, Failed: 3}) {
		t.Errorf("stats = %+v", got)
	}
}

// A message that nobody acknowledges does not hold up the others.
func TestOneBadMessageDelaysNoOther(t *testing.T) {
	e := newEndpoint(t, func(n int) int {
		if n == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	q := start(t, Options{Endpoint: e.URL, MinBackoff: time.Hour, MaxBackoff: time.Hour})
	publish(t, q, "bad", nil)
	eventually(t, "the first delivery", func() bool { return q.Stats().Failed == 1 })
	for range 5 {
		publish(t, q, "good", nil)
	}
	eventually(t, "five acknowledged", func() bool { return q.Stats().Acked == 5 })
}

func TestCopies(t *testing.T) {
	e := newEndpoint(t, func(int) int { return http.StatusOK })
	q := start(t, Options{Endpoint: e.URL, Copies: func(string) int { return 3 }})
	id := publish(t, q, "{}", nil)
	eventually(t, "acknowledged", func() bool { return q.Stats().Acked == 1 })
	got := e.received()
	if len(got) != 3 {
		t.Fatalf("%d deliveries, want 3", len(got))
	}
	for _, b := range got {
		if b["message"].(map[string]any)["messageId"] != id {
			t.Errorf("a copy has another id: %v", b)
		}
	}
}

func TestBackoff(t *testing.T) {
	p := newPusher(Options{MinBackoff: 100 * time.Millisecond, MaxBackoff: time.Second}, "s")
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if got := p.backoff(i + 1); got != want*time.Millisecond {
			t.Errorf("after %d failures: %v, want %v", i+1, got, want*time.Millisecond)
		}
	}
	if got := p.backoff(1 << 20); got != time.Second {
		t.Errorf("after many failures: %v", got)
	}
}

func TestStartErrors(t *testing.T) {
	e := newEndpoint(t, func(int) int { return http.StatusOK })
	q := start(t, Options{Endpoint: e.URL})
	if _, err := Start(t.Context(), Options{Topic: topic, Listen: q.Addr}); err == nil {
		t.Error("a taken address was accepted")
	}
	for _, bad := range []string{"", "payouts", "projects//topics/t", "projects/p/topics/", "projects/p/subscriptions/s"} {
		if _, err := Start(t.Context(), Options{Topic: bad}); err == nil {
			t.Errorf("topic %q was accepted", bad)
		}
	}
}

// Closing does not wait for a message that is backing off, nor for the
// context that Start was given.
func TestCloseWhileBackingOff(t *testing.T) {
	e := newEndpoint(t, func(int) int { return http.StatusInternalServerError })
	ctx, cancel := context.WithCancel(t.Context())
	q, err := Start(ctx, Options{Topic: topic, Endpoint: e.URL, MinBackoff: time.Hour, MaxBackoff: time.Hour, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	publish(t, q, "{}", nil)
	eventually(t, "a failed delivery after the context's end", func() bool { return q.Stats().Failed == 1 })
	begin := time.Now()
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Close took %v", took)
	}
}
