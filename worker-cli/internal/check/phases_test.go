package check

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The phases of a check of a name under TLS, by way of a redirect: each is
// seen, and the wait stands where it was.
func TestTimings(t *testing.T) {
	const wait = 60 * time.Millisecond
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(wait)
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/next", http.StatusFound)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	at := s.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	n := &names{answers: map[string][][]string{"example.com": {{"127.0.0.1"}}}} // the test's certificate is for this name
	c := guarded(t, at, n, portsOf(t, at)...)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
	seen, err := c.Check(t.Context(), task("https://example.com:"+port+"/"))
	if err != nil || !seen.Success {
		t.Fatalf("got %+v, %v", seen, err)
	}
	p := seen.Timings
	if p.DNS <= 0 || p.Connect <= 0 || p.TLS <= 0 || p.FirstByte < 2*wait || p.Total < p.DNS+p.Connect+p.TLS+p.FirstByte || p.Total < seen.ResponseTime {
		t.Errorf("%+v, with a response time of %v", p, seen.ResponseTime)
	}
	// An address needs no name server, http no handshake.
	seen, err = open().Check(t.Context(), task(serve(t, func(http.ResponseWriter, *http.Request) {})))
	if p = seen.Timings; err != nil || p.DNS != 0 || p.TLS != 0 || p.Connect <= 0 || p.FirstByte <= 0 {
		t.Errorf("got %+v, %v", seen, err)
	}
}

// Where a check ended shows in its phases: what came after was not reached,
// and what hung took all the time.
func TestTimingsOfFailures(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dead, err := net.ListenPacket("udp", "127.0.0.1:0") // a name server that never answers
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	hung := guarded(t, "", &names{}, 80)
	hung.http.Transport.(*http.Transport).DialContext = timed((&net.Dialer{Resolver: resolverAt(dead.LocalAddr().String())}).DialContext)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct {
		checker *Checker
		url     string
		class   Class
		good    func(Timings) bool
	}{
		"no such name":     {guarded(t, "", &names{}, 80), "http://gone.net-check.org/", DNS, func(p Timings) bool { return p.DNS > 0 && p.Connect == 0 && p.FirstByte == 0 }},
		"no name server":   {hung, "http://gone.net-check.org/", Timeout, func(p Timings) bool { return p.DNS > 200*time.Millisecond && p.Connect == 0 }},
		"nobody listens":   {open(), "http://" + closed.Addr().String(), Connect, func(p Timings) bool { return p.DNS == 0 && p.Connect > 0 && p.TLS == 0 && p.FirstByte == 0 }},
		"silent under TLS": {open(), "https://" + silent.Addr().String(), Timeout, func(p Timings) bool { return p.TLS > 200*time.Millisecond && p.FirstByte == 0 }},
		"silent":           {open(), "http://" + silent.Addr().String(), Timeout, func(p Timings) bool { return p.FirstByte > 200*time.Millisecond }},
	} {
		slow := task(c.url)
		slow.TimeoutMs = 300
		seen, err := c.checker.Check(t.Context(), slow)
		if err != nil || seen.Class != c.class || !c.good(seen.Timings) {
			t.Errorf("%s: got %+v, %v", name, seen, err)
		}
	}
}

func resolverAt(address string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", address)
	}}
}

// A machine that slept during a check, or whose clock was set, saw nothing
// that can be told.
func TestAsleep(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	for jump, told := range map[time.Duration]bool{0: true, 900 * time.Millisecond: true, -900 * time.Millisecond: true, 3 * time.Second: false, -3 * time.Second: false, 8 * time.Hour: false} {
		c := open()
		c.slept = func(time.Time) time.Duration { return jump }
		seen, err := c.Check(t.Context(), task(url))
		if told && (err != nil || !seen.Success) || !told && (!errors.Is(err, ErrAsleep) || seen != (Observation{})) {
			t.Errorf("%v: got %+v, %v", jump, seen, err)
		}
	}
	if d := slept(time.Now().Add(-time.Hour)); d.Abs() > maxSleep { // both clocks went on
		t.Errorf("slept %v", d)
	}
	if d := slept(time.Now().Round(0).Add(-time.Hour)); d != 0 { // without a monotonic reading there is nothing to compare
		t.Errorf("slept %v", d)
	}
}

// A header that trickles is bounded by the task's own timeout, on each hop.
func TestSlowHeader(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				// An answer before the question would be another mistake.
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				for err = nil; err == nil; time.Sleep(10 * time.Millisecond) {
					_, err = io.WriteString(conn, "X: y\r\n")
				}
			}()
		}
	}()
	redirects := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+l.Addr().String(), http.StatusFound)
	})
	for _, url := range []string{"http://" + l.Addr().String(), redirects} {
		slow := task(url)
		slow.TimeoutMs = 200
		seen, err := open().Check(t.Context(), slow)
		if err != nil || seen.Class != Timeout || seen.Timings.Total > 5*time.Second {
			t.Errorf("got %+v, %v", seen, err)
		}
	}
}

// Where the body broke off is told, and the status stands: unless it was the
// wrong one, which says more.
func TestBodyBreaksOff(t *testing.T) {
	for answer, want := range map[string]Observation{
		"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf":                                {Success: true, StatusCode: 200, Class: Body, Error: "Body broke off"},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab":                     {Success: true, StatusCode: 200, Class: Body, Error: "Body broke off"},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n":                {Success: true, StatusCode: 200, Class: Body, Error: "Body broke off"},
		"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nhalf":                                {StatusCode: 500, Class: Status},
		"HTTP/1.1 200 OK\r\n\r\nuntil the connection is closed":                            {Success: true, StatusCode: 200},
		"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + strings.Repeat("x", maxBody): {Success: true, StatusCode: 200}, // nobody looks further
	} {
		seen, err := open().Check(t.Context(), task(raw(t, answer)))
		seen.At, seen.ResponseTime, seen.Timings = time.Time{}, 0, Timings{}
		if err != nil || seen != want {
			t.Errorf("%.40q: got %+v, %v; want %+v", answer, seen, err, want)
		}
	}
}

// What checks move is told as they move it, with what the redirects cost.
func TestBytesAreCounted(t *testing.T) {
	var used atomic.Int64
	c := New(Options{AllowPrivate: true, Used: func(n int) { used.Add(int64(n)) }})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 10_000)) })
	if _, err := c.Check(t.Context(), task(url)); err != nil {
		t.Fatal(err)
	}
	if n := used.Load(); n < 10_000 || n > 12_000 {
		t.Errorf("%d bytes", n)
	}
	used.Store(0)
	if _, err := c.Check(t.Context(), task(serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 32<<10))
		}
	}))); err != nil {
		t.Fatal(err)
	}
	if n := used.Load(); n < maxBody || n > maxBody+64<<10 {
		t.Errorf("%d bytes of an endless body", n)
	}
}
