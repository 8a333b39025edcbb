// Package standing shows what was paid for LLM calls for a worker, and the
// tier that follows from it, in the protocol's form.
package standing

import (
	"fmt"
	"math"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// Multiplier is a factor in units of 1/10,000 as a decimal: 12,000 is "1.2".
func Multiplier(bps int64) string {
	text := strings.TrimRight(fmt.Sprintf("%d.%04d", bps/10_000, bps%10_000), "0")
	if strings.HasSuffix(text, ".") {
		text += "0"
	}
	return text
}

// USD is an amount with nine decimals.
func USD(n reputation.NanoUSD) string {
	sign, u := "", uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%09d", sign, u/uint64(reputation.USD), u%uint64(reputation.USD))
}

// NextTier is what the tier above needs; nil for the highest.
func NextTier(l reputation.Lifetime) *api.NextTier {
	next, from, ok := l.Tier().Next()
	if !ok {
		return nil
	}
	missing := from - max(l.Total(), math.MinInt64+1+from)
	return &api.NextTier{
		Tier: string(next), Multiplier: Multiplier(next.MultiplierBps()),
		FromUSD: USD(from), MissingUSD: USD(missing),
	}
}

// Linked are the worker's Solana wallets.
func Linked(l reputation.Lifetime) []api.LinkedSpend {
	var out []api.LinkedSpend
	for _, w := range l.Linked {
		out = append(out, api.LinkedSpend{SolanaAddress: w.Wallet, PaidUSD: USD(w.Total), Since: w.Since})
	}
	return out
}
