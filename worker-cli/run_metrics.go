package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/metrics"
)

// serveMetrics serves the counts at http://where/metrics until ctx ends. It
// says so, and warns when others than this machine can read them.
func serveMetrics(ctx context.Context, where string, counts *metrics.Counts, c console) error {
	where, err := metricsAddress(where)
	if err != nil {
		return usageError{err}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", where)
	if err != nil {
		return fmt.Errorf("serve metrics (--metrics %s): %w; is the port free?", where, err)
	}
	if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
		fmt.Fprintf(c.err, "warning: the metrics can be read by whoever reaches %s\n", l.Addr())
	}
	fmt.Fprintf(c.err, "metrics: http://%s/metrics\n", l.Addr())
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", counts)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() { _ = server.Serve(l) }() // ends when the server is closed
	context.AfterFunc(ctx, func() { server.Close() })
	return nil
}

// metricsAddress reads HOST:PORT, or a port of the loopback alone.
func metricsAddress(where string) (string, error) {
	if !strings.Contains(where, ":") {
		where = ":" + where
	}
	host, port, err := net.SplitHostPort(where)
	if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || n > 65535 {
		return "", fmt.Errorf("--metrics %s is not HOST:PORT, such as 127.0.0.1:9464", where)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
