package telemetry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/oauth2/google"
)

// What Cloud Run sets, the project, and how many traces of 1 are recorded.
const (
	serviceVariable  = "K_SERVICE"
	revisionVariable = "K_REVISION"
	projectVariable  = "GOOGLE_CLOUD_PROJECT"
	ratioVariable    = "TRACE_SAMPLE_RATIO"
	otherVariable    = "OTEL_EXPORTER_OTLP_ENDPOINT" // OpenTelemetry's own: another collector, without credentials
)

const (
	defaultRatio = 0.05
	// A function's CPU is taken away between requests, so nothing is sent on a
	// clock: what has come together leaves beside a later request, at most this
	// often. Cloud Monitoring takes a point every 5 s at most.
	spansEvery   = 5 * time.Second
	metricsEvery = time.Minute
	exportTime   = 10 * time.Second // bounds one export
	endpoint     = "https://telemetry.googleapis.com"
)

// Export sends what is traced and counted to Google Cloud. A nil *Export does
// nothing.
type Export struct {
	spans   *spanQueue
	metrics *sdkmetric.ManualReader
	otlp    *otlp
	now     func() time.Time

	mu                       sync.Mutex // held while something is sent
	spansSentAt, metricsSent time.Time
}

// Start makes OpenTelemetry's process-wide providers ones that send to Google
// Cloud, when this is a function in it (K_SERVICE and GOOGLE_CLOUD_PROJECT are
// set), and returns nil otherwise. TRACE_SAMPLE_RATIO, from 0 to 1, says how
// many traces are recorded; OTEL_EXPORTER_OTLP_ENDPOINT names another collector
// than Google's. It does no I/O: credentials are looked for when something is
// sent.
func Start(lookup func(name string) (string, bool)) (*Export, error) {
	service, _ := lookup(serviceVariable)
	project, _ := lookup(projectVariable)
	other, _ := lookup(otherVariable)
	if service == "" || project == "" && other == "" {
		return nil, nil
	}
	ratio := defaultRatio
	if text, ok := lookup(ratioVariable); ok && text != "" {
		var err error
		if ratio, err = strconv.ParseFloat(text, 64); err != nil || ratio < 0 || ratio > 1 {
			return nil, fmt.Errorf("telemetry: %s is %q; set a number from 0 (no traces) to 1 (all of them)", ratioVariable, text)
		}
	}
	revision, _ := lookup(revisionVariable)
	url, client := endpoint, authorised
	if other != "" {
		url, client = strings.TrimSuffix(other, "/"), func(context.Context) (*http.Client, error) { return &http.Client{}, nil }
	}
	return newExport(url, client, ratio, []attribute.KeyValue{
		attribute.String("gcp.project_id", project), attribute.String("service.name", service),
		attribute.String("service.version", revision), attribute.String("service.instance.id", rand.Text()),
	}), nil
}

// authorised is a client that identifies itself as the function's account.
func authorised(ctx context.Context) (*http.Client, error) {
	return google.DefaultClient(ctx, "https://www.googleapis.com/auth/cloud-platform")
}

func newExport(url string, client func(context.Context) (*http.Client, error), ratio float64, about []attribute.KeyValue) *Export {
	res := resource.NewSchemaless(about...)
	e := &Export{
		spans: &spanQueue{}, metrics: sdkmetric.NewManualReader(),
		otlp: &otlp{url: url, client: client}, now: time.Now,
	}
	// Of a trace, every function decides alike, from its id: what a caller says of
	// sampling does not count, since anybody may call.
	same := sdktrace.TraceIDRatioBased(ratio)
	sampler := sdktrace.ParentBased(same, sdktrace.WithRemoteParentSampled(same), sdktrace.WithRemoteParentNotSampled(same))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(
		sdktrace.WithResource(res), sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(e.spans)))
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(e.metrics)))
	return e
}

// Beside sends what is due, in the background, unless it is being sent.
func (e *Export) Beside(ctx context.Context) {
	if e == nil || !e.mu.TryLock() {
		return
	}
	now := e.now()
	spans, metrics := now.Sub(e.spansSentAt) >= spansEvery && e.spans.any(), now.Sub(e.metricsSent) >= metricsEvery
	if !spans && !metrics {
		e.mu.Unlock()
		return
	}
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer e.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, exportTime)
		defer cancel()
		_ = e.send(ctx, spans, metrics) // what could not be sent is lost, and the next may succeed
	}()
}

// Flush sends everything, before the process ends.
func (e *Export) Flush(ctx context.Context) error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.send(ctx, true, true)
}

func (e *Export) send(ctx context.Context, spans, metrics bool) error {
	var errs []error
	if spans {
		e.spansSentAt = e.now()
		errs = append(errs, e.otlp.sendSpans(ctx, e.spans.take()))
	}
	if metrics {
		e.metricsSent = e.now()
		var data metricdata.ResourceMetrics
		if err := e.metrics.Collect(ctx, &data); err != nil {
			errs = append(errs, fmt.Errorf("telemetry: %w", err))
		}
		errs = append(errs, e.otlp.sendMetrics(ctx, data))
	}
	return errors.Join(errs...)
}

// maxSpans bounds what waits to be sent; what is more is dropped.
const maxSpans = 2048

// spanQueue keeps ended spans until they are sent.
type spanQueue struct {
	mu    sync.Mutex
	ended []sdktrace.ReadOnlySpan
}

func (q *spanQueue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor.
func (q *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.SpanContext().IsSampled() && len(q.ended) < maxSpans {
		q.ended = append(q.ended, s)
	}
}

func (q *spanQueue) any() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ended) > 0
}

func (q *spanQueue) take() []sdktrace.ReadOnlySpan {
	q.mu.Lock()
	defer q.mu.Unlock()
	spans := q.ended
	q.ended = nil
	return spans
}

func (q *spanQueue) Shutdown(context.Context) error   { return nil }
func (q *spanQueue) ForceFlush(context.Context) error { return nil }
