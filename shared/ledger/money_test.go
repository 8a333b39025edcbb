package ledger

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestMicrosString(t *testing.T) {
	for m, want := range map[Micros]string{
		0: "0.000000", 1: "0.000001", 300: "0.000300", 999_999: "0.999999",
		1_000_000: "1.000000", 12_345_678: "12.345678", -1: "-0.000001",
		math.MaxInt64: "9223372036854.775807", math.MinInt64: "-9223372036854.775808",
	} {
		if got := m.String(); got != want {
			t.Errorf("Micros(%d) = %q, want %q", int64(m), got, want)
		}
	}
}

// edges are where integer arithmetic goes wrong.
var edges = []int64{0, 1, 2, 99, 100, 150, 9_999, 10_000, 10_001, 12_000, 15_000, 20_000, math.MaxInt32, math.MaxInt64 / 20_000, math.MaxInt64/10_000 - 1, math.MaxInt64 / 2, math.MaxInt64 - 1, math.MaxInt64}

func TestMulBpsIsTheFloorOfTheExactProduct(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	check := func(m, bps int64) {
		want := new(big.Int).Mul(big.NewInt(m), big.NewInt(bps))
		want.Quo(want, big.NewInt(10_000))
		got, err := Micros(m).MulBps(bps)
		switch {
		case !want.IsInt64() && !errors.Is(err, ErrOverflow):
			t.Errorf("seed %d: %d x %d bps = %d, %v; want ErrOverflow", seed, m, bps, got, err)
		case want.IsInt64() && (err != nil || int64(got) != want.Int64()):
			t.Errorf("seed %d: %d x %d bps = %d, %v; want %v", seed, m, bps, got, err, want)
		}
	}
	for _, m := range edges {
		for _, bps := range edges {
			check(m, bps)
		}
	}
	for range 10_000 {
		check(rng.Int64()>>rng.IntN(63), rng.Int64()>>rng.IntN(63))
	}
	for _, bad := range [][2]int64{{-1, 10_000}, {100, -1}} {
		if got, err := Micros(bad[0]).MulBps(bad[1]); err == nil {
			t.Errorf("%d x %d bps = %d; want an error", bad[0], bad[1], got)
		}
	}
}

func TestAddIsExactOrOverflows(t *testing.T) {
	signed := append([]int64{-1, math.MinInt64, math.MinInt64 + 1, -math.MaxInt64 / 2}, edges...)
	for _, a := range signed {
		for _, b := range signed {
			want := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
			got, err := Micros(a).Add(Micros(b))
			if want.IsInt64() != (err == nil) || err == nil && int64(got) != want.Int64() {
				t.Errorf("%d + %d = %d, %v; want %v", a, b, got, err, want)
			}
		}
	}
}
