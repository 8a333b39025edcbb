// Package check carries out tasks: one HTTP request each, to a target that
// somebody else chose and that must be taken for hostile. It connects to
// public addresses only, sends nothing of its user's, and bounds the time and
// the memory that a target can cost.
package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// UserAgent is how a check names itself to its target (product.md, Worker).
const UserAgent = "BlockRun-Worker/1.0"

// Bounds of one check, beside the task's timeout.
const (
	maxRedirects = 10
	maxHeader    = 64 << 10    // of each answer on the way
	maxBody      = 64 << 10    // then the connection is closed
	maxBodyTime  = time.Second // the status is known by then; a slow body must not hold up the result
)

// Observation is what a check saw of its target.
type Observation struct {
	At           time.Time     // when the request was started
	Success      bool          // the final answer had the expected status
	ResponseTime time.Duration // until the final answer's header, or until it failed
	StatusCode   int           // of the final answer; 0 when there was none
	Class        Class         // empty when Success, unless the body broke off
	Error        string        // why there was no status; names no address of this machine's
	Timings      Timings
}

// Options say what a Checker may do.
type Options struct {
	// Ports that may be used; empty means DefaultPorts.
	Ports []uint16
	// AllowPrivate lifts every rule about addresses, names and ports. It is for
	// local development only: with it, a task can reach whatever this machine can.
	AllowPrivate bool
	// Block is what is never checked: host names with all names below them,
	// addresses, networks. Entries that ParseBlock refuses are passed over.
	Block []string
	// Home are the public addresses under which this machine is seen, as far as
	// they are known at the moment; may be nil.
	Home func() []netip.Addr
	// Resolver, if it is not the machine's own.
	Resolver *net.Resolver
	// Used hears of the bytes that checks move, as they do.
	Used func(bytes int)
}

// Checker carries out tasks. It is safe for concurrent use.
type Checker struct {
	http         *http.Client
	ports        []uint16
	allowPrivate bool
	block        blocklist
	slept        func(since time.Time) time.Duration // slept, but in tests
}

// New makes a Checker.
func New(o Options) *Checker {
	ports := o.Ports
	if len(ports) == 0 {
		ports = DefaultPorts
	}
	var block blocklist
	for _, entry := range o.Block {
		_ = block.add(entry)
	}
	dialer := &net.Dialer{Timeout: MaxTimeout, Resolver: o.Resolver}
	if !o.AllowPrivate {
		dialer.Control = newGuard(ports, o.Home).control
	}
	return newChecker(dialer, ports, o.AllowPrivate).with(block, o.Used)
}

// with adds the user's own wishes.
func (c *Checker) with(block blocklist, used func(int)) *Checker {
	c.block = block
	transport := c.http.Transport.(*http.Transport)
	if used != nil {
		transport.DialContext = counting(transport.DialContext, used)
	}
	return c
}

func newChecker(dialer *net.Dialer, ports []uint16, allowPrivate bool) *Checker {
	c := &Checker{ports: slices.Clone(ports), allowPrivate: allowPrivate, slept: slept}
	guard := dialer.Control
	dialer.Control = func(network, address string, conn syscall.RawConn) error {
		if at, err := netip.ParseAddrPort(address); err == nil {
			if err := c.block.address(at.Addr()); err != nil {
				return err
			}
		}
		if guard == nil {
			return nil
		}
		return guard(network, address, conn)
	}
	dial := timed(dialer.DialContext)
	if !allowPrivate {
		dial = absolute(dial)
	}
	c.http = &http.Client{
		CheckRedirect: c.checkRedirect,
		// No Jar: cookies are neither kept nor sent.
		Transport: &http.Transport{
			Proxy:                  nil, // not even the environment's: a check must see what the target answers
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12}, // verified, always
			TLSHandshakeTimeout:    MaxTimeout,
			MaxResponseHeaderBytes: maxHeader,
			// A target pays for unpacking its gzip bomb itself.
			DisableCompression: true,
			// Each check resolves, connects and shakes hands afresh, as a first
			// visitor does, and no connection of one task serves another.
			DisableKeepAlives: true,
		},
	}
	return c
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// absolute makes the resolver take names as they are: without the final dot
// it would also try them below the search domains of the user's network.
func absolute(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if net.ParseIP(host) == nil && hostname.MatchString(host) {
			host += "."
		}
		return dial(ctx, network, net.JoinHostPort(host, port))
	}
}

// What a target can do wrong with a redirect, for whoever follows it.
var (
	errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)
	errAway      = errors.New("redirect away from http and https")
)

// redirectedKey is the key of a *bool in a request's context: whether the
// target's answer led elsewhere. It is used by the one goroutine that checks.
type redirectedKey struct{}

func (c *Checker) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errRedirects
	}
	if !isWeb(req.URL) {
		return errAway
	}
	req.Header.Del("Referer") // net/http adds it by itself
	if redirected, ok := req.Context().Value(redirectedKey{}).(*bool); ok {
		*redirected = true
	}
	return c.permit(req.URL)
}

// ErrAsleep means that this machine slept during the check, or that its clock
// was set. What was seen says nothing about the target.
var ErrAsleep = errors.New("this machine slept, or its clock was set, during the check")

// maxSleep is how much the wall clock may gain on the monotonic one, or lose,
// during a check. A clock that is being corrected runs less than 1 % wrong.
const maxSleep = time.Second

// slept is how much time passed on the wall clock and not on the monotonic
// one, which stands still while a machine sleeps.
func slept(since time.Time) time.Duration {
	now := time.Now()
	return now.Round(0).Sub(since.Round(0)) - now.Sub(since)
}

// Check carries out t. The error is ErrRefused, when the task asked for what
// the worker does not do, ErrAsleep, or ctx's, when it was stopped; none says
// anything about the target. Everything that the target did is an Observation, also
// that it redirects to where no worker goes.
func (c *Checker) Check(ctx context.Context, t api.Task) (Observation, error) {
	p, err := c.admit(t)
	if err != nil {
		return Observation{}, err
	}
	start := time.Now()
	seen, err := c.observe(ctx, p, t.ExpectedStatus)
	if err == nil && c.slept(start).Abs() > maxSleep {
		return Observation{}, ErrAsleep
	}
	return seen, err
}

// observe makes the requests, as many as there are redirects, and one more.
func (c *Checker) observe(ctx context.Context, p plan, expected int) (Observation, error) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var watch stopwatch
	redirected := false
	req, err := http.NewRequestWithContext(context.WithValue(watch.trace(limited), redirectedKey{}, &redirected), http.MethodGet, p.url.String(), nil)
	if err != nil {
		return Observation{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept", "*/*")

	seen := Observation{At: time.Now()}
	resp, err := c.http.Do(req)
	seen.ResponseTime = time.Since(seen.At)
	seen.Timings = watch.timings(seen.At)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return Observation{}, ctx.Err()
	case errors.Is(err, ErrRefused) && redirected && !errors.Is(err, errHere):
		seen.Class, seen.Error = Protocol, "Redirect to a refused address"
		return seen, nil
	case errors.Is(err, ErrRefused):
		return Observation{}, err
	case limited.Err() != nil:
		seen.Class, seen.Error = Timeout, fmt.Sprintf("Timeout after %dms", p.timeout.Milliseconds())
		return seen, nil
	default:
		seen.Class, seen.Error = classify(err)
		return seen, nil
	}
	defer resp.Body.Close()
	seen.judge(resp.StatusCode, expected)
	if broke := readBody(limited, cancel, resp.Body); broke && seen.Success {
		seen.Class, seen.Error = Body, "Body broke off"
	}
	seen.Timings = watch.timings(seen.At)
	return seen, nil
}

// readBody reads the body as far as it is read, and reports whether it broke
// off by itself. Whatever it does, the status stands.
func readBody(ctx context.Context, cancel context.CancelFunc, body io.Reader) bool {
	stop := time.AfterFunc(maxBodyTime, cancel)
	defer stop.Stop()
	_, err := io.CopyN(io.Discard, body, maxBody)
	return err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil
}

// judge compares the final answer's status with the expected one.
func (o *Observation) judge(status, expected int) {
	if status < 100 || status > 599 { // some sites answer 999; the protocol has no such status
		o.Class, o.Error = Protocol, fmt.Sprintf("Unknown HTTP status %d", status)
		return
	}
	o.StatusCode = status
	o.Success = status == expected
	if !o.Success {
		o.Class = Status
	}
}
