package standing

import (
	"math"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

func TestMultiplier(t *testing.T) {
	for bps, want := range map[int64]string{10_000: "1.0", 12_000: "1.2", 12_345: "1.2345", 500: "0.05", 200_000: "20.0", 0: "0.0"} {
		if got := Multiplier(bps); got != want {
			t.Errorf("Multiplier(%d) = %s, want %s", bps, got, want)
		}
	}
}

func TestUSD(t *testing.T) {
	for n, want := range map[reputation.NanoUSD]string{
		0: "0.000000000", 1: "0.000000001", -1_500_000_000: "-1.500000000", math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		if got := USD(n); got != want {
			t.Errorf("USD(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestNextTier(t *testing.T) {
	for _, c := range []struct {
		total reputation.NanoUSD
		want  api.NextTier
	}{
		{-1_500_000_000, api.NextTier{Tier: "silver", Multiplier: "1.2", FromUSD: "10.000000000", MissingUSD: "11.500000000"}},
		{9_999_999_999, api.NextTier{Tier: "silver", Multiplier: "1.2", FromUSD: "10.000000000", MissingUSD: "0.000000001"}},
		{10 * reputation.USD, api.NextTier{Tier: "gold", Multiplier: "1.5", FromUSD: "50.000000000", MissingUSD: "40.000000000"}},
		{50 * reputation.USD, api.NextTier{Tier: "platinum", Multiplier: "2.0", FromUSD: "200.000000000", MissingUSD: "150.000000000"}},
		{math.MinInt64, api.NextTier{Tier: "silver", Multiplier: "1.2", FromUSD: "10.000000000", MissingUSD: "9223372036.854775807"}},
	} {
		// However the sum is divided among the wallets.
		for _, own := range []reputation.NanoUSD{c.total, 0} {
			l := reputation.Lifetime{Own: own, Linked: []reputation.LinkedTotal{{Wallet: "S", Total: c.total - own, Since: time.Unix(1, 0)}}}
			if got := NextTier(l); got == nil || *got != c.want {
				t.Errorf("%d: %+v, want %+v", c.total, got, c.want)
			}
			if got := Linked(l); len(got) != 1 || got[0] != (api.LinkedSpend{SolanaAddress: "S", PaidUSD: USD(c.total - own), Since: time.Unix(1, 0)}) {
				t.Errorf("%d: %+v", c.total, got)
			}
		}
	}
	if got := NextTier(reputation.Lifetime{Own: 200 * reputation.USD}); got != nil {
		t.Errorf("above platinum: %+v", got)
	}
}
