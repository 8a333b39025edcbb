package check

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

// A redirect into the network that this worker stands in says nothing about
// the target: from elsewhere it may well be public. No result is made of it.
func TestRedirectIntoTheOwnNetwork(t *testing.T) {
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://93.184.215.14/", http.StatusFound)
	}))
	defer public.Close()
	at := public.Listener.Addr().String()
	n := &names{answers: map[string][][]string{"public.net-check.org": {{"127.0.0.1"}}}}
	for name, own := range map[string]func() ([]net.Addr, error){
		"own network": func() ([]net.Addr, error) {
			return []net.Addr{&net.IPNet{IP: net.IPv4(93, 184, 215, 20), Mask: net.CIDRMask(24, 32)}}, nil
		},
		"unknown": func() ([]net.Addr, error) { return nil, errors.New("no interfaces") },
	} {
		g := newGuard(portsOf(t, at), nil)
		g.own = own
		dialer := &net.Dialer{Resolver: n.resolver(t), Control: func(network, address string, c syscall.RawConn) error {
			if address == at {
				return nil
			}
			return g.control(network, address, c)
		}}
		c := newChecker(dialer, portsOf(t, at), false)
		if seen, err := c.Check(t.Context(), task("http://public.net-check.org:"+strings.TrimPrefix(at, "127.0.0.1:")+"/")); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %+v, %v; want ErrRefused", name, seen, err)
		}
	}
}

// A name that is public when the task is looked at and private when the
// redirect is followed.
func TestRebinding(t *testing.T) {
	tr := newTrap(t)
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://rebind.net-check.org:"+tr.port+"/", http.StatusFound)
	}))
	defer public.Close()
	at := public.Listener.Addr().String()
	n := &names{answers: map[string][][]string{"rebind.net-check.org": {{"127.0.0.1"}, {"::1", "127.0.0.1"}}}}
	c := guarded(t, at, n, portsOf(t, at, tr.addrPort(t, "127.0.0.1"))...)
	for range 3 {
		seen, err := c.Check(t.Context(), task("http://rebind.net-check.org:"+strings.TrimPrefix(at, "127.0.0.1:")+"/"))
		if err != nil || seen.Success || seen.Error != "Redirect to a refused address" {
			t.Errorf("got %+v, %v, want a redirect that is refused", seen, err)
		}
	}
	if seen := tr.seen.Load(); seen > 0 {
		t.Errorf("the trap saw %d connections", seen)
	}
}

// Every kind of redirect, the later hops of a chain, and headers that other
// clients follow: none leads to the trap.
func TestEveryWayToRedirect(t *testing.T) {
	tr := newTrap(t)
	inside := tr.addrPort(t, "127.0.0.1")
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var code int
		if _, err := fmt.Sscanf(r.URL.Path, "/code/%d", &code); err == nil {
			w.Header().Set("Location", "http://"+inside+"/")
			w.WriteHeader(code)
			return
		}
		switch r.URL.Path {
		case "/slashes":
			w.Header().Set("Location", "//"+inside+"/")
			w.WriteHeader(http.StatusFound)
		case "/chain/3":
			http.Redirect(w, r, "http://"+inside+"/", http.StatusFound)
		case "/refresh":
			w.Header().Set("Refresh", "0; url=http://"+inside+"/")
			w.Header().Set("Alt-Svc", `h2="`+inside+`"; ma=60`)
			w.Header().Set("Link", "<http://"+inside+"/>; rel=preload")
			fmt.Fprintf(w, `<meta http-equiv="refresh" content="0; url=http://%s/"><img src="http://%s/">`, inside, inside)
		default:
			n := r.URL.Path[len(r.URL.Path)-1]
			http.Redirect(w, r, fmt.Sprintf("/chain/%c", n+1), http.StatusMovedPermanently)
		}
	}))
	defer public.Close()
	at := public.Listener.Addr().String()
	n := &names{answers: map[string][][]string{"public.net-check.org": {{"127.0.0.1"}}}}
	c := guarded(t, at, n, portsOf(t, at, inside)...)
	base := "http://public.net-check.org:" + strings.TrimPrefix(at, "127.0.0.1:")
	for _, path := range []string{"/code/301", "/code/302", "/code/303", "/code/307", "/code/308", "/slashes", "/chain/1"} {
		seen, err := c.Check(t.Context(), task(base+path))
		if err != nil || seen.Error != "Redirect to a refused address" {
			t.Errorf("%s: got %+v, %v", path, seen, err)
		}
	}
	for range 2 { // also when it is asked again
		if seen, err := c.Check(t.Context(), task(base+"/refresh")); err != nil || !seen.Success {
			t.Errorf("got %+v, %v", seen, err)
		}
	}
	if seen := tr.seen.Load(); seen > 0 {
		t.Errorf("the trap saw %d connections", seen)
	}
}
