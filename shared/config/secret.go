package config

import (
	"fmt"
	"log/slog"
)

// Secret is a value that is never printed or logged, whatever prints it.
type Secret string

const redacted = "(secret)"

// Reveal is the value itself.
func (s Secret) Reveal() string { return string(s) }

// Format implements fmt.Formatter: no verb shows the value.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// String is "(secret)", or nothing for an empty one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, for encoders that look inside.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
