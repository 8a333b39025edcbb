package check

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// Timings are how long the phases of a check took, each summed up over all
// redirects. Zero is a phase that was not reached, or not needed; one in which
// the check ended counts until then.
type Timings struct {
	DNS       time.Duration
	Connect   time.Duration
	TLS       time.Duration
	FirstByte time.Duration // from the request's end to the answer's first byte
	Total     time.Duration // until the body was read, as far as it is read
}

type phase int

const (
	inDNS phase = iota
	inConnect
	inTLS
	inFirstByte
	phases
)

// stopwatch takes the times of one check. The transport dials in goroutines of
// its own, which may outlive the check.
type stopwatch struct {
	mu    sync.Mutex
	began [phases]time.Time
	sum   [phases]time.Duration
}

func (s *stopwatch) begin(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began[p] = time.Now()
}

func (s *stopwatch) end(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.began[p].IsZero() {
		s.sum[p] += max(time.Since(s.began[p]), 1)
		s.began[p] = time.Time{}
	}
}

// timings are what was measured until now.
func (s *stopwatch) timings(start time.Time) Timings {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum [phases]time.Duration
	for p := range sum {
		sum[p] = s.sum[p]
		if !s.began[p].IsZero() {
			sum[p] += max(time.Since(s.began[p]), 1)
		}
	}
	return Timings{DNS: sum[inDNS], Connect: sum[inConnect], TLS: sum[inTLS], FirstByte: sum[inFirstByte], Total: max(time.Since(start), 1)}
}

// trace makes ctx report to s. The phase of connecting is dial's to time, for
// several addresses may be tried at once.
func (s *stopwatch) trace(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, stopwatchKey{}, s)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { s.begin(inDNS) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			s.end(inDNS)
			if i.Err == nil {
				s.begin(inConnect)
			}
		},
		TLSHandshakeStart:    func() { s.begin(inTLS) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { s.end(inTLS) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { s.begin(inFirstByte) },
		GotFirstResponseByte: func() { s.end(inFirstByte) },
	})
}

type stopwatchKey struct{}

// timed tells the stopwatch of a dial when it is done.
func timed(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		s, ok := ctx.Value(stopwatchKey{}).(*stopwatch)
		if !ok {
			return dial(ctx, network, address)
		}
		if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host) != nil {
			s.begin(inConnect) // otherwise, when the name is known
		}
		defer s.end(inConnect)
		return dial(ctx, network, address)
	}
}

// counted reports the bytes that a connection moves.
type counted struct {
	net.Conn
	used func(bytes int)
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.used(n)
	return n, err
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.used(n)
	return n, err
}

func counting(dial dialFunc, used func(int)) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return counted{conn, used}, nil
	}
}
