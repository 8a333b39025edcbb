package reputation

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// The reasons for which a text is no cost.
var (
	ErrNotDecimal = errors.New("reputation: not a decimal number")
	ErrTooLarge   = errors.New("reputation: amount is out of range")
)

const (
	nanoDigits = 9
	// maxCostDigits bounds the work that one cost can make. JavaScript prints
	// at most 17 significant digits; 64 leave room for padded ones.
	maxCostDigits = 64
)

// ParseNano reads a decimal number as JSON writes it ("0.0123", "-2",
// "1.5e-3"), exactly, without a float in between. Digits beyond 1e-9 are
// rounded half away from zero, once, and reported by rounded: programs that
// multiply prices in floats log costs such as 0.00012345000000000002, which
// are worth counting. Errors: ErrNotDecimal, ErrTooLarge.
func ParseNano(s string) (n NanoUSD, rounded bool, err error) {
	d, err := splitDecimal(s)
	if err != nil {
		return 0, false, err
	}
	if d.digits == "" {
		return 0, false, nil
	}
	shift := d.exponent + nanoDigits // value = digits x 10^shift nano
	digits := d.digits
	up := false
	if shift < 0 {
		cut := len(digits) + shift // digits[:cut] stay
		if cut < 0 {
			return 0, true, nil
		}
		up, rounded = digits[cut] >= '5', true
		digits, shift = digits[:cut], 0
	}
	// int64 has at most 19 digits.
	if len(digits)+shift > 19 {
		return 0, false, fmt.Errorf("%w: %q", ErrTooLarge, clip(s))
	}
	u, err := strconv.ParseUint("0"+digits+strings.Repeat("0", shift), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%w: %q", ErrTooLarge, clip(s))
	}
	if up {
		u++
	}
	if u > math.MaxInt64 {
		return 0, false, fmt.Errorf("%w: %q", ErrTooLarge, clip(s))
	}
	if d.negative {
		return -NanoUSD(u), rounded, nil
	}
	return NanoUSD(u), rounded, nil
}

// decimal is digits x 10^exponent, with neither leading nor trailing zeros;
// zero has no digits.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// splitDecimal takes a number apart by JSON's grammar (RFC 8259, section 6),
// but leaves leading zeros and a leading "+" alone, since costs also come as
// text.
func splitDecimal(s string) (decimal, error) {
	bad := func() (decimal, error) { return decimal{}, fmt.Errorf("%w: %q", ErrNotDecimal, clip(s)) }
	var d decimal
	rest := s
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		d.negative = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, exp, hasExp := strings.Cut(strings.ToLower(rest), "e")
	whole, frac, hasDot := strings.Cut(mantissa, ".")
	if !allDigits(whole) || !allDigits(frac) || whole == "" || hasDot && frac == "" || len(mantissa) > maxCostDigits {
		return bad()
	}
	exponent := 0
	if hasExp {
		if !allDigits(strings.TrimLeft(exp, "+-")) || len(exp) > 5 {
			return bad()
		}
		var err error
		if exponent, err = strconv.Atoi(exp); err != nil {
			return bad()
		}
	}
	digits := strings.TrimLeft(whole+frac, "0")
	trimmed := strings.TrimRight(digits, "0")
	d.exponent = exponent - len(frac) + len(digits) - len(trimmed)
	d.digits = trimmed
	return d, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// clip keeps what goes into an error short.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// Add is n + m, or ErrTooLarge.
func (n NanoUSD) Add(m NanoUSD) (NanoUSD, error) {
	sum := n + m
	if (m > 0 && sum < n) || (m < 0 && sum > n) {
		return 0, fmt.Errorf("%w: %d + %d", ErrTooLarge, n, m)
	}
	return sum, nil
}

// AddClipped is the sum, or the end of the range that it lies beyond. Only logs
// in another unit can bring that about; whatever they hold, they must not keep
// the totals of others from being right, nor results from being credited.
func (n NanoUSD) AddClipped(m NanoUSD) NanoUSD {
	sum, err := n.Add(m)
	switch {
	case err == nil:
		return sum
	case m < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// ClipNano is an integral sum of NanoUSD, or the end of the range that it lies
// beyond.
func ClipNano(sum *big.Int) NanoUSD {
	switch {
	case sum.IsInt64():
		return NanoUSD(sum.Int64())
	case sum.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
