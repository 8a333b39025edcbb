package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"
)

const (
	traceID = "06796866738c859f2f19b7cfb3214824"
	spanID  = "00f067aa0ba902b7"
)

func line(t *testing.T, b *bytes.Buffer) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatalf("%q: %v", b.String(), err)
	}
	b.Reset()
	return m
}

func TestLinesAreCloudLoggings(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(&b, slog.LevelDebug)
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "DEBUG", slog.LevelInfo: "INFO", slog.LevelWarn: "WARNING", slog.LevelError: "ERROR", slog.LevelError + 4: "ERROR",
	} {
		log.LogAttrs(context.Background(), level, "credited", slog.Int("results", 3), slog.Any("error", errors.New("no")),
			slog.Group("inner", slog.String("msg", "kept"), slog.String("level", "kept")), slog.String("level", "mine"))
		m := line(t, &b)
		if _, err := time.Parse(time.RFC3339Nano, m["time"].(string)); err != nil {
			t.Error(err)
		}
		inner, _ := m["inner"].(map[string]any)
		if m["severity"] != want || m["message"] != "credited" || m["results"] != 3.0 || m["error"] != "no" ||
			m["level"] != "mine" || inner["msg"] != "kept" || inner["level"] != "kept" {
			t.Errorf("level %v: %v", level, m)
		}
		for key := range m {
			if key == "msg" || key == "logging.googleapis.com/trace" {
				t.Errorf("level %v: has %q", level, key)
			}
		}
	}
	NewLogger(&b, slog.LevelWarn).Info("quiet")
	if b.Len() > 0 {
		t.Errorf("below the level: %s", b.String())
	}
}

func TestLinesHoldTheRequestsTrace(t *testing.T) {
	for name, c := range map[string]struct {
		header, value string
		id, span      string
		sampled       bool
	}{
		"traceparent":          {"traceparent", "00-" + traceID + "-" + spanID + "-01", traceID, spanID, true},
		"not sampled":          {"traceparent", "00-" + traceID + "-" + spanID + "-00", traceID, spanID, false},
		"later version":        {"traceparent", "01-" + traceID + "-" + spanID + "-03-more", traceID, spanID, true},
		"cloud":                {"X-Cloud-Trace-Context", traceID + "/67667974448284343;o=1", traceID, spanID, true},
		"cloud, no options":    {"X-Cloud-Trace-Context", traceID + "/1", traceID, "0000000000000001", false},
		"version ff":           {"traceparent", "ff-" + traceID + "-" + spanID + "-01", "", "", false},
		"more than version 00": {"traceparent", "00-" + traceID + "-" + spanID + "-01-x", "", "", false},
		"zero trace":           {"traceparent", "00-00000000000000000000000000000000-" + spanID + "-01", "", "", false},
		"zero span":            {"traceparent", "00-" + traceID + "-0000000000000000-01", "", "", false},
		"upper case":           {"traceparent", "00-06796866738C859F2F19B7CFB3214824-" + spanID + "-01", "", "", false},
		"short":                {"traceparent", "00-" + traceID[1:] + "-" + spanID + "-01", "", "", false},
		"injection":            {"traceparent", "00-\",\"x\":\"yyyyyyyyyyyyyyyyyyyyyyyyyy-" + spanID + "-01", "", "", false},
		"cloud, no span":       {"X-Cloud-Trace-Context", traceID, "", "", false},
		"cloud, rubbish":       {"X-Cloud-Trace-Context", "x/1;o=1", "", "", false},
		"none":                 {"X-Other", "x", "", "", false},
	} {
		var b bytes.Buffer
		h := http.Header{}
		h.Set(c.header, c.value)
		ctx := WithTrace(context.Background(), h)
		for project, prefix := range map[string]string{"": "", "p-1": "projects/p-1/traces/"} {
			NewProjectLogger(&b, slog.LevelInfo, project).With(slog.String("function", "f")).InfoContext(ctx, "x")
			m := line(t, &b)
			if c.id == "" {
				if _, ok := m["logging.googleapis.com/trace"]; ok {
					t.Errorf("%s: %v", name, m)
				}
				continue
			}
			if m["function"] != "f" || m["logging.googleapis.com/trace"] != prefix+c.id ||
				m["logging.googleapis.com/spanId"] != c.span || m["logging.googleapis.com/trace_sampled"] != c.sampled {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}
