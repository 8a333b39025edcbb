package x402

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Options say where a facilitator is.
type Options struct {
	URL  string // base, without /settle: https://host/path, or http:// on this machine
	Auth Auth   // nil for a facilitator that asks for none

	// SettleTimeout bounds a settlement, from 0 = DefaultSettleTimeout. A
	// facilitator waits for a block before it answers.
	SettleTimeout time.Duration
	// Transport is a test's; nil for the client's own.
	Transport http.RoundTripper
}

// The time limits of a call.
const (
	DefaultSettleTimeout = 100 * time.Second
	readTimeout          = 20 * time.Second // of /verify and /supported, which wait for nothing
)

// Auth signs a request for the provider: sets its headers, fresh each time.
type Auth interface {
	Authorize(r *http.Request) error
}

// Client speaks x402 version 2 to one facilitator. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	auth   Auth
	settle time.Duration
	http   *http.Client
}

// NewClient checks the options; it does not call.
func NewClient(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(o.URL, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("x402: the facilitator's URL must be http(s)://host[/path], without query")
	}
	if base.Scheme == "http" && o.Auth != nil {
		return nil, errors.New("x402: credentials go to an https facilitator only")
	}
	transport := o.Transport
	if transport == nil {
		transport = newTransport()
	}
	if o.SettleTimeout <= 0 {
		o.SettleTimeout = DefaultSettleTimeout
	}
	return &Client{
		base:   base,
		auth:   o.Auth,
		settle: o.SettleTimeout,
		http: &http.Client{
			Transport: transport,
			// A redirect would carry a signed authorization to a host nobody chose.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	t.MaxResponseHeaderBytes = 16 << 10
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	return t
}

// Settle asks the facilitator to bring the payment onto the chain and judges
// the answer. There is no error: not knowing is an outcome. The same payment
// may be settled again at any time; it sends the same bytes.
//
// Once sent, the call is not given up when ctx ends, only when the client's
// own timeout does: who hangs up early merely learns less.
func (c *Client) Settle(ctx context.Context, p Payment) Outcome {
	if err := p.Check(); err != nil {
		return Outcome{Kind: Refused, Reason: ReasonInvalidPayment, Detail: detail(err.Error())}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.settle)
	defer cancel()
	r, err := c.request(ctx, http.MethodPost, "/settle", p.Request())
	if err != nil {
		return Outcome{Kind: Refused, Reason: ReasonNoCredentials, Detail: detail(cause(err).Error())}
	}
	return Classify(c.do(r), p)
}

// Verification is what a facilitator says of a payment without settling it.
type Verification struct {
	Valid  bool
	Reason string // a code, when not valid
	Detail string
}

// Verify asks whether the facilitator would settle the payment now. An error
// means that it did not say.
func (c *Client) Verify(ctx context.Context, p Payment) (Verification, error) {
	if err := p.Check(); err != nil {
		return Verification{}, err
	}
	body, err := c.read(ctx, http.MethodPost, "/verify", p.Request())
	if err != nil {
		return Verification{}, fmt.Errorf("x402: verifying the payment of nonce %s: %w", p.Authorization.Nonce, err)
	}
	return parseVerification(body)
}

func parseVerification(body []byte) (Verification, error) {
	var answer struct {
		Valid   *bool  `json:"isValid"`
		Reason  string `json:"invalidReason"`
		Message string `json:"invalidMessage"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Valid == nil {
		return Verification{}, errors.New("x402: the facilitator's answer to /verify is not the agreed JSON")
	}
	if *answer.Valid {
		return Verification{Valid: true}, nil
	}
	return Verification{Reason: code(answer.Reason), Detail: detail(strings.Join(nonEmpty(notCode(answer.Reason), answer.Message), "; "))}, nil
}

// Supported asks which payments the facilitator settles.
func (c *Client) Supported(ctx context.Context) (SupportedAnswer, error) {
	body, err := c.read(ctx, http.MethodGet, "/supported", nil)
	if err != nil {
		return SupportedAnswer{}, fmt.Errorf("x402: asking the facilitator what it supports: %w", err)
	}
	var answer SupportedAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return SupportedAnswer{}, errors.New("x402: the facilitator's answer to /supported is not the agreed JSON")
	}
	return answer, nil
}

// read makes a call that changes nothing, and takes no answer for an error.
// /verify may say "invalid" with a 4xx, in the same shape as with a 200.
func (c *Client) read(ctx context.Context, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	a := c.do(r)
	switch {
	case a.Err != nil:
		return nil, cause(a.Err)
	case len(a.Body) > MaxAnswerBytes:
		return nil, errors.New("the answer is too large")
	case isSuccess(a.Status), isClientError(a.Status) && bytes.Contains(a.Body, []byte(`"isValid"`)):
		return a.Body, nil
	}
	return nil, fmt.Errorf("the facilitator answered HTTP %d: %s", a.Status, detail(string(a.Body)))
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		content = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), content)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "BlockRun-Worker-Network/1.0")
	if c.auth != nil {
		if err := c.auth.Authorize(r); err != nil {
			return nil, fmt.Errorf("signing the call for the provider: %w", err)
		}
	}
	return r, nil
}

// do makes the call. Unsent needs two witnesses: an error that only making a
// connection gives, and no connection handed out.
func (c *Client) do(r *http.Request) Answer {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	resp, err := c.http.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return Answer{Err: err, Unsent: !connected.Load() && isDialError(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswerBytes+1))
	if err != nil {
		return Answer{Err: fmt.Errorf("reading the answer: %w", err)}
	}
	return Answer{Status: resp.StatusCode, Body: body}
}

// isDialError holds for name resolution and connecting. A failed TLS handshake
// counts as unknown: it is rare, and not worth telling apart.
func isDialError(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}
