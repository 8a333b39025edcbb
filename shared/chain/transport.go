package chain

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// transport bounds answers and notes Retry-After, which the RPC client drops.
type transport struct {
	base      *http.Transport
	maxAnswer int64
}

func newTransport(maxAnswer int64) *transport {
	return &transport{http.DefaultTransport.(*http.Transport).Clone(), maxAnswer}
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		if asked, ok := r.Context().Value(retryAfterKey{}).(*time.Duration); ok {
			*asked = time.Duration(seconds) * time.Second
		}
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: t.maxAnswer}
	return resp, nil
}

type retryAfterKey struct{}

// withRetryAfter has the Retry-After of the answer written to asked.
func withRetryAfter(ctx context.Context, asked *time.Duration) context.Context {
	return context.WithValue(ctx, retryAfterKey{}, asked)
}

var errTooLong = errors.New("the answer is too long")

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

// redact takes the URL, which may hold a key, out of an error.
func redact(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
