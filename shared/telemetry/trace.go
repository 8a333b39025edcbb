package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

type traceKey struct{}

// A trace is the place of one request in a trace.
type trace struct {
	id      string // 32 hex digits, lower case
	span    string // 16 hex digits, lower case
	sampled bool
}

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
	return context.WithValue(ctx, traceKey{}, t)
}

// fromTraceparent reads version-traceid-parentid-flags; a later version may
// have more behind it.
func fromTraceparent(s string) (trace, bool) {
	parts := strings.Split(s, "-")
	if len(parts) < 4 || (parts[0] == "00" && len(parts) != 4) || parts[0] == "ff" {
		return trace{}, false
	}
	t := trace{id: parts[1], span: parts[2]}
	flags, err := strconv.ParseUint(parts[3], 16, 8)
	if err != nil || !isHex(parts[0], 2) || !isHex(parts[3], 2) || !isID(t.id, 32) || !isID(t.span, 16) {
		return trace{}, false
	}
	t.sampled = flags&1 == 1
	return t, true
}

func fromCloudHeader(s string) (trace, bool) {
	s, options, _ := strings.Cut(s, ";")
	id, span, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(span, 10, 64)
	t := trace{id: strings.ToLower(id), span: fmt.Sprintf("%016x", n), sampled: options == "o=1"}
	return t, err == nil && isID(t.id, 32)
}

// isID reports whether s has n lower-case hex digits, not all of them zero.
func isID(s string, n int) bool { return isHex(s, n) && strings.Trim(s, "0") != "" }

func isHex(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }
