package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// The trace that the worker of the test works in.
const (
	workersTrace = "06796866738c859f2f19b7cfb3214824"
	traceparent  = "00-" + workersTrace + "-00f067aa0ba902b7-01"
)

// inTrace sends every request as a part of the worker's trace.
type inTrace struct{}

func (inTrace) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Traceparent", traceparent)
	return http.DefaultTransport.RoundTrip(r)
}

// One check is one trace, from the poll over Pub/Sub and the facilitator to
// the receipt on chain; and it is counted on its way.
func TestACheckIsOneTrace(t *testing.T) {
	spannertest.Host(t)
	spans, metrics := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics)))
	t.Cleanup(func() {
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
	})
	var f *fleet
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	lookup, _ := environment(t, server)
	lookup = override(lookup, map[string]string{"RECEIPT_BATCH_MIN": "1"})
	f = newFleet(t, lookup)
	database, _ := lookup("SPANNER_DATABASE")
	db := spannertest.Open(t, database)
	loadLongTasks(t, db, 5)

	w := &shift{testWorker: newTestWorker(t, server.URL)}
	w.http.Transport = inTrace{}
	w.hand(t, api.Accepted, w.take(t)[0])

	path := []string{
		"GetTasks", "SubmitResults", "hint", "payout Authorise", "payout Send", "settle", "read the chain", "payout Confirm", "receipts LogSend",
		"google.spanner.v1.Spanner/Commit",
	}
	var names []string
	defer func() { t.Logf("its spans: %q", names) }()
	eventually(t, 30*time.Second, "the trace has all its parts: "+strings.Join(path, ", "), func() bool {
		names = nil
		for _, s := range spans.Ended() {
			if s.SpanContext().TraceID().String() == workersTrace {
				names = append(names, s.Name())
			}
		}
		return !slices.ContainsFunc(path, func(part string) bool { return !slices.Contains(names, part) })
	})
	settled(t, server.URL, db, 1) // the sweep counts what waits
	counted(t, metrics)
}

// counted looks at what was counted on the way of one check.
func counted(t *testing.T, r *sdkmetric.ManualReader) {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, s := range data.ScopeMetrics {
		for _, m := range s.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					sums[m.Name] += p.Value
				}
			case metricdata.Gauge[int64]:
				sums[m.Name] = int64(len(d.DataPoints))
			case metricdata.Histogram[float64]:
				sums[m.Name] = int64(d.DataPoints[0].Count)
			}
		}
	}
	for name, want := range map[string]int64{
		string(telemetry.ChecksAssigned): 3, string(telemetry.ChecksJudged): 1, string(telemetry.Settlements): 1,
		string(telemetry.PayoutLatency): 1, string(telemetry.ReceiptsWait): 1, string(telemetry.ReceiptOldest): 1,
	} {
		if sums[name] != want {
			t.Errorf("%s is %d, want %d", name, sums[name], want)
		}
	}
	if sums[string(telemetry.SpannerCalls)] < 5 {
		t.Errorf("%d calls to Spanner were counted", sums[string(telemetry.SpannerCalls)])
	}
}
