package client

import (
	"fmt"
	"regexp"
	"strconv"
)

// Micros is an amount of USDC: 1 micro = 0.000001 USDC.
type Micros int64

// String is the amount in USD with six decimals: "0.000300".
func (m Micros) String() string {
	sign, u := "", uint64(m)
	if m < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%06d", sign, u/1_000_000, u%1_000_000)
}

// MarshalText is String, so that amounts are decimals in JSON as on the wire.
func (m Micros) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

var usd = regexp.MustCompile(`^([0-9]{1,12})\.([0-9]{6})$`)

// ParseMicros reads what String writes for an amount that is not negative.
func ParseMicros(s string) (Micros, error) {
	parts := usd.FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%q is no amount in USD with six decimals", s)
	}
	micros, err := strconv.ParseInt(parts[1]+parts[2], 10, 64) // 18 digits at most
	return Micros(micros), err
}
