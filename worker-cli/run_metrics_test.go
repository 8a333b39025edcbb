package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/metrics"
)

func TestMetricsAddress(t *testing.T) {
	for where, want := range map[string]string{
		"9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "127.0.0.1:0": "127.0.0.1:0", "0.0.0.0:9464": "0.0.0.0:9464", "[::1]:80": "[::1]:80",
		"": "", "x": "", "127.0.0.1": "", "127.0.0.1:http": "", "1:2:3": "", "70000": "", "-1": "",
	} {
		got, err := metricsAddress(where)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", where, got, err)
		}
	}
}

// They are served on the loopback until the worker ends, and only others than
// this machine are worth a warning.
func TestServeMetrics(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for where, warned := range map[string]bool{"0": false, "0.0.0.0:0": true} {
		var said bytes.Buffer
		if err := serveMetrics(ctx, where, metrics.New("v", time.Now()), console{err: &said}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(said.String(), "warning") != warned {
			t.Errorf("%s: said %s", where, said.String())
		}
		url := strings.Replace(regexp.MustCompile(`http://\S+`).FindString(said.String()), "[::]", "127.0.0.1", 1)
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || !strings.Contains(string(body), "worker_polls_total 0") {
			t.Errorf("%s: %d %s", url, resp.StatusCode, body)
		}
		if resp, err = http.Get(strings.TrimSuffix(url, "metrics")); err != nil || resp.StatusCode != 404 {
			t.Errorf("beside it: %v, %v", resp, err)
		}
		if !warned {
			continue
		}
		port := regexp.MustCompile(`:(\d+)/`).FindStringSubmatch(url)[1]
		if err := serveMetrics(ctx, port, metrics.New("v", time.Now()), console{err: io.Discard}); err == nil || !strings.Contains(err.Error(), "is the port free?") {
			t.Errorf("a port that is taken: %v", err)
		}
	}
	if err := serveMetrics(ctx, "soon", nil, console{}); err == nil {
		t.Error("no error")
	}
}
