// Package client speaks the worker protocol (protocol.md) to the network's
// API. It trusts the API to be nothing but an HTTP server: answers are bounded
// and checked, and what is not a proper answer is an Error.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// Bounds of one exchange with the API.
const (
	requestTime = 15 * time.Second
	maxAnswer   = 1 << 20
	maxHeader   = 64 << 10
)

// Client talks to one API for one worker. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	base      *url.URL
	address   string
	region    string
	userAgent string
	prove     Prover
	clock     clock
	seen      atomic.Pointer[[]netip.Addr]
	resolver  *net.Resolver // nil is the machine's own
}

// Prover signs a poll for this address and region at now (api.SignPoll).
type Prover func(address, region string, now time.Time) (api.PollProof, error)

// New makes a client of the API at base, such as https://blockrun.ai/api, for
// the worker with this address in this region. Its polls are unproven until
// Prove.
func New(base, address, region, userAgent string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no address of an API; want something like https://blockrun.ai/api", base)
	}
	return &Client{
		base: u, address: address, region: region, userAgent: userAgent,
		http: &http.Client{
			Timeout: requestTime,
			// An API does not move: a redirect is a wrong address, or somebody in between.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:                  nil, // as for the checks: where a proxy is needed, no check can work
				MaxResponseHeaderBytes: maxHeader,
				DisableCompression:     true,
				IdleConnTimeout:        90 * time.Second, // three polls
				MaxIdleConns:           2,
				ForceAttemptHTTP2:      true,
			},
		},
	}, nil
}

// SeenFrom are the public addresses from which the API last saw this machine;
// none before its first answer, or of an API that does not tell.
func (c *Client) SeenFrom() []netip.Addr {
	if seen := c.seen.Load(); seen != nil {
		return *seen
	}
	return nil
}

// Prove lets every poll be signed from now on. It comes before the first one.
func (c *Client) Prove(p Prover) { c.prove = p }

// Error is what the API or the way to it did wrong. Whether a submission
// counted is unknown then, unless Status is 4xx.
type Error struct {
	Status     int           // of the answer; 0 when there was none
	RetryAfter time.Duration // what the API asked for, or 0
	Minimum    string        // of a 426: the oldest version that the API takes, if it said
	Code       api.Code      // the API's stable reason, if it gave one
	Text       string        // for the user
	Err        error         // beneath it, or nil
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// Refused reports whether the API refused the request as a whole for what is
// in it, so that the same request will never be accepted.
func (e *Error) Refused() bool {
	return e.Status == http.StatusBadRequest || e.Status == http.StatusRequestEntityTooLarge
}

// Tasks fetches the tasks that are now assigned to the worker. Elements that
// are no tasks, perhaps of a protocol to come, are left out.
func (c *Client) Tasks(ctx context.Context) ([]api.Task, error) {
	u := c.base.JoinPath(api.TasksPath)
	u.RawQuery = url.Values{"address": {c.address}, "region": {c.region}}.Encode()
	header := http.Header{}
	if c.prove != nil {
		proof, err := c.prove(c.address, c.region, time.Now().Add(c.ClockOffset()))
		if err != nil {
			return nil, err
		}
		proof.SetHeaders(header.Set)
	}
	body, err := c.do(ctx, http.MethodGet, u, header, nil)
	if err != nil {
		return nil, err
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(body, &elements); err != nil || elements == nil {
		return nil, garbage("a list of tasks", body)
	}
	tasks := make([]api.Task, 0, len(elements))
	for _, e := range elements {
		var t api.Task
		if json.Unmarshal(e, &t) == nil && t.ID != "" {
			tasks = append(tasks, t)
		}
	}
	return tasks, nil
}

// Receipt is the API's answer to a submission.
type Receipt struct {
	Accepted int
	Earned   Micros
	Errors   []string
	Outcomes []api.Outcome // one per result, in their order; none from an API that does not tell
}

// Submit hands in 1 to api.MaxBatch signed results. After an error it is
// unknown whether they counted; submitting them again does no harm.
func (c *Client) Submit(ctx context.Context, results []api.Result) (Receipt, error) {
	sent, err := json.Marshal(results)
	if err != nil {
		return Receipt{}, fmt.Errorf("encode the results: %w", err)
	}
	body, err := c.do(ctx, http.MethodPost, c.base.JoinPath(api.ResultsPath), http.Header{}, sent)
	if err != nil {
		return Receipt{}, err
	}
	var answer struct {
		Accepted *int
		Earned   *string
		Errors   []string
		Results  []api.Outcome
	}
	if json.Unmarshal(body, &answer) != nil || answer.Accepted == nil || answer.Earned == nil {
		return Receipt{}, garbage("an answer to a submission", body)
	}
	earned, err := ParseMicros(*answer.Earned)
	if err != nil || *answer.Accepted < 0 || *answer.Accepted > len(results) || (answer.Results != nil && len(answer.Results) != len(results)) {
		return Receipt{}, garbage("an answer to this submission", body)
	}
	errs := answer.Errors[:min(len(answer.Errors), len(results))]
	for i := range errs {
		errs[i] = clip(errs[i])
	}
	for i := range answer.Results {
		answer.Results[i].Code = api.Code(clip(string(answer.Results[i].Code)))
	}
	return Receipt{*answer.Accepted, earned, errs, answer.Results}, nil
}

// do makes one request and returns the body of the answer if that is a 200.
// Every other end is an *Error. header becomes the request's.
func (c *Client) do(ctx context.Context, method string, u *url.URL, header http.Header, sent []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(sent))
	if err != nil {
		return nil, &Error{Text: "cannot ask the API: " + err.Error(), Err: err}
	}
	req.Header = header
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "application/json")
	if sent != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	asked := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	c.clock.heard(resp.Header, asked, time.Now())
	if seen := api.PublicAddrs(resp.Header.Get(api.SeenFromHeader)); len(seen) > 0 {
		c.seen.Store(&seen)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, c.refusal(resp, body)
	case err != nil:
		return nil, c.unreachable(err)
	case len(body) > maxAnswer:
		return nil, &Error{Text: fmt.Sprintf("the API's answer is longer than %d bytes", maxAnswer)}
	}
	return body, nil
}

func (c *Client) unreachable(err error) *Error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL holds the address; c.base says enough
	}
	text := err.Error()
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		text = fmt.Sprintf("no answer within %v", requestTime)
	}
	return &Error{Text: fmt.Sprintf("cannot reach the API at %s: %s", c.base, text), Err: err}
}

// refusal is an answer other than 200, with the API's own reason if it gave one.
func (c *Client) refusal(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, time.Now())}
	e.Text = fmt.Sprintf("the API answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	var said api.ErrorBody
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		e.Text += ": " + clip(said.Error)
		e.Code = api.Code(clip(string(said.Code)))
	}
	if resp.StatusCode == http.StatusUpgradeRequired {
		e.Minimum = clip(said.MinimumVersion)
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		e.Text += fmt.Sprintf("; is %s the right address (--api)?", c.base)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Text += fmt.Sprintf(" to %s; if it moved, say so with --api", clip(resp.Header.Get("Location")))
	}
	return e
}

func garbage(what string, body []byte) *Error {
	return &Error{Text: fmt.Sprintf("the API answered with something that is not %s: %s", what, clip(strings.TrimSpace(string(body))))}
}

// clip keeps what others wrote at the length of a line.
func clip(s string) string {
	const length = 200
	if r := []rune(s); len(r) > length {
		return string(r[:length]) + "..."
	}
	return s
}
