package ledger

import (
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Spending is what went out lately, from which follows how long the rest lasts.
type Spending struct {
	Days   []DaySpent // in order
	LogTxs []LogTx    // newest first
}

// DaySpent is what was authorised on a UTC day.
type DaySpent struct {
	Day    time.Time
	Micros Micros
}

// LogTx is a transaction of the log sender's.
type LogTx struct {
	Tx       common.Hash // zero until it is confirmed
	Receipts int64
	At       time.Time
}

// minSpan is the shortest time that a rate is made from.
const minSpan = time.Hour

// PayoutsPerDay is what payouts take in a day at the rate of the days; zero if
// nothing was paid.
func (s Spending) PayoutsPerDay(now time.Time) Micros {
	if len(s.Days) == 0 {
		return 0
	}
	var sum int64
	for _, d := range s.Days {
		sum += int64(d.Micros)
	}
	perDay := perDay(big.NewInt(sum), now.Sub(s.Days[0].Day))
	if !perDay.IsInt64() {
		return 0
	}
	return Micros(perDay.Int64())
}

// Of the log transactions since then: how many a day, and receipts a day.
func (s Spending) logged(since, now time.Time) (txs, receipts, span int64) {
	first := now
	for _, l := range s.LogTxs {
		if l.At.Before(since) {
			break
		}
		txs, receipts, first = txs+1, receipts+l.Receipts, l.At
	}
	return txs, receipts, int64(max(now.Sub(first), minSpan))
}

// LogTxsPerDay is what the log transactions since then cost in a day, if each
// cost as much, in wei.
func (s Spending) LogTxsPerDay(cost *big.Int, since, now time.Time) *big.Int {
	txs, _, span := s.logged(since, now)
	return perDay(new(big.Int).Mul(cost, big.NewInt(txs)), time.Duration(span))
}

// ReceiptsPerDay is what as many transfers as there were receipts since then
// would cost in a day, in wei: one a payout.
func (s Spending) ReceiptsPerDay(cost *big.Int, since, now time.Time) *big.Int {
	_, receipts, span := s.logged(since, now)
	return perDay(new(big.Int).Mul(cost, big.NewInt(receipts)), time.Duration(span))
}

func perDay(sum *big.Int, span time.Duration) *big.Int {
	n := new(big.Int).Mul(sum, big.NewInt(int64(24*time.Hour)))
	return n.Quo(n, big.NewInt(int64(max(span, minSpan))))
}

// DaysLeft is for how many whole days a balance lasts, and whether anything is
// taken from it at all.
func DaysLeft(balance, perDay *big.Int) (days int64, known bool) {
	if perDay.Sign() <= 0 {
		return 0, false
	}
	n := new(big.Int).Quo(balance, perDay)
	const most = 100_000 // more is no news
	if !n.IsInt64() || n.Int64() > most {
		return most, true
	}
	return n.Int64(), true
}
