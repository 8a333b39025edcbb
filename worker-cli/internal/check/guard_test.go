package check

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func cidr(t *testing.T, s string) net.Addr {
	t.Helper()
	ip, n, err := net.ParseCIDR(s)
	if err != nil {
		t.Fatal(err)
	}
	return &net.IPNet{IP: ip, Mask: n.Mask}
}

// attached is a guard on a machine with these addresses.
func attached(t *testing.T, addrs ...string) guard {
	g := newGuard(DefaultPorts, nil)
	g.own = func() ([]net.Addr, error) {
		var own []net.Addr
		for _, a := range addrs {
			own = append(own, cidr(t, a))
		}
		return own, nil
	}
	return g
}

func TestGuard(t *testing.T) {
	home := []string{
		"127.0.0.1/8", "::1/128", "192.168.1.20/24", "fe80::1/64",
		"5.9.10.20/28",                    // a public address on the machine itself
		"2a02:810d:1:4400:aa:bb:cc:dd/64", // a home with IPv6
		"2a01:4f8:c0c:1::7/128",
		"44.1.2.3/0", // a mask that says nothing
	}
	refused := map[string]string{
		"this network":              "0.0.0.0:80",
		"this network, elsewhere":   "0.1.2.3:80",
		"private 10":                "10.1.2.3:80",
		"private 172.16":            "172.31.255.255:443",
		"private 192.168":           "192.168.1.1:80",
		"shared address space":      "100.64.0.1:80",
		"shared: a cloud's tasks":   "100.100.100.200:80",
		"loopback":                  "127.0.0.1:80",
		"loopback, far end":         "127.255.255.254:80",
		"link local: metadata":      "169.254.169.254:80",
		"protocol assignments":      "192.0.0.192:80",
		"test net 1":                "192.0.2.1:80",
		"6to4 relay":                "192.88.99.1:80",
		"benchmarking":              "198.19.0.1:80",
		"test net 2":                "198.51.100.7:80",
		"test net 3":                "203.0.113.7:80",
		"multicast":                 "224.0.0.251:80",
		"reserved":                  "240.0.0.1:80",
		"broadcast":                 "255.255.255.255:80",
		"azure's wire server":       "168.63.129.16:80",
		"v6 unspecified":            "[::]:80",
		"v6 loopback":               "[::1]:80",
		"mapped loopback":           "[::ffff:127.0.0.1]:80",
		"mapped private":            "[::ffff:10.0.0.1]:80",
		"mapped public":             "[::ffff:8.8.8.8]:80",
		"translated":                "[::ffff:0:7f00:1]:80",
		"compatible":                "[::127.0.0.1]:80",
		"NAT64 loopback":            "[64:ff9b::7f00:1]:80",
		"NAT64 private":             "[64:ff9b::a00:1]:80",
		"NAT64 public":              "[64:ff9b::808:808]:80",
		"local NAT64":               "[64:ff9b:1::a00:1]:80",
		"discard":                   "[100::1]:80",
		"teredo":                    "[2001::1]:80",
		"orchid":                    "[2001:20::1]:80",
		"v6 documentation":          "[2001:db8::1]:80",
		"v6 documentation, new":     "[3fff::1]:80",
		"6to4 of loopback":          "[2002:7f00:1::]:80",
		"6to4 of private":           "[2002:a00:1::1]:80",
		"segment routing":           "[5f00::1]:80",
		"unique local":              "[fd00:ec2::254]:80",
		"unique local fc":           "[fc00::1]:80",
		"v6 link local":             "[fe80::1]:80",
		"v6 link local with zone":   "[fe80::1%eth0]:80",
		"global with zone":          "[2606:4700::1111%eth0]:80",
		"site local":                "[fec0::1]:80",
		"v6 multicast":              "[ff02::1]:80",
		"ISATAP of loopback":        "[2a00:1450::5efe:7f00:1]:80",
		"ISATAP, universal bit":     "[2a00:1450::200:5efe:a00:1]:80",
		"own public address":        "5.9.10.20:80",
		"own public network":        "5.9.10.30:443",
		"own v6 address":            "[2a02:810d:1:4400:aa:bb:cc:dd]:443",
		"router of the own v6 net":  "[2a02:810d:1:4400::1]:443",
		"next net of the same home": "[2a02:810d:1:4401::1]:443",
		"neighbour of a /128":       "[2a01:4f8:c0c:1::1]:443",
		"own address, silly mask":   "44.1.2.3:80",
		"ssh":                       "93.184.215.14:22",
		"smtp":                      "93.184.215.14:25",
		"redis":                     "93.184.215.14:6379",
		"port 0":                    "93.184.215.14:0",
		"no port":                   "93.184.215.14",
		"a name":                    "localhost:80",
		"nothing":                   "",
	}
	g := attached(t, home...)
	for name, address := range refused {
		t.Run(name, func(t *testing.T) {
			if err := g.control("tcp4", address, nil); !errors.Is(err, ErrRefused) {
				t.Errorf("%s: got %v, want ErrRefused", address, err)
			}
		})
	}
	for _, address := range []string{
		"93.184.215.14:80", "8.8.8.8:443", "1.1.1.1:8443", "5.9.10.40:80", "45.0.0.1:8080",
		"[2606:4700:4700::1111]:443", "[2a00:1450:4001:82a::200e]:80", "[2a02:810d:1:4500::1]:443",
	} {
		if err := g.control("tcp4", address, nil); err != nil {
			t.Errorf("%s is public, but: %v", address, err)
		}
	}
	for _, network := range []string{"udp4", "udp6", "unix", "ip4"} {
		if err := g.control(network, "8.8.8.8:443", nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v, want ErrRefused", network, err)
		}
	}
}

func family(address string) string {
	if strings.HasPrefix(address, "[") {
		return "tcp6"
	}
	return "tcp4"
}

// Behind a router, the address that others see is the router's.
func TestGuardRefusesHome(t *testing.T) {
	var seen []netip.Addr
	g := attached(t)
	g.home = func() []netip.Addr { return seen }
	addresses := map[string]bool{ // refused once they are known
		"93.184.215.14:8080": true, "93.184.215.15:8080": false, "[2a02:810d:1:4400::1]:443": true, "[2a02:810d:1:44ff::1]:443": true, "[2a02:810d:1:4500::1]:443": false,
	}
	for address := range addresses {
		if err := g.control(family(address), address, nil); err != nil {
			t.Errorf("%s: %v before anything is known", address, err)
		}
	}
	seen = []netip.Addr{netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("2a02:810d:1:4400:aa::1")}
	for address, refused := range addresses {
		if err := g.control(family(address), address, nil); (err != nil) != refused || refused && (!errors.Is(err, ErrRefused) || !errors.Is(err, errHere)) {
			t.Errorf("%s: %v, refused should be %v", address, err, refused)
		}
	}
}

// A machine that cannot name its own addresses connects to nothing.
func TestGuardWithoutInterfaces(t *testing.T) {
	g := newGuard(DefaultPorts, nil)
	g.own = func() ([]net.Addr, error) { return nil, errors.New("no netlink") }
	if err := g.control("tcp4", "8.8.8.8:443", nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no netlink") {
		t.Errorf("got %v, want ErrRefused with the reason", err)
	}
}

// This machine's real addresses are refused, whatever they are.
func TestGuardRefusesThisMachine(t *testing.T) {
	own, err := net.InterfaceAddrs()
	if err != nil || len(own) == 0 {
		t.Fatalf("this machine has no addresses: %v", err)
	}
	g := newGuard(DefaultPorts, nil)
	for _, a := range own {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		address := net.JoinHostPort(n.IP.String(), "443")
		if err := g.control("tcp", address, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v, want ErrRefused", address, err)
		}
	}
}
