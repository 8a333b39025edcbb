package reputation

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseNano(t *testing.T) {
	tests := []struct {
		in      string
		want    NanoUSD
		rounded bool
		err     error
	}{
		{in: "0"}, {in: "-0.000"}, {in: "0e5"},
		{in: "1", want: 1_000_000_000},
		{in: "0.1", want: 100_000_000},
		{in: "0.3", want: 300_000_000},
		{in: "-2.5", want: -2_500_000_000},
		{in: "+2.5", want: 2_500_000_000},
		{in: "007.50", want: 7_500_000_000},
		{in: "1e-9", want: 1},
		{in: "1.5E+3", want: 1_500_000_000_000},
		{in: "12345678e-9", want: 12345678},
		{in: "9223372036.854775807", want: 9223372036854775807},
		{in: "-9223372036.854775807", want: -9223372036854775807},
		{in: "0.00012345000000000002", want: 123450, rounded: true},
		{in: "0.0000000005", want: 1, rounded: true},
		{in: "0.00000000049", want: 0, rounded: true},
		{in: "-0.0000000005", want: -1, rounded: true},
		{in: "0.0000000015", want: 2, rounded: true},
		{in: "1e-400", want: 0, rounded: true},
		{in: "9223372036.854775808", err: ErrTooLarge},
		{in: "9223372036.8547758075", err: ErrTooLarge},
		{in: "9999999999.9999999999", err: ErrTooLarge},
		{in: "1e400", err: ErrTooLarge},
		{in: "100000000000", err: ErrTooLarge},
		{in: "", err: ErrNotDecimal}, {in: "-", err: ErrNotDecimal}, {in: ".5", err: ErrNotDecimal},
		{in: "5.", err: ErrNotDecimal}, {in: "1e", err: ErrNotDecimal}, {in: "1e+-5", err: ErrNotDecimal},
		{in: "1e9999999", err: ErrNotDecimal}, {in: "0x10", err: ErrNotDecimal}, {in: "1_000", err: ErrNotDecimal},
		{in: "NaN", err: ErrNotDecimal}, {in: "Infinity", err: ErrNotDecimal}, {in: " 1", err: ErrNotDecimal},
		{in: "1,5", err: ErrNotDecimal}, {in: "--1", err: ErrNotDecimal}, {in: "true", err: ErrNotDecimal},
		{in: "$1", err: ErrNotDecimal}, {in: strings.Repeat("1", 100), err: ErrNotDecimal},
	}
	for _, tt := range tests {
		got, rounded, err := ParseNano(tt.in)
		if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) || got != tt.want || rounded != tt.rounded {
			t.Errorf("ParseNano(%q) = %d, %t, %v; want %d, %t, %v", tt.in, got, rounded, err, tt.want, tt.rounded, tt.err)
		}
	}
}

// The same numbers by way of big fractions, which share no code with it.
func TestParseNanoAgreesWithFractions(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		text := randomDecimal(rng)
		want, fits, exact := nanoByFractions(t, text)
		got, rounded, err := ParseNano(text)
		switch {
		case !fits && !errors.Is(err, ErrTooLarge):
			t.Fatalf("seed %d: ParseNano(%q) = %d, %v; want ErrTooLarge", seed, text, got, err)
		case fits && (err != nil || got != want || rounded == exact):
			t.Fatalf("seed %d: ParseNano(%q) = %d, rounded %t, %v; want %d, rounded %t", seed, text, got, rounded, err, want, !exact)
		}
	}
}

func randomDecimal(rng *rand.Rand) string {
	var b strings.Builder
	if rng.IntN(4) == 0 {
		b.WriteByte('-')
	}
	digits := func(n int) {
		for range n {
			b.WriteByte('0' + byte(rng.IntN(10)))
		}
	}
	digits(1 + rng.IntN(12))
	if rng.IntN(3) > 0 {
		b.WriteByte('.')
		digits(1 + rng.IntN(20))
	}
	if rng.IntN(3) == 0 {
		b.WriteString("e" + strconv.Itoa(rng.IntN(30)-20))
	}
	return b.String()
}

// nanoByFractions rounds half away from zero.
func nanoByFractions(t *testing.T, text string) (n NanoUSD, fits, exact bool) {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no fraction", text)
	}
	r.Mul(r, big.NewRat(int64(USD), 1))
	exact = r.IsInt()
	abs := new(big.Rat).Abs(r)
	abs.Add(abs, big.NewRat(1, 2))
	q := new(big.Int).Quo(abs.Num(), abs.Denom())
	if !q.IsInt64() {
		return 0, false, exact
	}
	n = NanoUSD(q.Int64())
	if r.Sign() < 0 {
		n = -n
	}
	return n, true, exact
}

func FuzzParseNano(f *testing.F) {
	for _, s := range []string{"0", "-1.5e-3", "9223372036.854775807", "1e400", "0.0000000005"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, rounded, err := ParseNano(s)
		if err != nil || len(s) > 30 {
			return
		}
		want, fits, exact := nanoByFractions(t, s)
		if !fits || n != want || rounded == exact {
			t.Fatalf("ParseNano(%q) = %d, rounded %t; want %d, fits %t, exact %t", s, n, rounded, want, fits, exact)
		}
	})
}
