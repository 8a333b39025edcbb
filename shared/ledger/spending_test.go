package ledger

import (
	"math/big"
	"testing"
	"time"
)

func TestSpendingRates(t *testing.T) {
	now := time.Date(2026, 10, 20, 6, 0, 0, 0, time.UTC)
	midnight := now.Truncate(24 * time.Hour)
	for name, c := range map[string]struct {
		days []DaySpent
		want Micros
	}{
		"nothing":                       {nil, 0},
		"a quarter of a day":            {[]DaySpent{{midnight, 100}}, 400},
		"a day and a quarter":           {[]DaySpent{{midnight.Add(-24 * time.Hour), 1000}, {midnight, 250}}, 1000},
		"a day ago, nothing today":      {[]DaySpent{{midnight.Add(-24 * time.Hour), 1250}}, 1000},
		"of this minute: an hour's":     {[]DaySpent{{now, 10}}, 240},
		"more than there is in micros":  {[]DaySpent{{now, 1 << 62}}, 0},
		"a clock that is behind the db": {[]DaySpent{{now.Add(time.Hour), 10}}, 240},
	} {
		if got := (Spending{Days: c.days}).PayoutsPerDay(now); got != c.want {
			t.Errorf("%s: %d a day, want %d", name, got, c.want)
		}
	}
	since := now.Add(-7 * 24 * time.Hour)
	s := Spending{LogTxs: []LogTx{{Receipts: 3, At: now.Add(-time.Hour)}, {Receipts: 5, At: now.Add(-12 * time.Hour)}, {Receipts: 50, At: since.Add(-time.Second)}}}
	if got := s.LogTxsPerDay(big.NewInt(10), since, now); got.Int64() != 40 {
		t.Errorf("log transactions: %d a day, want 40", got)
	}
	if got := s.ReceiptsPerDay(big.NewInt(10), since, now); got.Int64() != 160 {
		t.Errorf("receipts: %d a day, want 160", got)
	}
	if got := (Spending{}).LogTxsPerDay(big.NewInt(10), since, now); got.Sign() != 0 {
		t.Errorf("of none: %d", got)
	}
}

func TestDaysLeft(t *testing.T) {
	for _, c := range []struct {
		balance, perDay, days int64
		known                 bool
	}{
		{100, 0, 0, false}, {0, 0, 0, false}, {0, 5, 0, true}, {99, 100, 0, true}, {100, 100, 1, true}, {199, 100, 1, true}, {1 << 60, 1, 100_000, true},
	} {
		if days, known := DaysLeft(big.NewInt(c.balance), big.NewInt(c.perDay)); days != c.days || known != c.known {
			t.Errorf("%d at %d a day: %d, %t", c.balance, c.perDay, days, known)
		}
	}
}
