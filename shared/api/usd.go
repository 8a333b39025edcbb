package api

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
)

// FormatUSD is an amount of USDC in USD with six decimals, as the protocol
// writes it: "0.000300" for 300 micros. 1 micro = 0.000001 USDC.
func FormatUSD(micros int64) string {
	sign, u := "", uint64(micros)
	if micros < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%06d", sign, u/1_000_000, u%1_000_000)
}

var usd = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{1,12})\.([0-9]{6})$`) })

// ParseUSD reads, in micros, what FormatUSD writes for an amount that is not
// negative.
func ParseUSD(s string) (micros int64, err error) {
	parts := usd().FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%q is no amount in USD with six decimals", s)
	}
	return strconv.ParseInt(parts[1]+parts[2], 10, 64) // 18 digits at most
}
