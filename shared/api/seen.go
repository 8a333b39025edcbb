package api

import (
	"net/netip"
	"strings"
)

// SeenFromHeader is on every answer: the public addresses that the request
// came through, separated by commas, the caller's own among them. A worker
// behind a router has no other way to know the address under which its home
// answers.
const SeenFromHeader = "X-BlockRun-Seen-From"

// maxSeen is how many addresses are taken: the caller's, a proxy's of its own,
// and the load balancer's.
const maxSeen = 4

// PublicAddrs are the public addresses in a list separated by commas, without
// ports, the last ones if there are more than four. What is no such address is
// left out.
func PublicAddrs(list string) []netip.Addr {
	var out []netip.Addr
	for field := range strings.SplitSeq(list, ",") {
		a, err := netip.ParseAddr(strings.TrimSpace(field))
		if err != nil || a.Zone() != "" {
			continue
		}
		if a = a.Unmap(); a.IsGlobalUnicast() && !a.IsPrivate() {
			out = append(out, a)
		}
	}
	return out[max(0, len(out)-maxSeen):]
}
