package chain

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ethereum/go-ethereum/rpc"
)

// Nodes and providers have no common error codes, so most of this goes by
// their words. Taking an error for the wrong kind costs time, never truth.

// transient reports whether asking again may help.
func transient(err error) bool {
	var status rpc.HTTPError
	var coded rpc.Error
	switch {
	case errors.As(err, &status):
		return status.StatusCode >= 500 || status.StatusCode == http.StatusTooManyRequests || status.StatusCode == http.StatusRequestTimeout
	case errors.As(err, &coded):
		return rateLimited(err) || coded.ErrorCode() == -32005 || says(err, "timeout", "timed out", "temporarily", "try again", "unavailable", "overloaded", "in progress",
			// A node that is a block or two behind the one asked before.
			"header not found", "block not found", "unknown block", "not currently canonical")
	}
	return !errors.Is(err, errTooLong) // no answer, or none that can be read
}

// tooWide reports whether eth_getLogs was refused because of its range or of
// how much it would find.
func tooWide(err error) bool {
	if err == nil || !answered(err) || rateLimited(err) {
		return false
	}
	return says(err, "range", "too large", "too wide", "too many", "more than", "limit", "exceed", "response size")
}

func rateLimited(err error) bool {
	var status rpc.HTTPError
	if errors.As(err, &status) && status.StatusCode == http.StatusTooManyRequests {
		return true
	}
	var coded rpc.Error
	if errors.As(err, &coded) && (coded.ErrorCode() == 429 || coded.ErrorCode() == -32016) {
		return true
	}
	return says(err, "rate limit", "rate-limit", "too many requests", "request limit", "requests per", "per second", "capacity", "throughput", "daily", "throttle")
}

// answered reports whether the node answered at all, with an error.
func answered(err error) bool {
	var status rpc.HTTPError
	var coded rpc.Error
	return errors.As(err, &status) || errors.As(err, &coded)
}

// says looks for words in what the node said, whatever its case.
func says(err error, words ...string) bool {
	text := err.Error()
	var status rpc.HTTPError
	if errors.As(err, &status) {
		text = string(status.Body)
	}
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
