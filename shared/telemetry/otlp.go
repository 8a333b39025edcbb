package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// otlp speaks OTLP over HTTP with JSON
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are
// hex, 64-bit integers are strings, and enums are numbers. It is written here
// because the modules for it bring Protobuf types and a gRPC gateway that every
// cold start would pay for.
type otlp struct {
	url    string
	client func(context.Context) (*http.Client, error) // asked once it is needed

	http *http.Client
}

type object = map[string]any

func (o *otlp) sendSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	byScope := map[instrumentation.Scope][]object{}
	for _, s := range spans {
		byScope[s.InstrumentationScope()] = append(byScope[s.InstrumentationScope()], encodeSpan(s))
	}
	var scopes []object
	for s, list := range byScope {
		scopes = append(scopes, object{"scope": object{"name": s.Name, "version": s.Version}, "spans": list})
	}
	return o.post(ctx, "/v1/traces", object{"resourceSpans": []object{
		{"resource": encodeResource(spans[0].Resource()), "scopeSpans": scopes},
	}})
}

// sendMetrics sends this module's own; those of the libraries are of no use
// here and would be paid for.
func (o *otlp) sendMetrics(ctx context.Context, data metricdata.ResourceMetrics) error {
	var metrics []object
	for _, s := range data.ScopeMetrics {
		for _, m := range s.Metrics {
			if form := encodeMetric(m); form != nil && s.Scope.Name == scope {
				metrics = append(metrics, form)
			}
		}
	}
	if len(metrics) == 0 {
		return nil
	}
	return o.post(ctx, "/v1/metrics", object{"resourceMetrics": []object{
		{"resource": encodeResource(data.Resource), "scopeMetrics": []object{{"scope": object{"name": scope}, "metrics": metrics}}},
	}})
}

func (o *otlp) post(ctx context.Context, path string, body object) error {
	if o.http == nil {
		client, err := o.client(context.WithoutCancel(ctx))
		if err != nil {
			return fmt.Errorf("telemetry: credentials: %w", err)
		}
		o.http = client
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := o.http.Do(req)
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("telemetry: %s answered %s: %s", path, resp.Status, said)
	}
	return nil
}

func encodeSpan(s sdktrace.ReadOnlySpan) object {
	span := object{
		"traceId": s.SpanContext().TraceID().String(), "spanId": s.SpanContext().SpanID().String(),
		"name": s.Name(), "kind": int(s.SpanKind()), // the numbers are OTLP's
		"startTimeUnixNano": nanos(s.StartTime()), "endTimeUnixNano": nanos(s.EndTime()),
		"attributes": encodeAttributes(s.Attributes()),
	}
	if s.Parent().SpanID().IsValid() {
		span["parentSpanId"] = s.Parent().SpanID().String()
	}
	if s.Status().Code == codes.Error {
		span["status"] = object{"code": 2}
	}
	var links []object
	for _, l := range s.Links() {
		if l.SpanContext.IsValid() {
			links = append(links, object{"traceId": l.SpanContext.TraceID().String(), "spanId": l.SpanContext.SpanID().String()})
		}
	}
	if links != nil {
		span["links"] = links
	}
	return span
}

func encodeMetric(m metricdata.Metrics) object {
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		return object{"name": m.Name, "sum": object{
			"dataPoints": encodePoints(d.DataPoints), "aggregationTemporality": cumulative, "isMonotonic": d.IsMonotonic}}
	case metricdata.Gauge[int64]:
		return object{"name": m.Name, "gauge": object{"dataPoints": encodePoints(d.DataPoints)}}
	case metricdata.Histogram[float64]:
		var points []object
		for _, p := range d.DataPoints {
			counts := make([]string, len(p.BucketCounts))
			for i, n := range p.BucketCounts {
				counts[i] = strconv.FormatUint(n, 10)
			}
			points = append(points, object{
				"attributes": encodeAttributes(p.Attributes.ToSlice()), "startTimeUnixNano": nanos(p.StartTime), "timeUnixNano": nanos(p.Time),
				"count": strconv.FormatUint(p.Count, 10), "sum": p.Sum, "bucketCounts": counts, "explicitBounds": p.Bounds,
			})
		}
		return object{"name": m.Name, "histogram": object{"dataPoints": points, "aggregationTemporality": cumulative}}
	}
	return nil
}

// cumulative is OTLP's AGGREGATION_TEMPORALITY_CUMULATIVE, which a manual
// reader collects.
const cumulative = 2

func encodePoints(all []metricdata.DataPoint[int64]) []object {
	points := make([]object, len(all))
	for i, p := range all {
		points[i] = object{
			"attributes": encodeAttributes(p.Attributes.ToSlice()), "timeUnixNano": nanos(p.Time),
			"asInt": strconv.FormatInt(p.Value, 10),
		}
		if !p.StartTime.IsZero() {
			points[i]["startTimeUnixNano"] = nanos(p.StartTime)
		}
	}
	return points
}

func encodeResource(r *resource.Resource) object {
	return object{"attributes": encodeAttributes(r.Attributes())}
}

func encodeAttributes(attrs []attribute.KeyValue) []object {
	list := make([]object, 0, len(attrs))
	for _, a := range attrs {
		value := object{"stringValue": a.Value.String()} // lists, too: nobody computes with them
		switch a.Value.Type() {
		case attribute.BOOL:
			value = object{"boolValue": a.Value.AsBool()}
		case attribute.INT64:
			value = object{"intValue": strconv.FormatInt(a.Value.AsInt64(), 10)}
		case attribute.FLOAT64:
			value = object{"doubleValue": a.Value.AsFloat64()}
		}
		list = append(list, object{"key": string(a.Key), "value": value})
	}
	return list
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
