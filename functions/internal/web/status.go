package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// The errors that have a status of their own here; the others come from the
// domain.
var (
	ErrInput       = errors.New("bad request")        // 400; wrap it with what is wrong
	ErrMethod      = errors.New("method not allowed") // 405
	ErrTooLarge    = errors.New("body too large")     // 413
	ErrUnavailable = errors.New("unavailable")        // 503; the same request may succeed later
)

// statuses is the one table from error to status. What it does not list is 500.
var statuses = []struct {
	err    error
	status int
}{
	{ErrTooLarge, http.StatusRequestEntityTooLarge},
	{ErrInput, http.StatusBadRequest},
	{api.ErrBatch, http.StatusBadRequest},
	{api.ErrAddress, http.StatusBadRequest},
	{ErrMethod, http.StatusMethodNotAllowed},
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
	return http.StatusInternalServerError
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

// tooLarge makes the error of http.MaxBytesReader an ErrTooLarge.
func tooLarge(err error) error {
	var m *http.MaxBytesError
	if errors.As(err, &m) {
		return fmt.Errorf("%w: the limit is %d bytes; send less in one request", ErrTooLarge, m.Limit)
	}
	return err
}
