// Package ledger is the arithmetic of what workers earn and are paid. It is
// pure: no I/O and no clock.
//
// All money is Micros. The books of one worker are Credits; every change to
// them is a posting (Credit, OpenPayout, ConfirmPayout), and after each one
// Credits.Check holds.
package ledger

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// Micros is an amount of USDC: 1 micro = 0.000001 USDC, one atomic unit of
// the token. It is never a float.
type Micros int64

// ErrOverflow means that an amount left the range of int64. Nothing was posted.
var ErrOverflow = errors.New("ledger: amount overflows int64")

// String is the amount in USD with six decimals, as the wire has it: "0.000300".
func (m Micros) String() string { return api.FormatUSD(int64(m)) }

// Add is m + n, or ErrOverflow.
func (m Micros) Add(n Micros) (Micros, error) {
	sum := m + n
	if (n > 0 && sum < m) || (n < 0 && sum > m) {
		return 0, ErrOverflow
	}
	return sum, nil
}

// MulBps is floor(m x bps / 10,000) for m >= 0 and bps >= 0: how a tier's
// multiplier applies to a task's reward (product.md, Money).
func (m Micros) MulBps(bps int64) (Micros, error) {
	if m < 0 || bps < 0 {
		return 0, fmt.Errorf("ledger: MulBps(%d, %d): negative", m, bps)
	}
	hi, lo := bits.Mul64(uint64(m), uint64(bps))
	if hi >= 10_000 {
		return 0, ErrOverflow
	}
	q, _ := bits.Div64(hi, lo, 10_000)
	if q > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return Micros(q), nil
}
