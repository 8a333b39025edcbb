// Package web is what the HTTP functions have in common: one method, a capped
// body, JSON answers, a table from error to status, and what they need made on
// first use.
package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// Endpoint answers one method of one path with JSON.
type Endpoint struct {
	Name    string // of the function, in traces
	Method  string
	MaxBody int64 // of the request, in bytes; more is 413
	Log     *slog.Logger

	// Serve returns the body of the 200 answer, or an error, of which Status
	// makes the status, and an api.ErrorBody the body.
	Serve func(*http.Request) (any, error)

	bodyTime time.Duration // of a test; else bodyTime
}

// drainBytes is how much of a body that is too large is read and thrown away,
// so that a caller that sends before it listens gets its answer.
const drainBytes = 16 << 20

func (e Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, end := telemetry.ServerSpan(telemetry.WithTrace(r.Context(), r.Header), e.Name)
	var failed error
	defer func() { end(failed) }()
	if seen := seenFrom(r); seen != "" {
		w.Header().Set(api.SeenFromHeader, seen)
	}
	body := timeBody(w, r, cmp.Or(e.bodyTime, bodyTime))
	if r.Method != e.Method {
		w.Header().Set("Allow", e.Method)
		e.refuse(w, r.WithContext(ctx), fmt.Errorf("%w: use %s", ErrMethod, e.Method))
		return
	}
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(nil, body, e.MaxBody)
	answer, err := e.Serve(r)
	if err = ofBody(err); err != nil {
		if Status(err) >= http.StatusInternalServerError {
			failed = err // what the caller did wrong is no failure of ours
		}
		switch Status(err) {
		case http.StatusRequestTimeout:
			w.Header().Set("Connection", "close") // the rest of the body would be taken for a request
		case http.StatusRequestEntityTooLarge:
			_, _ = io.CopyN(io.Discard, body, drainBytes) // its end, its deadline, or the caller's going away: the answer is the same
		}
		e.refuse(w, r, err)
		return
	}
	if err := writeJSON(w, http.StatusOK, answer); err != nil {
		e.refuse(w, r, err)
	}
}

// refuse answers with err's status and says so in the log.
func (e Endpoint) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := Status(err)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		level = slog.LevelError
	}
	e.Log.LogAttrs(r.Context(), level, "request refused", slog.Int("status", status), slog.Any("error", err))
	if wait, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.RetryAfter().Seconds()))))
	}
	answerError(w, status, api.ErrorBody{Error: publicText(err, status), Code: publicCode(err)})
}

func answerError(w http.ResponseWriter, status int, body api.ErrorBody) {
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "EIP-191") // RFC 9110 asks for a challenge; the body says what is wrong
	}
	_ = writeJSON(w, status, body) // strings can always be encoded
}

// writeJSON answers with v, or writes nothing and says why v has no JSON form.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store") // an answer is for this caller and this moment
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the caller may be gone; what was done stays done
	return nil
}
