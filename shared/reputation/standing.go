package reputation

import (
	"cmp"
	"slices"
)

// Standing is a wallet's lifetime spend and the tier that follows from it.
type Standing struct {
	Wallet string // canonical
	Total  NanoUSD
	Tier   Tier
}

// Standings are those of every wallet in the tally, ordered by wallet.
func (t *Tally) Standings() []Standing {
	out := make([]Standing, 0, len(t.Totals))
	for wallet, total := range t.Totals {
		out = append(out, Standing{Wallet: wallet, Total: total, Tier: TierFor(total)})
	}
	slices.SortFunc(out, func(a, b Standing) int { return cmp.Compare(a.Wallet, b.Wallet) })
	return out
}
