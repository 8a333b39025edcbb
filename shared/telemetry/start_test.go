package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// collector is Google Cloud's end.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string][]string // by path
	status int
}

func newCollector(t *testing.T) *collector {
	c := &collector{bodies: map[string][]string{}, status: 200}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		if r.Header.Get("Content-Type") != "application/json" || !json.Valid(body) {
			t.Errorf("%s: %s %s", r.URL, r.Header, body)
		}
		c.bodies[r.URL.Path] = append(c.bodies[r.URL.Path], string(body))
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) got(path string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies[path]
}

// exporting makes the process' providers send to c until the test ends.
func exporting(t *testing.T, c *collector, ratio float64) *Export {
	t.Cleanup(func() {
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
	})
	client := func(context.Context) (*http.Client, error) { return c.Client(), nil }
	return newExport(c.URL, client, ratio, []attribute.KeyValue{attribute.String("gcp.project_id", "p-1")})
}

func TestWhereThereIsNoCloudNothingIsMade(t *testing.T) {
	for _, c := range []struct {
		env   map[string]string
		fails bool
		on    bool
	}{
		{env: nil},
		{env: map[string]string{"K_SERVICE": "gettasks"}},
		{env: map[string]string{"GOOGLE_CLOUD_PROJECT": "p-1"}},
		{env: map[string]string{"K_SERVICE": "gettasks", "GOOGLE_CLOUD_PROJECT": "p-1", "TRACE_SAMPLE_RATIO": "2"}, fails: true},
		{env: map[string]string{"K_SERVICE": "gettasks", "GOOGLE_CLOUD_PROJECT": "p-1", "TRACE_SAMPLE_RATIO": "x"}, fails: true},
		{env: map[string]string{"K_SERVICE": "gettasks", "GOOGLE_CLOUD_PROJECT": "p-1"}, on: true},
	} {
		before := otel.GetTracerProvider()
		e, err := Start(func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if (err != nil) != c.fails || (e != nil) != c.on {
			t.Errorf("%v: %v, %v", c.env, e, err)
		}
		if c.fails && !strings.Contains(err.Error(), "TRACE_SAMPLE_RATIO") {
			t.Error(err)
		}
		if changed := otel.GetTracerProvider() != before; changed != c.on {
			t.Errorf("%v: provider changed: %v", c.env, changed)
		}
	}
	otel.SetTracerProvider(tracenoop.NewTracerProvider())
	otel.SetMeterProvider(metricnoop.NewMeterProvider())
	var none *Export
	none.Beside(t.Context())
	if err := none.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is sent has OTLP's JSON form.
func TestWhatIsSent(t *testing.T) {
	c := newCollector(t)
	e := exporting(t, c, 1)
	h := http.Header{}
	h.Set("Traceparent", "00-"+traceID+"-"+spanID+"-00") // what a caller says of sampling does not count
	ctx, endServer := ServerSpan(WithTrace(t.Context(), h), "SubmitResults")
	_, end := Span(ctx, "settle", attribute.String("rail", "facilitator"), attribute.Int("n", 7))
	end(errors.New("secret of others"))
	endServer(nil)
	ChecksJudged.Add(ctx, 3, attribute.String("outcome", "accepted"))
	PayoutLatency.Observe(ctx, 200)
	ReceiptsWait.Set(ctx, 5)
	if err := e.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	traces, metrics := strings.Join(c.got("/v1/traces"), ""), strings.Join(c.got("/v1/metrics"), "")
	for _, want := range []string{
		`"traceId":"` + traceID + `"`, `"parentSpanId":"` + spanID + `"`, `"name":"SubmitResults"`, `"kind":2`, `"name":"settle"`,
		`{"key":"rail","value":{"stringValue":"facilitator"}}`, `{"key":"n","value":{"intValue":"7"}}`, `"status":{"code":2}`,
		`{"key":"gcp.project_id","value":{"stringValue":"p-1"}}`,
	} {
		if !strings.Contains(traces, want) {
			t.Errorf("no %s in %s", want, traces)
		}
	}
	if strings.Contains(traces, "secret of others") {
		t.Error("an error's text left with the span")
	}
	for _, want := range []string{
		`"name":"worker_network_checks_judged_total"`, `"asInt":"3"`, `"isMonotonic":true`, `"aggregationTemporality":2`,
		`"name":"worker_network_payout_latency_seconds"`, `"sum":200`, `"count":"1"`, `"explicitBounds":[5,`,
		`"name":"worker_network_receipts_waiting"`, `"gauge":`, `"asInt":"5"`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in %s", want, metrics)
		}
	}
}

// Nothing leaves on a clock, and not with every request.
func TestSendingIsSeldomAndBesideRequests(t *testing.T) {
	c := newCollector(t)
	e := exporting(t, c, 1)
	now := time.Unix(1_800_000_000, 0)
	e.now = func() time.Time { return now }
	work := func() {
		_, end := Span(t.Context(), "work")
		end(nil)
		e.Beside(t.Context())
		for !e.mu.TryLock() { // something is being sent
			time.Sleep(time.Millisecond)
		}
		e.mu.Unlock()
	}
	work()
	work()
	now = now.Add(spansEvery - time.Nanosecond)
	work()
	if n := len(c.got("/v1/traces")); n != 1 {
		t.Errorf("sent %d times within %v", n, spansEvery)
	}
	now = now.Add(time.Nanosecond)
	work()
	if all := c.got("/v1/traces"); len(all) != 2 || strings.Count(all[1], `"name":"work"`) != 3 {
		t.Errorf("%q", all)
	}
	c.mu.Lock()
	c.status = 500
	c.mu.Unlock()
	_, end := Span(t.Context(), "lost")
	end(nil)
	if err := e.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("%v", err)
	}
}

func TestSamplingFollowsTheTraceAlone(t *testing.T) {
	c := newCollector(t)
	e := exporting(t, c, 0)
	h := http.Header{}
	h.Set("Traceparent", "00-"+traceID+"-"+spanID+"-01")
	ctx, end := ServerSpan(WithTrace(t.Context(), h), "x")
	if end(nil); e.spans.any() {
		t.Error("a caller had its trace recorded")
	}
	if _, end = Span(ctx, "y"); e.spans.any() {
		t.Error("recorded")
	}
	end(nil)
}

func TestTheQueueIsBounded(t *testing.T) {
	e := exporting(t, newCollector(t), 1)
	for range maxSpans + 10 {
		_, end := Span(t.Context(), "x")
		end(nil)
	}
	if n := len(e.spans.take()); n != maxSpans {
		t.Errorf("%d spans wait", n)
	}
}
