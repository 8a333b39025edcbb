package loadtest

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"

	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// spannerCalls reads what this process counts of its calls to Spanner: those of
// the functions, payouts included, and of the load test itself.
type spannerCalls struct{ reader *sdkmetric.ManualReader }

func countSpannerCalls() *spannerCalls {
	c := &spannerCalls{sdkmetric.NewManualReader()}
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(c.reader)))
	return c
}

// Calls are round trips to Spanner, and those of them after which the client
// ran its transaction again.
type Calls struct{ All, Aborted int64 }

// beginCalls notes what was counted before the load.
func (t *test) beginCalls(ctx context.Context) (err error) {
	if t.calls != nil {
		t.before, err = t.calls.read(ctx)
	}
	return err
}

// during are the calls since then.
func (t *test) during(ctx context.Context) (Calls, error) {
	if t.calls == nil {
		return Calls{}, nil
	}
	now, err := t.calls.read(ctx)
	return Calls{now.All - t.before.All, now.Aborted - t.before.Aborted}, err
}

func (c *spannerCalls) read(ctx context.Context) (Calls, error) {
	var seen metricdata.ResourceMetrics
	if err := c.reader.Collect(ctx, &seen); err != nil {
		return Calls{}, fmt.Errorf("loadtest: read the metrics: %w", err)
	}
	var calls Calls
	for _, scope := range seen.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if m.Name != string(telemetry.SpannerCalls) || !ok {
				continue
			}
			for _, p := range sum.DataPoints {
				calls.All += p.Value
				if code, _ := p.Attributes.Value("code"); code.AsString() == codes.Aborted.String() {
					calls.Aborted += p.Value
				}
			}
		}
	}
	return calls, nil
}
