package check

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestParseBlock(t *testing.T) {
	for entry, good := range map[string]bool{
		"example.com": true, " Example.COM. ": true, "*.example.com": true, "localhost": true, "10.0.0.1": true, "[2606:4700::1]": true,
		"192.0.2.0/24": true, "2606:4700::/32": true,
		"": false, "*": false, "https://example.com": false, "example.com/x": false, "a b": false, "exa*mple.com": false,
	} {
		if err := ParseBlock(entry); (err == nil) != good {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

func TestBlocklist(t *testing.T) {
	c := New(Options{Block: []string{"Blocked.org", "*.wild.org", "93.184.215.0/24", "2606:4700::1"}})
	for url, blocked := range map[string]bool{
		"http://blocked.org/": true, "http://BLOCKED.org./": true, "https://a.b.blocked.org/": true, "http://wild.org/": true, "http://x.wild.org/": true,
		"http://93.184.215.14/": true, "http://[2606:4700::1]/": true, "http://notblocked.org/": false, "http://blocked.org.uk/": false,
		"http://93.184.216.14/": false, "http://[2606:4700::2]/": false,
	} {
		_, err := c.admit(task(url))
		if got := errors.Is(err, ErrRefused) && strings.Contains(err.Error(), "on your blocklist"); got != blocked {
			t.Errorf("%s: %v, want blocked: %v", url, err, blocked)
		}
	}
}

// What its user blocked is not connected to by way of a redirect or a name
// either, and nothing is said of the target that led there.
func TestBlockedOnTheWay(t *testing.T) {
	tr := newTrap(t)
	var to string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	c := New(Options{AllowPrivate: true, Block: []string{"localhost", "127.0.0.2", "::1"}})
	for _, to = range []string{"http://localhost:" + tr.port, "http://127.0.0.2:" + tr.port, "http://[::1]:" + tr.port, "http://[::ffff:127.0.0.2]:" + tr.port} {
		if seen, err := c.Check(t.Context(), task(url)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %+v, %v", to, seen, err)
		}
	}
	named := httptest.NewServer(http.NotFoundHandler())
	defer named.Close()
	n := &names{answers: map[string][][]string{"innocent.net-check.org": {{"127.0.0.1"}}}}
	at := named.Listener.Addr().String()
	g := guarded(t, at, n, portsOf(t, at)...)
	if err := g.block.add("127.0.0.0/8"); err != nil {
		t.Fatal(err)
	}
	if seen, err := g.Check(t.Context(), task(strings.Replace(named.URL, "127.0.0.1", "innocent.net-check.org", 1))); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "blocklist") {
		t.Errorf("a name: got %+v, %v", seen, err)
	}
	if n := tr.seen.Load(); n > 0 {
		t.Errorf("the trap saw %d connections", n)
	}
}

// What the user could lift is marked as such.
func TestWhatCanBeLifted(t *testing.T) {
	c := New(Options{})
	for url, kind := range map[string]error{
		"http://127.0.0.1/": ErrPrivate, "http://10.0.0.1/": ErrPrivate, "http://localhost/": ErrPrivate, "http://printer.local/": ErrPrivate,
		"http://[::1]/": ErrPrivate, "http://[::ffff:10.0.0.1]/": ErrPrivate, "http://0x7f.1/": ErrPrivate, "http://93.184.215.14:22/": ErrPort, "ftp://x.org/": nil,
	} {
		_, err := c.Check(t.Context(), task(url))
		if !errors.Is(err, ErrRefused) || errors.Is(err, ErrPrivate) != (kind == ErrPrivate) || errors.Is(err, ErrPort) != (kind == ErrPort) {
			t.Errorf("%s: %v, want marked as %v", url, err, kind)
		}
		if strings.Contains(err.Error(), "not public") || !strings.HasPrefix(err.Error()[strings.Index(err.Error(), "refused"):], "refused: ") {
			t.Errorf("%s: reads %q", url, err)
		}
	}
}
