package check

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrRefused means that the worker would not do what the task asked, because
// of its own rules. It says nothing about the target, so no result is made.
var ErrRefused = errors.New("refused")

// What goes with an ErrRefused that the worker's user could lift.
var (
	// ErrPrivate: the address or name is not a public one (Options.AllowPrivate).
	ErrPrivate = errors.New("not public")
	// ErrPort: the port is not a usual one (Options.Ports).
	ErrPort = errors.New("not a usual port")
)

// errHere goes with an ErrRefused that is due to where this worker stands: to
// another worker the same address may be public.
var errHere = errors.New("from here")

// DefaultPorts are the ports that a check may use unless its user allows more:
// those of HTTP and HTTPS and their usual alternates.
var DefaultPorts = []uint16{80, 443, 8080, 8443}

// guard decides which addresses a check may connect to. It sits in
// net.Dialer.Control, below name resolution, so it sees the very address that
// is about to be dialled: neither a redirect nor a name that resolves
// differently the second time gets past it.
//
// Package ssrf knows the IANA special-purpose registries: loopback, private,
// link-local, shared (CGNAT), multicast, reserved and documentation ranges,
// and for IPv6 everything outside global unicast, which takes in the mapped,
// compatible and NAT64 forms of IPv4. The guard adds what depends on this
// machine: its own addresses and the networks that it is attached to.
type guard struct {
	rules *ssrf.Guardian
	own   func() ([]net.Addr, error) // net.InterfaceAddrs
	home  func() []netip.Addr        // Options.Home
}

func newGuard(ports []uint16, home func() []netip.Addr) guard {
	if home == nil {
		home = func() []netip.Addr { return nil }
	}
	return guard{
		home:  home,
		rules: ssrf.New(ssrf.WithPorts(ports...), ssrf.WithDeniedV4Prefixes(azureWireServer)),
		own:   net.InterfaceAddrs,
	}
}

// azureWireServer is Azure's metadata and agent endpoint, the one of the big
// clouds that does not lie in a special-purpose range.
var azureWireServer = netip.MustParsePrefix("168.63.129.16/32")

// control is a net.Dialer.Control. Every error it returns is ErrRefused.
func (g guard) control(network, address string, _ syscall.RawConn) error {
	if err := g.rules.Safe(network, address, nil); err != nil {
		if errors.Is(err, ssrf.ErrProhibitedPort) {
			return marked(ErrPort, "%w", err)
		}
		return marked(ErrPrivate, "%w", err)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	ip := at.Addr()
	if isISATAP(ip) {
		return marked(ErrPrivate, "%s is an IPv4 address in disguise (ISATAP)", ip)
	}
	networks, err := g.ownNetworks()
	if err != nil {
		return fmt.Errorf("%w %w: cannot tell this machine's own addresses: %w", ErrRefused, errHere, err)
	}
	for _, n := range networks {
		if n.Contains(ip) {
			return marked(ErrPrivate, "%s lies in this machine's own network %s%w", ip, n, quiet{errHere})
		}
	}
	for _, n := range g.homes() {
		if n.Contains(ip) {
			return marked(ErrPrivate, "%s is where this machine is seen from, and its router may answer there%w", ip, quiet{errHere})
		}
	}
	return nil
}

// homes are the networks of the addresses that others see this machine under.
// Behind a router the machine has none of them, and yet a router often answers
// there as it does on the inside, with its own pages or with what it forwards.
func (g guard) homes() []netip.Prefix {
	var out []netip.Prefix
	for _, a := range g.home() {
		bits := 32
		if a.Is6() {
			bits = 56 // as in ownNetworks
		}
		if p, err := a.Prefix(bits); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// marked is an ErrRefused that the user could lift, as kind says.
func marked(kind error, format string, args ...any) error {
	return fmt.Errorf("%w%w: %w", ErrRefused, quiet{kind}, fmt.Errorf(format, args...))
}

// quiet is an error that is there to be found, not read.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// isISATAP reports whether ip carries an IPv4 address in its interface
// identifier (RFC 5214, section 6.1).
func isISATAP(ip netip.Addr) bool {
	if !ip.Is6() {
		return false
	}
	b := ip.As16()
	return (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// ownNetworks are the networks around the addresses of this machine's
// interfaces. They are read for every connection, because a laptop moves.
//
// With IPv6 the neighbours of a home have global addresses, and a router
// answers for a whole delegated prefix: so at least a /56 is taken, the usual
// size of one (RFC 6177). An interface with an absurdly short mask counts as a
// /8 or /32, or the worker could check nothing at all.
func (g guard) ownNetworks() ([]netip.Prefix, error) {
	addrs, err := g.own()
	if err != nil {
		return nil, err
	}
	var networks []netip.Prefix
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		ip = ip.Unmap()
		ones, _ := n.Mask.Size()
		if ip.Is4() {
			ones = max(ones, 8)
		} else {
			ones = min(max(ones, 32), 56)
		}
		p, err := ip.Prefix(ones)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a, err)
		}
		networks = append(networks, p)
	}
	return networks, nil
}
