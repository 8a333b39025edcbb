package telemetry

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The metrics. Their names are those of Cloud Monitoring, too, where they are
// Prometheus' (prometheus.googleapis.com/NAME): so they end as Prometheus wants
// them and have no unit besides. terraform/metrics.yaml puts them on the
// dashboard, and its test holds the two lists together.
const (
	ChecksAssigned Counter   = "worker_network_checks_assigned_total"
	ChecksJudged   Counter   = "worker_network_checks_judged_total" // by outcome (accepted, discarded, rejected) and code
	Settlements    Counter   = "worker_network_settlements_total"   // by rail and outcome (x402.Kind)
	PayoutLatency  Histogram = "worker_network_payout_latency_seconds"
	ReceiptsWait   Gauge     = "worker_network_receipts_waiting"
	ReceiptOldest  Gauge     = "worker_network_receipt_oldest_seconds"
	SpannerCalls   Counter   = "worker_network_spanner_calls_total" // by method and code
)

// A Counter only grows; a Histogram is of seconds; a Gauge is as it was last
// seen.
type (
	Counter   string
	Histogram string
	Gauge     string
)

// latencyBounds are a histogram's, in seconds: a payout takes minutes, since
// it is booked on a safe block, and hours when something is in its way.
func latencyBounds() []float64 {
	return []float64{5, 15, 30, 60, 120, 180, 300, 600, 1200, 3600, 7200, 21600, 86400}
}

// Add counts n more.
func (c Counter) Add(ctx context.Context, n int, attrs ...attribute.KeyValue) {
	if instrument, err := otel.Meter(scope).Int64Counter(string(c)); err == nil {
		instrument.Add(ctx, int64(n), metric.WithAttributes(attrs...))
	}
}

// Observe enters one duration.
func (h Histogram) Observe(ctx context.Context, seconds float64) {
	if instrument, err := otel.Meter(scope).Float64Histogram(string(h), metric.WithExplicitBucketBoundaries(latencyBounds()...)); err == nil {
		instrument.Record(ctx, seconds)
	}
}

// Set says how it is now.
func (g Gauge) Set(ctx context.Context, n int64) {
	if instrument, err := otel.Meter(scope).Int64Gauge(string(g)); err == nil {
		instrument.Record(ctx, n)
	}
}
