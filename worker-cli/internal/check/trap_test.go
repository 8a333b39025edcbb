package check

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// trap listens on one port of every address of this machine, and counts.
type trap struct {
	port  string
	seen  atomic.Int64
	hosts []string // the addresses it could be had on
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	first, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr := &trap{}
	_, tr.port, _ = net.SplitHostPort(first.Addr().String())
	tr.serve(t, first)
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLinkLocalUnicast() || n.IP.Equal(net.IPv4(127, 0, 0, 1)) {
			continue
		}
		if l, err := net.Listen("tcp", net.JoinHostPort(n.IP.String(), tr.port)); err == nil {
			tr.serve(t, l)
		}
	}
	return tr
}

func (tr *trap) serve(t *testing.T, l net.Listener) {
	host, _, _ := net.SplitHostPort(l.Addr().String())
	tr.hosts = append(tr.hosts, host)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tr.seen.Add(1)
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			_, _ = conn.Read(make([]byte, 4096))
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			conn.Close()
		}
	}()
}

func (tr *trap) addrPort(t *testing.T, host string) string {
	t.Helper()
	return net.JoinHostPort(host, tr.port)
}

// guarded is a Checker with all its rules, for which one more address is
// public: that of a real server on this machine.
func guarded(t *testing.T, public string, n *names, ports ...uint16) *Checker {
	t.Helper()
	g := newGuard(ports, nil)
	dialer := &net.Dialer{Resolver: n.resolver(t), Control: func(network, address string, c syscall.RawConn) error {
		if address == public {
			return nil
		}
		return g.control(network, address, c)
	}}
	return newChecker(dialer, ports, false)
}

func task(url string) api.Task {
	return api.Task{ID: "t", Type: api.HTTPCheck, URL: url, ExpectedStatus: 200, TimeoutMs: 5000}
}

// hostile are URLs that lead to the trap for whoever is careless. The names
// are resolved by the test's own server.
func hostile(tr *trap) ([]string, map[string][][]string) {
	hosts := []string{
		"localhost", "LOCALHOST", "localhost.", "sub.localhost", "trap", "printer.local", "nas.lan", "x.internal", "router.home.arpa",
		"127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.0.0.01", "127.000.000.001", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "0x7F.1",
		"2130706433", "017700000001", "0", "0.0.0.0", "127.255.255.254", "①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "%31%32%37.0.0.1",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::ffff:0:127.0.0.1]",
		"[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]",
		"[::1%25lo]", "[fe80::1%25lo]", "user@127.0.0.1", "user:pass@127.0.0.1", "public.net-check.org@127.0.0.1", "127.0.0.1%00.net-check.org",
	}
	answers := map[string][][]string{
		"loopback.net-check.org": {{"127.0.0.1"}}, "loopback6.net-check.org": {{"::1"}}, "both.net-check.org": {{"127.0.0.1", "::1"}},
		"mapped.net-check.org": {{"::ffff:127.0.0.1"}}, "nat64.net-check.org": {{"64:ff9b::7f00:1"}}, "zero.net-check.org": {{"0.0.0.0", "::"}},
		"sixto4.net-check.org": {{"2002:7f00:1::"}}, "compat.net-check.org": {{"::7f00:1"}},
	}
	for i, h := range tr.hosts {
		if strings.Contains(h, ":") {
			hosts = append(hosts, "["+h+"]")
		} else {
			hosts = append(hosts, h, "[::ffff:"+h+"]")
		}
		answers[fmt.Sprintf("own%d.net-check.org", i)] = [][]string{{h}}
	}
	for name := range answers {
		hosts = append(hosts, name)
	}
	urls := []string{"file:///etc/passwd", "unix:///var/run/docker.sock", "//127.0.0.1:" + tr.port + "/", "http:127.0.0.1", "http:///", "http://:" + tr.port + "/"}
	for _, h := range hosts {
		for _, scheme := range []string{"http", "https"} {
			urls = append(urls, scheme+"://"+h+":"+tr.port+"/")
		}
	}
	for _, scheme := range []string{"ftp", "gopher", "ws", "dict", "HTTP+unix"} {
		urls = append(urls, scheme+"://127.0.0.1:"+tr.port+"/")
	}
	return urls, answers
}

func portsOf(t *testing.T, addresses ...string) []uint16 {
	t.Helper()
	ports := []uint16{80, 443}
	for _, a := range addresses {
		ports = append(ports, netip.MustParseAddrPort(a).Port())
	}
	return ports
}

// No URL of the corpus reaches the trap: neither as a task nor as a redirect
// of a public server. The trap's port is allowed, so it is the address that
// is refused.
func TestTrapSeesNothing(t *testing.T) {
	tr := newTrap(t)
	urls, answers := hostile(tr)
	var location atomic.Value
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Location"] = []string{location.Load().(string)}
		w.WriteHeader(http.StatusFound)
	}))
	defer public.Close()
	at := public.Listener.Addr().String()
	answers["public.net-check.org"] = [][]string{{"127.0.0.1"}}
	c := guarded(t, at, &names{answers: answers}, portsOf(t, at, tr.addrPort(t, "127.0.0.1"))...)

	// Where a target sends its visitors is its own fault: a failed result. Only
	// a web URL is followed at all; of the rest some is no URL.
	ownFault := func(o Observation) bool {
		return o.Class == Protocol && !o.Success && o.StatusCode == 0 && o.Error != "" && !strings.Contains(o.Error, "127.")
	}
	refused := 0
	for _, u := range urls {
		if _, err := c.Check(t.Context(), task(u)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v, want ErrRefused", u, err)
		}
		location.Store(u)
		seen, err := c.Check(t.Context(), task("http://public.net-check.org:"+strings.TrimPrefix(at, "127.0.0.1:")+"/"))
		if err != nil || !ownFault(seen) {
			t.Errorf("redirect to %s: got %+v, %v; want a protocol error of the target", u, seen, err)
		}
		if seen.Error == "Redirect to a refused address" {
			refused++
		}
		if n := tr.seen.Swap(0); n > 0 {
			t.Errorf("%s: the trap saw %d connections", u, n)
		}
	}
	if refused < 100 {
		t.Errorf("%d redirects were refused for their address, want most of %d", refused, len(urls))
	}
}

// The trap works: without the rules it is reached.
func TestTrapCanBeReached(t *testing.T) {
	tr := newTrap(t)
	c := New(Options{AllowPrivate: true})
	for _, h := range append(tr.hosts, "localhost", "::ffff:127.0.0.1") {
		seen, err := c.Check(t.Context(), task("http://"+tr.addrPort(t, h)+"/"))
		if err != nil || !seen.Success {
			t.Errorf("%s: got %+v, %v", h, seen, err)
		}
	}
	if n := tr.seen.Load(); n < int64(len(tr.hosts)) {
		t.Errorf("the trap saw %d connections on %v", n, tr.hosts)
	}
}

// TestMain sets a proxy for the whole run: net/http reads the environment once.
func TestMain(m *testing.M) {
	for _, v := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		os.Setenv(v, "http://proxy.invalid:80")
	}
	os.Exit(m.Run())
}

// No proxy of the environment is used: each check here would fail with one.
func TestNoProxy(t *testing.T) {
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer public.Close()
	at := public.Listener.Addr().String()
	n := &names{answers: map[string][][]string{"public.net-check.org": {{"127.0.0.1"}}}}
	c := guarded(t, at, n, portsOf(t, at)...)
	seen, err := c.Check(t.Context(), task("http://public.net-check.org:"+strings.TrimPrefix(at, "127.0.0.1:")+"/"))
	if err != nil || !seen.Success || seen.StatusCode != 200 || seen.ResponseTime <= 0 || time.Since(seen.At) > time.Minute {
		t.Errorf("got %+v, %v", seen, err)
	}
	for _, name := range n.asked() {
		if name != "public.net-check.org" {
			t.Errorf("asked for %q", name)
		}
	}
}
