package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// scope names what this module traces and counts.
const scope = "github.com/BlockRunAI/worker-network"

// WithTrace is ctx with the trace that a request's headers name: traceparent
// (W3C Trace Context) or else X-Cloud-Trace-Context (TRACE_ID/SPAN_ID;o=1, the
// span in decimal). Without a well-formed one it is ctx.
func WithTrace(ctx context.Context, h http.Header) context.Context {
	t, ok := fromTraceparent(h.Get("Traceparent"))
	if !ok {
		t, ok = fromCloudHeader(h.Get("X-Cloud-Trace-Context"))
	}
	if !ok {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, t)
}

// Span begins a part of the work that ctx is for; end ends it, failed when err
// is not nil. Of err nothing is kept: what others said may be in it, and the
// log, which masks that, has it.
func Span(ctx context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(err error)) {
	return begin(ctx, name, trace.WithAttributes(attrs...))
}

// ServerSpan is Span for the answer to a request.
func ServerSpan(ctx context.Context, name string) (_ context.Context, end func(err error)) {
	return begin(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
}

// Follow is Span for the work that a message asks for: it belongs to the trace
// in which the message was sent, and is linked to the request that brought it.
func Follow(ctx, sent context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(err error)) {
	parent := trace.SpanContextFromContext(sent)
	if !parent.IsValid() {
		return Span(ctx, name, attrs...)
	}
	link := trace.LinkFromContext(ctx)
	ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	return begin(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(link), trace.WithAttributes(attrs...))
}

func begin(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, func(error)) {
	ctx, span := otel.Tracer(scope).Start(ctx, name, o...)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// fromTraceparent reads version-traceid-parentid-flags; a later version may
// have more behind it.
func fromTraceparent(s string) (trace.SpanContext, bool) {
	parts := strings.Split(s, "-")
	if len(parts) < 4 || (parts[0] == "00" && len(parts) != 4) || parts[0] == "ff" {
		return trace.SpanContext{}, false
	}
	flags, err := strconv.ParseUint(parts[3], 16, 8)
	if err != nil || !isHex(parts[0], 2) || !isHex(parts[3], 2) {
		return trace.SpanContext{}, false
	}
	return spanContext(parts[1], parts[2], flags&1 == 1)
}

func fromCloudHeader(s string) (trace.SpanContext, bool) {
	s, options, _ := strings.Cut(s, ";")
	id, span, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(span, 10, 64)
	if err != nil {
		return trace.SpanContext{}, false
	}
	return spanContext(strings.ToLower(id), fmt.Sprintf("%016x", n), options == "o=1")
}

// spanContext takes lower-case hex digits, not all of them zero.
func spanContext(id, span string, sampled bool) (trace.SpanContext, bool) {
	traceID, err := trace.TraceIDFromHex(id)
	if err != nil {
		return trace.SpanContext{}, false
	}
	spanID, err := trace.SpanIDFromHex(span)
	if err != nil {
		return trace.SpanContext{}, false
	}
	c := trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.TraceFlags(0).WithSampled(sampled), Remote: true}
	return trace.NewSpanContext(c), true
}

func isHex(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }
