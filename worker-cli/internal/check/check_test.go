package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// open is a Checker without rules about addresses, for targets of the test's own.
func open() *Checker { return New(Options{AllowPrivate: true}) }

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// raw answers each connection with the same bytes, once it has asked something.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestCheck(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	status := func(code int) string {
		return serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) })
	}
	web := status(200)
	insecure := httptest.NewUnstartedServer(http.NotFoundHandler())
	insecure.Config.ErrorLog = log.New(io.Discard, "", 0)
	insecure.StartTLS()
	t.Cleanup(insecure.Close)

	for name, c := range map[string]struct {
		url      string
		expected int
		want     Observation // At and ResponseTime aside
	}{
		"as expected":        {web, 200, Observation{Success: true, StatusCode: 200}},
		"204 expected":       {status(204), 204, Observation{Success: true, StatusCode: 204}},
		"404 expected":       {status(404), 404, Observation{Success: true, StatusCode: 404}},
		"503":                {status(503), 200, Observation{StatusCode: 503, Class: Status}},
		"200, not 204":       {web, 204, Observation{StatusCode: 200, Class: Status}},
		"a status too high":  {raw(t, "HTTP/1.1 999 No\r\n\r\n"), 200, Observation{Class: Protocol, Error: "Unknown HTTP status 999"}},
		"a status too low":   {raw(t, "HTTP/1.1 042 No\r\n\r\n"), 200, Observation{Class: Protocol, Error: "Unknown HTTP status 42"}},
		"nobody listens":     {"http://" + closed.Addr().String(), 200, Observation{Class: Connect, Error: "Connection refused"}},
		"hangs up":           {raw(t, ""), 200, Observation{Class: Protocol, Error: "Connection closed without an answer"}},
		"not HTTP":           {raw(t, "SSH-2.0-OpenSSH_9.6\r\n"), 200, Observation{Class: Protocol, Error: "Not a valid HTTP answer"}},
		"endless header":     {raw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", 1<<20)), 200, Observation{Class: Protocol, Error: "Not a valid HTTP answer"}},
		"endless 103":        {raw(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <"+strings.Repeat("z", 1000)+">\r\n\r\n", 5000)), 200, Observation{Class: Protocol, Error: "Not a valid HTTP answer"}},
		"unknown authority":  {insecure.URL, 404, Observation{Class: TLS, Error: "TLS: certificate signed by an unknown authority"}},
		"plain text for TLS": {strings.Replace(web, "http:", "https:", 1), 200, Observation{Class: TLS, Error: "TLS: the server does not speak TLS"}},
		"body breaks off":    {raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), 200, Observation{Success: true, StatusCode: 200, Class: Body, Error: "Body broke off"}},
		"redirect, no aim":   {status(302), 302, Observation{Success: true, StatusCode: 302}},
		"redirect to itself": {serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }), 200, Observation{Class: Protocol, Error: "More than 10 redirects"}},
		"redirect to mail":   {serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "mailto:a@b.c", http.StatusFound) }), 200, Observation{Class: Protocol, Error: "Redirect away from http and https"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := time.Now()
			seen, err := open().Check(t.Context(), api.Task{Type: api.HTTPCheck, URL: c.url, ExpectedStatus: c.expected, TimeoutMs: 5000})
			if err != nil {
				t.Fatal(err)
			}
			if seen.At.Before(before) || seen.ResponseTime <= 0 || seen.ResponseTime > time.Since(before) {
				t.Errorf("made at %v, took %v", seen.At, seen.ResponseTime)
			}
			if seen.Timings.Total < seen.ResponseTime || seen.Timings.Total > time.Since(before) {
				t.Errorf("%+v, with a response time of %v", seen.Timings, seen.ResponseTime)
			}
			seen.At, seen.ResponseTime, seen.Timings = time.Time{}, 0, Timings{}
			if seen != c.want {
				t.Errorf("got  %+v\nwant %+v", seen, c.want)
			}
		})
	}
}

func TestTrustedCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	c := open()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
	if seen, err := c.Check(t.Context(), task(s.URL)); err != nil || !seen.Success {
		t.Errorf("got %+v, %v", seen, err)
	}
	// The same certificate under a name that it is not for.
	seen, err := c.Check(t.Context(), task(strings.Replace(s.URL, "127.0.0.1", "localhost", 1)))
	if err != nil || seen.Error != "TLS: certificate is for another host" {
		t.Errorf("got %+v, %v", seen, err)
	}
	s.TLS.MaxVersion = tls.VersionTLS11
	if seen, err := c.Check(t.Context(), task(s.URL)); err != nil || seen.Class != TLS || seen.Error != "TLS: handshake failed" {
		t.Errorf("TLS 1.1: got %+v, %v", seen, err)
	}
}

func TestTimeout(t *testing.T) {
	stop := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	defer close(stop)
	slow := task(url)
	slow.TimeoutMs = 50
	seen, err := open().Check(t.Context(), slow)
	if err != nil || seen.Class != Timeout || seen.Error != "Timeout after 50ms" || seen.Success || seen.StatusCode != 0 {
		t.Errorf("got %+v, %v", seen, err)
	}
	if seen.ResponseTime < 50*time.Millisecond || seen.ResponseTime > 2*time.Second {
		t.Errorf("took %v", seen.ResponseTime)
	}
}

// A worker that is stopped says nothing about its targets.
func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { stop(); <-r.Context().Done() })
	if seen, err := open().Check(ctx, task(url)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v", seen, err)
	}
}

func TestTenRedirects(t *testing.T) {
	var hops int
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if hops == 10 {
			return
		}
		hops++
		http.Redirect(w, r, fmt.Sprintf("/%d", hops), []int{301, 302, 303, 307, 308}[hops%5])
	})
	if seen, err := open().Check(t.Context(), task(url)); err != nil || !seen.Success || hops != 10 {
		t.Errorf("got %+v, %v after %d redirects", seen, err, hops)
	}
}

// What a target learns: the worker's name, and nothing of its user's.
func TestWhatATargetLearns(t *testing.T) {
	var heard []*http.Request
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		heard = append(heard, r)
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "42"})
		if len(heard) < 3 {
			http.Redirect(w, r, fmt.Sprintf("/%d?secret=1", len(heard)), http.StatusFound)
		}
	})
	c := open()
	for range 2 {
		if _, err := c.Check(t.Context(), task(url)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"User-Agent": "BlockRun-Worker/1.0", "Accept": "*/*", "Connection": "close"}
	if len(heard) != 4 {
		t.Fatalf("%d requests", len(heard))
	}
	for i, r := range heard {
		if r.Method != http.MethodGet || r.ContentLength != 0 || r.Proto != "HTTP/1.1" {
			t.Errorf("request %d: %s %s with %d bytes", i, r.Method, r.Proto, r.ContentLength)
		}
		for name, values := range r.Header {
			if len(values) != 1 || want[name] != values[0] {
				t.Errorf("request %d: %s: %q", i, name, values)
			}
		}
	}
}

func TestRefusedTasks(t *testing.T) {
	good := task("http://127.0.0.1:1/")
	for name, spoil := range map[string]func(*api.Task){
		"another type":    func(t *api.Task) { t.Type = "tcp_check" },
		"no timeout":      func(t *api.Task) { t.TimeoutMs = 0 },
		"timeout below 0": func(t *api.Task) { t.TimeoutMs = -1 },
		"timeout of ages": func(t *api.Task) { t.TimeoutMs = 60_001 },
		"overflow":        func(t *api.Task) { t.TimeoutMs = 1 << 62 },
		"no status":       func(t *api.Task) { t.ExpectedStatus = 0 },
		"status 999":      func(t *api.Task) { t.ExpectedStatus = 999 },
		"no URL":          func(t *api.Task) { t.URL = "" },
		"no web URL":      func(t *api.Task) { t.URL = "file:///etc/passwd" },
		"credentials":     func(t *api.Task) { t.URL = "http://a:b@127.0.0.1/" },
		"control bytes":   func(t *api.Task) { t.URL = "http://127.0.0.1/\r\nX: y" },
		"endless URL":     func(t *api.Task) { t.URL += strings.Repeat("x", 3000) },
		"bad escape":      func(t *api.Task) { t.URL += "%zz" },
	} {
		bad := good
		spoil(&bad)
		if seen, err := open().Check(t.Context(), bad); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %+v, %v; want ErrRefused", name, seen, err)
		}
	}
	if _, err := open().Check(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
	good.URL = "http://93.184.215.14:22/"
	if _, err := New(Options{}).Check(t.Context(), good); !errors.Is(err, ErrRefused) {
		t.Errorf("port 22: got %v, want ErrRefused", err)
	}
}

// Errors never hold an address of this machine's or of its name server.
func TestErrorsTellNothing(t *testing.T) {
	for _, err := range []error{
		&net.OpError{Op: "dial", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(192, 168, 1, 5)}, Err: errors.New("odd 192.168.1.5")},
		&net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(192, 168, 1, 5)}, Err: errors.New("odd 192.168.1.5")},
		&net.DNSError{Err: "server misbehaving", Name: "x", Server: "192.168.1.1:53"},
		&net.DNSError{Err: "timeout", Name: "x", Server: "192.168.1.1:53", IsTimeout: true},
		errors.New("anything at 192.168.1.5"),
	} {
		class, text := classify(err)
		if class == "" || text == "" || strings.Contains(text, "192.168") || strings.Contains(text, "odd") {
			t.Errorf("%v: %q %q", err, class, text)
		}
	}
}
