package api

import (
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"
)

// Limits of a result's fields. Lengths are in characters.
const (
	MaxTaskIDLen    = 128
	MaxErrorLen     = 1024
	MaxRegionLen    = 64
	MaxTimestamp    = 8_640_000_000_000_000 // the last millisecond that a JavaScript Date can hold
	MaxResponseTime = 1<<53 - 1             // the last integer that JavaScript writes exactly
	MaxTiming       = 3_600_000             // of each phase: an hour, in ms
)

var (
	// ErrAddress means that a text is no Ethereum address: 400.
	ErrAddress = errors.New("not an address: want 0x and 40 hex digits, in mixed case only with the right EIP-55 checksum")
	// ErrField means that a field of a result is missing, of the wrong type or
	// out of range: the result is rejected as Malformed.
	ErrField = errors.New("malformed field")
)

// ParseAddress reads 0x and 40 hex digits. Digits of one case are taken as
// they are; a mixed-case spelling must satisfy EIP-55. Anything else is
// ErrAddress.
func ParseAddress(s string) (common.Address, error) {
	var a common.Address
	if len(s) != 42 || s[0] != '0' || s[1] != 'x' {
		return common.Address{}, ErrAddress
	}
	if !decodeHex(a[:], s[2:]) {
		return common.Address{}, ErrAddress
	}
	var lower, upper bool
	for _, c := range []byte(s[2:]) {
		lower = lower || c >= 'a'
		upper = upper || (c >= 'A' && c <= 'F')
	}
	if lower && upper && a.Hex() != s {
		return common.Address{}, ErrAddress
	}
	return a, nil
}

// decodeHex fills dst from exactly 2 x len(dst) hex digits of either case.
func decodeHex(dst []byte, s string) bool {
	var buf [130]byte
	if len(s) != 2*len(dst) || len(s) > len(buf) {
		return false
	}
	copy(buf[:], s)
	_, err := hex.Decode(dst, buf[:len(s)])
	return err == nil
}

// checkFields says which field of r is out of range, as an ErrField, and
// returns the worker's address. It does not look at the signature.
func checkFields(r *Result) (common.Address, error) {
	if r.TaskID == "" || tooLong(r.TaskID, MaxTaskIDLen) || !utf8.ValidString(r.TaskID) {
		return common.Address{}, fmt.Errorf("%w: taskId must have 1 to %d characters", ErrField, MaxTaskIDLen)
	}
	worker, err := ParseAddress(r.WorkerAddress)
	if err != nil {
		return common.Address{}, fmt.Errorf("%w: workerAddress is %w", ErrField, err)
	}
	switch {
	case r.Timestamp < 1 || r.Timestamp > MaxTimestamp:
		err = fmt.Errorf("%w: timestamp must be in milliseconds since 1970", ErrField)
	case r.ResponseTimeMs < 0 || r.ResponseTimeMs > MaxResponseTime:
		err = fmt.Errorf("%w: responseTimeMs must not be negative", ErrField)
	case r.StatusCode != nil && (*r.StatusCode < 100 || *r.StatusCode > 599):
		err = fmt.Errorf("%w: statusCode must be 100 to 599, or left out", ErrField)
	case tooLong(r.Error, MaxErrorLen) || !utf8.ValidString(r.Error):
		err = fmt.Errorf("%w: error must have at most %d characters", ErrField, MaxErrorLen)
	case !r.ErrorClass.fits(r.Success):
		err = fmt.Errorf("%w: errorClass must be dns, connect, tls, timeout, status, protocol or body, and of a success only body", ErrField)
	default:
		err = r.Timings.check()
	}
	return worker, err
}

// tooLong reports whether s has more than max characters.
func tooLong(s string, max int) bool {
	return len(s) > max && utf8.RuneCountInString(s) > max
}
