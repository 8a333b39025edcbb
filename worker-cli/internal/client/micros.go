package client

import "github.com/BlockRunAI/worker-network/shared/api"

// Micros is an amount of USDC: 1 micro = 0.000001 USDC.
type Micros int64

// String is the amount in USD with six decimals: "0.000300".
func (m Micros) String() string { return api.FormatUSD(int64(m)) }

// MarshalText is String, so that amounts are decimals in JSON as on the wire.
func (m Micros) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseMicros reads what String writes for an amount that is not negative.
func ParseMicros(s string) (Micros, error) {
	micros, err := api.ParseUSD(s)
	return Micros(micros), err
}
