package reputation

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Adapter says which fields of a log line hold what. The log's real names are
// not public, so they are configuration; the first name that a line has wins.
type Adapter struct {
	Wallet []string
	Cost   []string // USD, a JSON number or a string with one
}

// DefaultAdapter knows the documented names and common spellings of them.
func DefaultAdapter() Adapter {
	return Adapter{
		Wallet: []string{"wallet", "walletAddress", "wallet_address", "address"},
		Cost:   []string{"cost", "costUsd", "cost_usd", "costUSD"},
	}
}

// Validate reports an adapter that could read nothing.
func (a Adapter) Validate() error {
	if len(a.Wallet) == 0 || len(a.Cost) == 0 {
		return errors.New("reputation: the log adapter needs at least one field name for the wallet and one for the cost")
	}
	return nil
}

// Spend is what one line says.
type Spend struct {
	Wallet  string // canonical
	Cost    NanoUSD
	Rounded bool // the cost had digits beyond 1e-9
}

// The reasons for which a line is broken, besides those of CanonicalWallet
// and ParseNano.
var (
	ErrNotObject    = errors.New("reputation: line is not a JSON object")
	ErrMissingField = errors.New("reputation: field is missing")
)

// Line reads one line of the log.
func (a Adapter) Line(line []byte) (Spend, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil || fields == nil {
		return Spend{}, ErrNotObject
	}
	raw, err := first(fields, a.Wallet)
	if err != nil {
		return Spend{}, err
	}
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return Spend{}, fmt.Errorf("%w: %s", ErrNoWallet, clip(string(raw)))
	}
	wallet, err := CanonicalWallet(name)
	if err != nil {
		return Spend{}, err
	}
	if raw, err = first(fields, a.Cost); err != nil {
		return Spend{}, err
	}
	text := string(raw) // the number's own digits, never a float
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return Spend{}, fmt.Errorf("%w: %s", ErrNotDecimal, clip(string(raw)))
		}
	}
	cost, rounded, err := ParseNano(text)
	if err != nil {
		return Spend{}, err
	}
	return Spend{Wallet: wallet, Cost: cost, Rounded: rounded}, nil
}

// first is the first of the named fields that the line has; null counts as
// absent.
func first(fields map[string]json.RawMessage, names []string) (json.RawMessage, error) {
	for _, n := range names {
		if raw, ok := fields[n]; ok && string(raw) != "null" {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("%w: none of %q", ErrMissingField, names)
}
