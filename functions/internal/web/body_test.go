package web

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// connect opens a connection to e and begins a request with a body of that
// length.
func connect(t *testing.T, e Endpoint, method string, length int) net.Conn {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "%s / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", method, length)
	return conn
}

// A caller that lets its body drip is answered when its time is over, whatever
// the endpoint does with the body, and the connection is not used again.
func TestADrippingBodyEnds(t *testing.T) {
	const limit = 200 * time.Millisecond
	decode := func(r *http.Request) (any, error) {
		_, _, err := api.DecodeResults(r.Body)
		return nil, err
	}
	for _, c := range []struct {
		name, method string
		length       int
		serve        func(*http.Request) (any, error)
		status       int
		says         string
	}{
		{"read", "POST", 900, decode, 408, `{"error":"body too slow: it did not arrive within 200ms; send it in one go, or less in one request"}`},
		{"too large", "POST", 1 << 20, func(r *http.Request) (any, error) {
			return nil, &http.MaxBytesError{Limit: 1000}
		}, 413, "the limit is 1000 bytes"},
		{"not read", "POST", 900, func(*http.Request) (any, error) { return "done", nil }, 200, `"done"`},
		{"wrong method", "PUT", 900, decode, 405, "use POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			e := Endpoint{Method: "POST", MaxBody: 1000, Log: slog.New(slog.DiscardHandler), Serve: c.serve, bodyTime: limit}
			conn := connect(t, e, c.method, c.length)
			go func() {
				for range 500 {
					if _, err := conn.Write([]byte{' '}); err != nil {
						return
					}
					time.Sleep(limit / 20)
				}
			}()
			_ = conn.SetReadDeadline(start.Add(10 * limit))
			reader := bufio.NewReader(conn)
			resp, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if _, err := reader.ReadByte(); err == nil || time.Since(start) > 8*limit {
				t.Errorf("the connection lives on after %v: %v", time.Since(start), err)
			}
		})
	}
}

// The deadline is for the body alone: a handler may work longer, and the
// connection serves the next request later than that.
func TestTheBodysDeadlineIsLifted(t *testing.T) {
	const limit = 100 * time.Millisecond
	e := Endpoint{Method: "POST", MaxBody: 1000, Log: slog.New(slog.DiscardHandler), bodyTime: limit, Serve: func(r *http.Request) (any, error) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		time.Sleep(2 * limit)
		return string(b), r.Context().Err()
	}}
	conn := connect(t, e, "POST", 3)
	reader := bufio.NewReader(conn)
	for i := range 3 {
		if i > 0 {
			time.Sleep(2 * limit)
			fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
		}
		time.Sleep(limit / 4)
		fmt.Fprintf(conn, "no%d", i)
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || strings.TrimSpace(string(body)) != fmt.Sprintf(`"no%d"`, i) {
			t.Errorf("request %d: %d %s, %v", i, resp.StatusCode, body, err)
		}
	}
}

// A writer that knows no deadlines is no reason to refuse.
func TestBodiesWithoutDeadlines(t *testing.T) {
	e := Endpoint{Method: "POST", MaxBody: 1000, Serve: func(r *http.Request) (any, error) {
		b, err := io.ReadAll(r.Body)
		return string(b), err
	}}
	if resp, body, _ := call(t, e, httptest.NewRequest("POST", "/", strings.NewReader("all"))); resp.StatusCode != 200 || body != `"all"` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// deadlines notes what is set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// net/http lifts the deadline at a body's end by itself; other servers need not.
func TestTheDeadlineIsLiftedAtTheBodysEnd(t *testing.T) {
	for _, c := range []struct {
		read string
		much int64
		want int
	}{{"all", 1000, 2}, {"part", 2, 1}, {"", 0, 0}} {
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.read))
		if c.read == "" {
			r.Body = http.NoBody
		}
		Endpoint{Method: "POST", MaxBody: 1000, Serve: func(r *http.Request) (any, error) {
			_, _ = io.CopyN(io.Discard, r.Body, c.much)
			return nil, nil
		}}.ServeHTTP(d, r)
		if len(d.set) != c.want {
			t.Errorf("%q: deadlines %v, want %d", c.read, d.set, c.want)
			continue
		}
		for i, at := range d.set {
			if left := time.Until(at); at.IsZero() != (i == 1) || i == 0 && (left <= 0 || left > bodyTime) {
				t.Errorf("%q: deadline %d is %v", c.read, i, at)
			}
		}
	}
}
