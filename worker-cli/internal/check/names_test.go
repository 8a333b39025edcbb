package check

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server. Each name has a list of answers, given in turn; the
// last one stays.
type names struct {
	mu      sync.Mutex
	answers map[string][][]string
	names   []string
}

// asked are the names that were asked for.
func (n *names) asked() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.names)
}

func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer, err := n.answer(buf[:size]); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return resolverAt(conn.LocalAddr().String())
}

func (n *names) answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names = append(n.names, name)
	m.Header.Response, m.Additionals = true, nil
	rounds := n.answers[name]
	if len(rounds) == 0 {
		m.Header.RCode = dnsmessage.RCodeNameError
		return m.Pack()
	}
	for _, a := range rounds[0] {
		ip := netip.MustParseAddr(a)
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
		switch {
		case ip.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: ip.As4()}})
		case ip.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	if q.Type == dnsmessage.TypeA && len(rounds) > 1 { // A and AAAA make one lookup
		n.answers[name] = rounds[1:]
	}
	return m.Pack()
}

// A name that is public and private at once, as in a rebinding that does not
// wait: only the public address is connected to.
func TestMixedAnswers(t *testing.T) {
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer public.Close()
	at := public.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	tr := &trap{port: port}
	for _, host := range []string{"127.0.0.2", "::1"} {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, port)); err == nil {
			tr.serve(t, l)
		}
	}
	if len(tr.hosts) == 0 {
		t.Skip("this machine has no other address")
	}
	n := &names{answers: map[string][][]string{"mixed.net-check.org": {append(slices.Clone(tr.hosts), "127.0.0.1")}}}
	c := guarded(t, at, n, portsOf(t, at)...)
	for range 5 {
		if seen, err := c.Check(t.Context(), task("http://mixed.net-check.org:"+port+"/")); err != nil || !seen.Success {
			t.Errorf("got %+v, %v", seen, err)
		}
	}
	if seen := tr.seen.Load(); seen > 0 {
		t.Errorf("the trap saw %d connections", seen)
	}
}

// Names of local networks are not even asked for, and no name is tried below
// the search domains of the user's network.
func TestResolverIsSpared(t *testing.T) {
	n := &names{}
	c := guarded(t, "", n, 80)
	for _, host := range []string{"router", "nas.lan", "printer.local", "x.localhost", "vault.corp", "2130706433", "127.1", "x.home.arpa"} {
		if _, err := c.Check(t.Context(), task("http://"+host+"/")); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v, want ErrRefused", host, err)
		}
	}
	if asked := n.asked(); len(asked) > 0 {
		t.Errorf("asked for %q", asked)
	}
	seen, err := c.Check(t.Context(), task("http://gone.net-check.org/"))
	if err != nil || seen.Class != DNS || seen.Error != "DNS: no such host" {
		t.Errorf("got %+v, %v", seen, err)
	}
	for _, name := range n.asked() {
		if name != "gone.net-check.org" {
			t.Errorf("asked for %q", name)
		}
	}
}

func TestNamesAreAbsolute(t *testing.T) {
	for address, want := range map[string]string{
		"example.com:80":    "example.com.:80",
		"example.com.:80":   "example.com.:80",
		"93.184.215.14:443": "93.184.215.14:443",
		"[2606:4700::1]:80": "[2606:4700::1]:80",
	} {
		var got string
		dial := absolute(func(_ context.Context, _, address string) (net.Conn, error) { got = address; return nil, nil })
		if _, err := dial(t.Context(), "tcp", address); err != nil || got != want {
			t.Errorf("%s: dials %s, %v; want %s", address, got, err, want)
		}
	}
}
