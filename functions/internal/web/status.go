package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// The errors that have a status of their own here; the others come from the
// domain.
var (
	ErrInput       = errors.New("bad request")        // 400; wrap it with what is wrong
	ErrUnknown     = errors.New("not found")          // 404; wrap it with what is not there
	ErrMethod      = errors.New("method not allowed") // 405
	ErrTooLarge    = errors.New("body too large")     // 413
	ErrSlow        = errors.New("body too slow")      // 408
	ErrUnavailable = errors.New("unavailable")        // 503; the same request may succeed later
)

// statuses is the one table from error to status. What it does not list is 500.
var statuses = []struct {
	err    error
	status int
}{
	{ErrTooLarge, http.StatusRequestEntityTooLarge},
	{ErrSlow, http.StatusRequestTimeout},
	{ErrInput, http.StatusBadRequest},
	{api.ErrBatch, http.StatusBadRequest},
	{api.ErrAddress, http.StatusBadRequest},
	{api.ErrLink, http.StatusBadRequest},
	{api.ErrLinkConflict, http.StatusConflict},
	{api.ErrProofForm, http.StatusBadRequest},
	{api.ErrProof, http.StatusUnauthorized},
	{ErrUnknown, http.StatusNotFound},
	{ErrMethod, http.StatusMethodNotAllowed},
	{schedule.ErrTooManyPolls, http.StatusTooManyRequests},
	{ledger.ErrLeased, http.StatusConflict},
	{ledger.ErrLeaseLost, http.StatusConflict},
	{ledger.ErrMove, http.StatusConflict},
	{ledger.ErrExpired, http.StatusConflict},
	{ErrUnavailable, http.StatusServiceUnavailable},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
	{context.Canceled, http.StatusServiceUnavailable},
}

// Status is the HTTP status that err means.
func Status(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	if passing(err) {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// passing errors are those of Google's services that the same request may not
// meet again (google.rpc.Code). One of them may come a moment before the
// context's own error for the same deadline.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.Canceled:
		return true
	}
	return false
}

// publicText is what the caller is told. Of errors on our side the details go
// to the log only.
func publicText(err error, status int) string {
	switch {
	case status < http.StatusInternalServerError:
		return err.Error()
	case status == http.StatusServiceUnavailable:
		return "the service is not available at the moment; try again in a few seconds"
	}
	return "internal error; try again later"
}

// publicCode is the stable reason that err has, if it has one, for programs.
func publicCode(err error) api.Code {
	if e, ok := errors.AsType[interface {
		error
		ErrorCode() api.Code
	}](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// ofBody makes what went wrong with the body as such, too much of it or too
// late, the whole error: whoever read it knows no more. The error of
// http.MaxBytesReader becomes an ErrTooLarge.
func ofBody(err error) error {
	if m, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Errorf("%w: the limit is %d bytes; send less in one request", ErrTooLarge, m.Limit)
	}
	if s, ok := errors.AsType[slowError](err); ok {
		return s
	}
	return err
}
