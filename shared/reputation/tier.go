// Package reputation turns what a wallet has paid for LLM calls into its tier.
// It is pure.
package reputation

// Tier is a wallet's standing (product.md, Money).
type Tier string

// The tiers, lowest first.
const (
	Bronze   Tier = "bronze"
	Silver   Tier = "silver"
	Gold     Tier = "gold"
	Platinum Tier = "platinum"
)

// NanoUSD is an amount of US dollars in units of 1e-9, the finest that a spend
// log may hold.
type NanoUSD int64

// USD is one dollar.
const USD NanoUSD = 1_000_000_000

type level struct {
	tier Tier
	from NanoUSD // lifetime USD paid
	bps  int64
}

var levels = []level{
	{Bronze, 0, 10_000},
	{Silver, 10 * USD, 12_000},
	{Gold, 50 * USD, 15_000},
	{Platinum, 200 * USD, 20_000},
}

// TierFor is the tier of a wallet that has paid total in its life. Refunds may
// bring the total below zero; that is bronze.
func TierFor(total NanoUSD) Tier {
	tier := Bronze
	for _, l := range levels {
		if total >= l.from {
			tier = l.tier
		}
	}
	return tier
}

// MultiplierBps is the tier's reward multiplier in units of 1/10,000: 12,000
// is 1.2. An unknown tier counts as bronze.
func (t Tier) MultiplierBps() int64 {
	for _, l := range levels {
		if l.tier == t {
			return l.bps
		}
	}
	return levels[0].bps
}

// Rank orders tiers: bronze 0 to platinum 3; unknown ones are bronze.
func (t Tier) Rank() int {
	for i, l := range levels {
		if l.tier == t {
			return i
		}
	}
	return 0
}

// Next is the tier above t and the lifetime USD at which it begins; ok is
// false for the highest.
func (t Tier) Next() (next Tier, from NanoUSD, ok bool) {
	i := t.Rank() + 1
	if i >= len(levels) {
		return t, 0, false
	}
	return levels[i].tier, levels[i].from, true
}
