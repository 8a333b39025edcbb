// Package telemetry writes logs in the form that Cloud Logging reads
// (https://docs.cloud.google.com/logging/docs/structured-logging), and traces
// and counts what happens with OpenTelemetry: through its process-wide
// providers, so that the spans of Google's clients belong to the same traces.
// They do nothing until Start is called, which happens in Google Cloud only.
package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// NewLogger writes one JSON object a line to w, from level up, with the keys
// severity, message and time. Lines that are logged with a context from
// WithTrace also hold its trace, so that Cloud Logging shows all lines of one
// request together.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return NewProjectLogger(w, level, "")
}

// NewProjectLogger is NewLogger for a Google Cloud project, by which traces
// are named in full, as Cloud Trace knows them: "projects/PROJECT/traces/ID".
// Without a project they stand with their id alone.
func NewProjectLogger(w io.Writer, level slog.Leveler, project string) *slog.Logger {
	json := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: cloudKeys})
	prefix := ""
	if project != "" {
		prefix = "projects/" + project + "/traces/"
	}
	return slog.New(traced{json, prefix})
}

// cloudKeys gives slog's own keys the names and values of Cloud Logging.
func cloudKeys(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("severity", severity(level))
		}
	}
	return a
}

func severity(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARNING"
	}
	return "ERROR"
}

// traced adds the context's trace to each line.
type traced struct {
	slog.Handler
	prefix string
}

func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if t := trace.SpanContextFromContext(ctx); t.IsValid() {
		r = r.Clone()
		r.AddAttrs(
			slog.String("logging.googleapis.com/trace", h.prefix+t.TraceID().String()),
			slog.String("logging.googleapis.com/spanId", t.SpanID().String()),
			slog.Bool("logging.googleapis.com/trace_sampled", t.IsSampled()),
		)
	}
	return h.Handler.Handle(ctx, r)
}

func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traced{h.Handler.WithAttrs(attrs), h.prefix}
}

func (h traced) WithGroup(name string) slog.Handler {
	return traced{h.Handler.WithGroup(name), h.prefix}
}
