package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// An API whose clock is off by so much, seen through answers with a Date.
func TestClockOffset(t *testing.T) {
	for off, told := range map[time.Duration]bool{
		0: false, time.Second: false, -time.Second: false, 4 * time.Second: true, -4 * time.Second: true, time.Hour: true, -20 * time.Minute: true,
	} {
		c := to(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			says(200, "[]")(w, r)
		})
		if c.ClockOffset() != 0 {
			t.Error("known before anybody was asked")
		}
		if _, err := c.Tasks(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := c.ClockOffset()
		if told && (got-off).Abs() > 1500*time.Millisecond || !told && got != 0 {
			t.Errorf("off by %v: measured %v", off, got)
		}
		if err := c.Reach(t.Context()); err != nil || told && (c.ClockOffset()-off).Abs() > 1500*time.Millisecond {
			t.Errorf("off by %v: measured %v, %v", off, c.ClockOffset(), err)
		}
	}
}

// Several dates narrow the offset down, and a clock that was set is measured anew.
func TestDatesNarrow(t *testing.T) {
	at := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	hear := func(c *clock, local time.Time, off time.Duration) {
		c.heard(http.Header{"Date": {local.Add(off).Format(http.TimeFormat)}}, local.Add(-10*time.Millisecond), local.Add(10*time.Millisecond))
	}
	const off = 2300 * time.Millisecond
	var c clock
	hear(&c, at.Add(100*time.Millisecond), off)
	wide, _ := c.offset()
	for i := range 20 {
		hear(&c, at.Add(time.Duration(i)*30_150*time.Millisecond), off)
	}
	narrow, known := c.offset()
	if !known || narrow.low > off || narrow.high < off || narrow.high-narrow.low > (wide.high-wide.low)/2 || narrow.low <= MaxClockOff {
		t.Errorf("one date: %v, many: %v", wide, narrow)
	}
	if len(c.dates) > keptDates {
		t.Errorf("%d dates are kept", len(c.dates))
	}
	hear(&c, at.Add(time.Hour), 0) // it was set
	if o, _ := c.offset(); o.low > 0 || o.high < 0 {
		t.Errorf("after it was set: %v", o)
	}
	c.heard(http.Header{"Date": {"soon"}}, at, at)
	c.heard(http.Header{}, at, at)
	if o, _ := c.offset(); o.low > 0 || o.high < 0 {
		t.Errorf("after dates that are none: %v", o)
	}
}

// Reach opens a connection of its own: one that stands already proves nothing.
func TestReach(t *testing.T) {
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	c, err := New(s.URL+"/api", address, "", "Test/1")
	if err != nil {
		t.Fatal(err)
	}
	for want := range int64(3) {
		if err := c.Reach(t.Context()); err != nil || connections.Load() != want+1 {
			t.Errorf("%v, %d connections", err, connections.Load())
		}
	}
	s.Close()
	if err := c.Reach(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot reach the API") {
		t.Error(err)
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler()) // whose certificate is nobody's
	defer tls.Close()
	if c, err = New(tls.URL, address, "", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Reach(t.Context()); err == nil {
		t.Error("a login page is taken for the API")
	}
}

// Any answer of the name servers will do, and no answer of theirs will not.
func TestResolve(t *testing.T) {
	var asked atomic.Value
	for code, good := range map[dnsmessage.RCode]bool{dnsmessage.RCodeNameError: true, dnsmessage.RCodeSuccess: true, dnsmessage.RCodeServerFailure: false} {
		server := nameServer(t, func(m *dnsmessage.Message) {
			asked.Store(m.Questions[0].Name.String())
			m.RCode = code
		})
		c, err := New("https://api.net-check.org/api", address, "", "")
		if err != nil {
			t.Fatal(err)
		}
		c.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", server)
		}}
		if err := c.Resolve(t.Context()); (err == nil) != good {
			t.Errorf("%v: %v", code, err)
		}
		first := fmt.Sprint(asked.Load())
		_ = c.Resolve(t.Context())
		if again := fmt.Sprint(asked.Load()); again == first || !strings.HasSuffix(again, ".api.net-check.org.") {
			t.Errorf("asked about %s, then %s", first, again)
		}
	}
	for _, base := range []string{"http://127.0.0.1:8080/api", "http://[::1]/api", "http://localhost/api"} {
		c, err := New(base, address, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Resolve(t.Context()); !errors.Is(err, ErrNoName) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func nameServer(t *testing.T, answer func(*dnsmessage.Message)) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			answer(&m)
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// A 426 says which version it takes.
func TestMinimumVersion(t *testing.T) {
	_, err := to(t, says(426, `{"error":"too old","minimumVersion":"v1.2.0"}`)).Tasks(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != 426 || e.Minimum != "v1.2.0" || !strings.Contains(e.Text, "too old") {
		t.Errorf("got %+v", err)
	}
}
