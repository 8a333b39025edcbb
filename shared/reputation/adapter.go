package reputation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Adapter says which fields of a log line hold what. The log's real names are
// not public, so they are configuration; the first name that a line has wins.
// Names are compared exactly, only at the top level of a line; of a name that
// a line has twice, the last counts; null counts as absent.
type Adapter struct {
	Wallet []string
	Cost   []string    // USD, a JSON number or a string with one
	Failed []Condition // a line that meets one of them is a failed call, and left out
}

// Condition is what a field must be: "success=false", "status=error",
// "statusCode=5*" (begins with 5), "error=*" (there, and not null).
type Condition struct{ Field, Value string }

// ParseCondition reads field=value.
func ParseCondition(s string) (Condition, error) {
	field, value, ok := strings.Cut(s, "=")
	c := Condition{strings.TrimSpace(field), strings.TrimSpace(value)}
	if !ok || c.Field == "" || c.Value == "" {
		return Condition{}, fmt.Errorf("reputation: %q is no condition; write field=value, for example success=false", s)
	}
	return c, nil
}

// DefaultAdapter knows the documented names and common spellings of them. It
// takes every call as paid.
func DefaultAdapter() Adapter {
	return Adapter{
		Wallet: []string{"wallet", "walletAddress", "wallet_address", "address", "payer", "from"},
		Cost:   []string{"cost", "costUsd", "cost_usd", "costUSD", "totalCost", "total_cost", "amountUsd", "amount_usd"},
	}
}

// Validate reports an adapter that could read nothing.
func (a Adapter) Validate() error {
	if len(a.Wallet) == 0 || len(a.Cost) == 0 {
		return errors.New("reputation: the log adapter needs at least one field name for the wallet and one for the cost")
	}
	return nil
}

// MaxCost is the most that one call may cost; a line beyond it is broken. It
// keeps a slip of the writer's, such as nano dollars as dollars, out of the
// tiers, and sums far from the end of NanoUSD's range.
const MaxCost = 1_000_000 * USD

// Spend is what one line says.
type Spend struct {
	Wallet  string // canonical
	Cost    NanoUSD
	Rounded bool // the cost had digits beyond 1e-9
}

// The reasons for which a line is left out, besides those of CanonicalWallet
// and ParseNano. Their texts hold nothing of the line.
var (
	ErrNotObject    = errors.New("reputation: line is not a JSON object")
	ErrMissingField = errors.New("reputation: field is missing")
	ErrTooLong      = errors.New("reputation: line is too long")
	ErrFailedCall   = errors.New("reputation: a failed call") // not broken
)

// Line reads one line of the log with encoding/json: slow, and the last word
// on what any line means. Readers take a faster way where it must come to the
// same (see quick).
func (a Adapter) Line(line []byte) (Spend, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil || fields == nil {
		return Spend{}, ErrNotObject
	}
	for _, c := range a.Failed {
		if raw, ok := fields[c.Field]; ok && c.meets(raw) {
			return Spend{}, ErrFailedCall
		}
	}
	raw, err := first(fields, a.Wallet)
	if err != nil {
		return Spend{}, err
	}
	if raw[0] != '"' {
		return Spend{}, ErrNoWallet
	}
	wallet, err := CanonicalWallet(text(raw))
	if err != nil {
		return Spend{}, err
	}
	if raw, err = first(fields, a.Cost); err != nil {
		return Spend{}, err
	}
	cost, rounded, err := ParseNano(text(raw)) // the number's own digits, never a float
	if err != nil {
		return Spend{}, err
	}
	if cost > MaxCost || cost < -MaxCost {
		return Spend{}, fmt.Errorf("%w: above %d USD", ErrTooLarge, MaxCost/USD)
	}
	return Spend{Wallet: wallet, Cost: cost, Rounded: rounded}, nil
}

// text is a string's content, or any other value as it is written.
func text(raw json.RawMessage) string {
	if raw[0] != '"' {
		return string(raw)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return string(raw) // cannot be: the whole line has been read
	}
	return s
}

func (c Condition) meets(raw json.RawMessage) bool {
	if bytes.Equal(raw, []byte("null")) {
		return false
	}
	if raw[0] == '{' || raw[0] == '[' {
		return c.Value == "*"
	}
	return c.matches(text(raw))
}

func (c Condition) matches(value string) bool {
	if prefix, ok := strings.CutSuffix(c.Value, "*"); ok {
		return strings.HasPrefix(value, prefix)
	}
	return value == c.Value
}

// first is the first of the named fields that the line has.
func first(fields map[string]json.RawMessage, names []string) (json.RawMessage, error) {
	for _, n := range names {
		if raw, ok := fields[n]; ok && string(raw) != "null" {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("%w: none of %q", ErrMissingField, names)
}
