package taskfile

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"code.dny.dev/ssrf"
)

// What a worker checks unless its user allows more. The worker has the last
// word, and sees what a name resolves to; here only the URL is looked at, so
// that no worker is sent where none goes.
var (
	ports      = []string{"", "80", "443", "8080", "8443"}
	localNames = []string{
		"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan",
		"localdomain", "onion", "invalid", "test", "example", "home.arpa",
	}
	addresses = ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix("168.63.129.16/32"))) // Azure's metadata
	hostname  = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)
	number    = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`) // an IPv4 address in an odd spelling
)

// publicTarget says why no worker would check u, if that can be seen from u.
func publicTarget(u *url.URL) error {
	if !slices.Contains(ports, u.Port()) {
		return fmt.Errorf("workers check no port %s; want 80, 443, 8080 or 8443", u.Port())
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		network := "tcp6"
		if ip.Is4() {
			network = "tcp4"
		}
		if ip.Zone() != "" || ip.Is4In6() || addresses.Safe(network, netip.AddrPortFrom(ip, 443).String(), nil) != nil {
			return errors.New("the address is not public; no worker would connect to it")
		}
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if !hostname.MatchString(name) || number.MatchString(name) || slices.ContainsFunc(localNames, func(local string) bool { return strings.HasSuffix(name, "."+local) }) {
		return errors.New("the host is no public name; no worker would ask for it")
	}
	return nil
}
