package ledger

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// TestRandomPostingsKeepTheBooks posts at random and compares with plain
// lists of rewards and payouts; the invariant is checked after every step.
func TestRandomPostingsKeepTheBooks(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		runPostings(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func runPostings(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	threshold := Micros(rng.Int64N(2_000))
	c := NewCredits()
	rewards := map[int64][]Micros{} // by payout number
	open := []Opened{}
	var paid Micros
	for range 200 {
		switch rng.IntN(4) {
		case 0, 1:
			reward := Micros(rng.Int64N(300))
			seq, err := c.Credit(reward)
			if err != nil {
				t.Errorf("Credit(%d): %v", reward, err)
				return
			}
			rewards[seq] = append(rewards[seq], reward)
		case 2:
			o, err := c.OpenPayout(threshold)
			if err != nil {
				t.Errorf("OpenPayout: %v", err)
				return
			}
			if o != nil {
				open = append(open, *o)
				if sum := total(rewards[o.Seq]); sum != o.Amount || int64(len(rewards[o.Seq])) != o.ResultCount || o.Amount < threshold {
					t.Errorf("payout %+v of results worth %d, threshold %d", *o, sum, threshold)
				}
			} else if c.Pending >= threshold && c.Pending > 0 {
				t.Errorf("no payout at pending %d, threshold %d", c.Pending, threshold)
			}
		case 3:
			if len(open) == 0 {
				continue
			}
			i := rng.IntN(len(open))
			if err := c.ConfirmPayout(open[i].Amount); err != nil {
				t.Errorf("ConfirmPayout: %v", err)
				return
			}
			paid += open[i].Amount
			open = append(open[:i], open[i+1:]...)
		}
		var inFlight Micros
		for _, o := range open {
			inFlight += o.Amount
		}
		pending := rewards[c.PayoutSeq]
		if err := c.Check(); err != nil || c.InFlight != inFlight || c.TotalPaid != paid || c.Pending != total(pending) || c.PendingResults != int64(len(pending)) {
			t.Errorf("books %+v, %v; lists say in flight %d, paid %d, pending %v", c, err, inFlight, paid, pending)
			return
		}
	}
}

func total(rewards []Micros) (sum Micros) {
	for _, r := range rewards {
		sum += r
	}
	return sum
}

func TestPostingsThatAreRefusedChangeNothing(t *testing.T) {
	good := Credits{Pending: 50, InFlight: 30, TotalEarned: 100, TotalPaid: 20, PayoutSeq: 3, PendingResults: 1}
	bent := good
	bent.TotalEarned++
	full := Credits{Pending: math.MaxInt64 - 1, TotalEarned: math.MaxInt64 - 1, PayoutSeq: 1}
	for name, c := range map[string]struct {
		books Credits
		post  func(*Credits) error
		want  error // nil: any
	}{
		"negative reward":        {good, func(c *Credits) error { _, err := c.Credit(-1); return err }, nil},
		"reward beyond int64":    {full, func(c *Credits) error { _, err := c.Credit(2); return err }, ErrOverflow},
		"credit on bent books":   {bent, func(c *Credits) error { _, err := c.Credit(1); return err }, ErrBooks},
		"payout from bent books": {bent, func(c *Credits) error { _, err := c.OpenPayout(1); return err }, ErrBooks},
		"confirm on bent books":  {bent, func(c *Credits) error { return c.ConfirmPayout(1) }, ErrBooks},
		"confirm more than out":  {good, func(c *Credits) error { return c.ConfirmPayout(31) }, ErrBooks},
		"confirm nothing":        {good, func(c *Credits) error { return c.ConfirmPayout(0) }, ErrBooks},
		"confirm less than none": {good, func(c *Credits) error { return c.ConfirmPayout(-1) }, ErrBooks},
	} {
		got := c.books
		err := c.post(&got)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if got != c.books {
			t.Errorf("%s: books %+v became %+v", name, c.books, got)
		}
	}
}

func TestCheckSeesEveryBentField(t *testing.T) {
	good := Credits{Pending: 50, InFlight: 30, TotalEarned: 100, TotalPaid: 20, PayoutSeq: 3, PendingResults: 1}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, bend := range map[string]func(*Credits){
		"pending":         func(c *Credits) { c.Pending-- },
		"in flight":       func(c *Credits) { c.InFlight++ },
		"earned":          func(c *Credits) { c.TotalEarned-- },
		"paid":            func(c *Credits) { c.TotalPaid++ },
		"seq":             func(c *Credits) { c.PayoutSeq = 0 },
		"pending results": func(c *Credits) { c.PendingResults = -1 },
		"negative, though the sum holds": func(c *Credits) {
			c.Pending, c.InFlight = -10, 90
		},
		"the sum holds only by overflow": func(c *Credits) {
			c.Pending, c.InFlight, c.TotalPaid, c.TotalEarned = math.MaxInt64, math.MaxInt64, 2, 0
		},
	} {
		c := good
		bend(&c)
		if err := c.Check(); !errors.Is(err, ErrBooks) {
			t.Errorf("%s: Check of %+v = %v, want ErrBooks", name, c, err)
		}
	}
}

func TestNothingIsPaidOutOfNothing(t *testing.T) {
	for _, threshold := range []Micros{-5, 0, 1} {
		c := NewCredits()
		if o, err := c.OpenPayout(threshold); o != nil || err != nil {
			t.Errorf("threshold %d: payout %+v, %v of empty books", threshold, o, err)
		}
		if _, err := c.Credit(0); err != nil {
			t.Fatal(err)
		}
		if o, err := c.OpenPayout(threshold); o != nil || err != nil {
			t.Errorf("threshold %d: payout %+v, %v of a result worth nothing", threshold, o, err)
		}
	}
}
