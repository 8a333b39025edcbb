package taskfile

import (
	"strings"
	"testing"
)

// What workers refuse is refused when the list is loaded, unless the network
// is one's own.
func TestTargets(t *testing.T) {
	list := func(u string) []byte { return []byte("tasks: [{id: a, url: '" + u + "'}]") }
	for _, u := range []string{
		"https://blockrun.ai/api/health", "http://a.org:80/", "https://a.org:443", "http://A.Org.:8080/", "https://a-b.c_d.org:8443/x?y",
		"https://93.184.215.14/", "https://[2606:4700:4700::1111]/", "https://localhost.example.org/", "https://xn--bcher-kva.example.org/",
	} {
		if _, err := Parse(list(u)); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	for _, u := range []string{
		"http://localhost/", "http://LOCALHOST./", "http://x.localhost/", "http://router/", "http://nas.lan/", "http://x.internal/", "http://r.home.arpa/",
		"http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://0.0.0.0/",
		"http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data", "http://100.64.0.1/",
		"http://168.63.129.16/", "http://224.0.0.1/", "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[::ffff:93.184.215.14]/",
		"http://[64:ff9b::7f00:1]/", "http://a.org:22/", "http://a.org:6379/", "http://93.184.215.14:81/", "http://bücher.org/",
	} {
		if got, err := Parse(list(u)); err == nil || got != nil || !strings.Contains(err.Error(), "worker") {
			t.Errorf("%s: got %v, %v", u, got, err)
		}
		if _, err := ParseLocal(list(u)); err != nil {
			t.Errorf("%s, for a network of one's own: %v", u, err)
		}
	}
	for _, parse := range []func([]byte) error{
		func(b []byte) error { _, err := Parse(b); return err },
		func(b []byte) error { _, err := ParseLocal(b); return err },
	} {
		if err := parse(list("https://user@a.org/")); err == nil {
			t.Error("a user in the URL was taken")
		}
	}
}
