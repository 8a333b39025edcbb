package check

import (
	"fmt"
	"net/netip"
	"strings"
)

// blocklist is what the worker's user wants no check of.
type blocklist struct {
	names    []string // lower case; each stands for all names below it, too
	prefixes []netip.Prefix
}

// ParseBlock checks one entry of a blocklist: a host name, which stands for all
// names below it, too; an address; or a network such as 192.0.2.0/24.
func ParseBlock(entry string) error {
	var b blocklist
	return b.add(entry)
}

func (b *blocklist) add(entry string) error {
	entry = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(entry)), ".")
	if p, err := netip.ParsePrefix(entry); err == nil {
		b.prefixes = append(b.prefixes, p.Masked())
		return nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		ip = ip.Unmap().WithZone("")
		b.prefixes = append(b.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
		return nil
	}
	name := strings.TrimPrefix(entry, "*.")
	if !hostname.MatchString(name) {
		return fmt.Errorf("%q is no host name, address or network", entry)
	}
	b.names = append(b.names, name)
	return nil
}

// host says whether a URL's host is on the list; an address also as a network's.
func (b *blocklist) host(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		return b.address(ip)
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	for _, blocked := range b.names {
		if name == blocked || strings.HasSuffix(name, "."+blocked) {
			return fmt.Errorf("%w %w: %s is on your blocklist", ErrRefused, errHere, host)
		}
	}
	return nil
}

// address says whether an address that is about to be dialled is on the list.
func (b *blocklist) address(ip netip.Addr) error {
	for _, p := range b.prefixes {
		if p.Contains(ip.Unmap().WithZone("")) {
			return fmt.Errorf("%w %w: %s is on your blocklist", ErrRefused, errHere, ip)
		}
	}
	return nil
}
