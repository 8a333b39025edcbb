package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// bodyTime is how long a request's body may take from the request's start, the
// part that is thrown away included. The largest that is taken has 256 KiB.
const bodyTime = 10 * time.Second

// A timedBody is a request's body that has to come in time. A read after the
// deadline is an ErrSlow.
type timedBody struct {
	io.ReadCloser
	limit  time.Duration
	freely func() // lifts the deadline
}

// timeBody sets the deadline for r's body. It is lifted when the end of the
// body is read, since the server goes on reading the connection, to notice
// that the caller left: in a handler that works longer than that, the deadline
// would look like this. When the end is not read, the deadline stays, for the
// server reads the rest by itself; and sets its own for the next request.
//
// A ResponseWriter without deadlines, as in a test, leaves the body as it is.
func timeBody(w http.ResponseWriter, r *http.Request, limit time.Duration) io.ReadCloser {
	if r.Body == nil || r.Body == http.NoBody {
		return r.Body
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(limit)) != nil {
		return r.Body
	}
	return timedBody{r.Body, limit, func() { _ = control.SetReadDeadline(time.Time{}) }}
}

func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF: //nolint:errorlint // a reader returns it as it is
		b.freely()
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = slowError{b.limit}
	}
	return n, err
}

// slowError is an ErrSlow that says what the limit was.
type slowError struct{ limit time.Duration }

func (e slowError) Error() string {
	return fmt.Sprintf("%v: it did not arrive within %v; send it in one go, or less in one request", ErrSlow, e.limit)
}

func (slowError) Unwrap() error { return ErrSlow }
