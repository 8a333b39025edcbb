package check

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// What a task may ask at most.
const (
	MaxTimeout   = time.Minute
	maxURLLength = 2048
)

// localNames are the last labels of names that mean something on somebody's
// own network only: RFC 6761, 6762 (with appendix G), 7686, 8375 and ICANN's
// reservation of "internal". A check does not even ask the resolver for them.
var localNames = []string{
	"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan",
	"localdomain", "onion", "invalid", "test", "example", "home.arpa",
}

// number is a last label that makes a browser, or a C library, read the host
// as an IPv4 address in one of its odd spellings (WHATWG URL, "ends in a
// number").
var number = regexp.MustCompile(`^([0-9]+|0[xX][0-9a-fA-F]*)$`)

// hostname is what a name may consist of. Other scripts come as punycode.
var hostname = regexp.MustCompile(`^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*$`)

// plan is a task that may be carried out.
type plan struct {
	url     *url.URL
	timeout time.Duration
}

// admit says how to carry out t, or ErrRefused with the reason.
func (c *Checker) admit(t api.Task) (plan, error) {
	if t.Type != api.HTTPCheck {
		return plan{}, fmt.Errorf("%w: tasks of type %q are unknown to this version of the worker", ErrRefused, t.Type)
	}
	timeout := time.Duration(t.TimeoutMs) * time.Millisecond
	if t.TimeoutMs <= 0 || t.TimeoutMs > MaxTimeout.Milliseconds() {
		return plan{}, fmt.Errorf("%w: a timeout of %d ms is not between 1 and %d", ErrRefused, t.TimeoutMs, MaxTimeout.Milliseconds())
	}
	if t.ExpectedStatus < 100 || t.ExpectedStatus > 599 {
		return plan{}, fmt.Errorf("%w: there is no HTTP status %d to expect", ErrRefused, t.ExpectedStatus)
	}
	if len(t.URL) > maxURLLength {
		return plan{}, fmt.Errorf("%w: the URL is longer than %d characters", ErrRefused, maxURLLength)
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return plan{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return plan{u, timeout}, c.permit(u)
}

// permit says whether u may be asked for, as far as the URL alone shows it.
// It spares the resolver and gives a clear reason; the guard has the last
// word. Every error is ErrRefused.
func (c *Checker) permit(u *url.URL) error {
	if !isWeb(u) {
		return fmt.Errorf("%w: scheme %q; only http and https are checked", ErrRefused, u.Scheme)
	}
	if u.User != nil {
		return fmt.Errorf("%w: the URL carries credentials", ErrRefused)
	}
	if u.Hostname() == "" {
		return fmt.Errorf("%w: the URL has no host", ErrRefused)
	}
	if err := c.block.host(u.Hostname()); err != nil {
		return err
	}
	if c.allowPrivate {
		return nil
	}
	if err := permitHost(u.Hostname()); err != nil {
		return err
	}
	return c.permitPort(u)
}

func isWeb(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

func (c *Checker) permitPort(u *url.URL) error {
	if u.Port() == "" {
		return nil // 80 or 443
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || !slices.Contains(c.ports, uint16(port)) {
		return marked(ErrPort, "port %s is not one of %v", u.Port(), c.ports)
	}
	return nil
}

func permitHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Is4In6() {
			return marked(ErrPrivate, "%s is an IPv4 address in disguise", host)
		}
		if !ip.IsGlobalUnicast() || ip.IsPrivate() {
			return marked(ErrPrivate, "%s is not a public address", host)
		}
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case !hostname.MatchString(name):
		return fmt.Errorf("%w: %q is no host name", ErrRefused, host)
	case number.MatchString(last):
		return marked(ErrPrivate, "%q is an IPv4 address in an odd spelling", host)
	case name == last:
		return marked(ErrPrivate, "%q is a name of a local network", host)
	}
	for _, local := range localNames {
		if strings.HasSuffix(name, "."+local) {
			return marked(ErrPrivate, "%q is a name of a local network", host)
		}
	}
	return nil
}
