package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// probeTime bounds each question whether this machine is online.
const probeTime = 5 * time.Second

// ErrNoName means that the API's address holds no name that the name servers
// could be asked about.
var ErrNoName = errors.New("the API's address is no name")

// Reach asks for any answer of the API's host over a new connection: whether
// this machine is online. Over https the answer is really the host's, and not
// that of a hotel's login page.
func (c *Client) Reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.base.String(), nil)
	if err != nil {
		return &Error{Text: "cannot ask the API: " + err.Error(), Err: err}
	}
	req.Header.Set("User-Agent", c.userAgent)
	fresh := c.http.Transport.(*http.Transport).Clone()
	defer fresh.CloseIdleConnections()
	fresh.DisableKeepAlives = true
	asked := time.Now()
	resp, err := (&http.Client{Transport: fresh, CheckRedirect: c.http.CheckRedirect}).Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	c.clock.heard(resp.Header, asked, time.Now())
	return nil
}

// Resolve asks the name servers about a name below the API's host that nobody
// has asked about before: an answer to that, also that there is no such name,
// is their own and no cache's. It is ErrNoName when the API has no name.
func (c *Client) Resolve(ctx context.Context) error {
	host := c.base.Hostname()
	if net.ParseIP(host) != nil || !strings.Contains(host, ".") {
		return ErrNoName
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	resolver := c.resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	name := "worker-" + strings.ToLower(rand.Text()) + "." + strings.TrimSuffix(host, ".") + "."
	_, err := resolver.LookupIPAddr(ctx, name)
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return nil
	}
	if err != nil {
		return &Error{Text: fmt.Sprintf("names below %s cannot be looked up", host), Err: err}
	}
	return nil
}
