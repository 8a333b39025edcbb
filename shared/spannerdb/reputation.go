package spannerdb

import (
	"context"
	"slices"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// reputationChunk keeps a commit well below Spanner's limit of 80,000
// mutations; a row counts one for each column.
const reputationChunk = 2_000

// UpsertStandings stores wallets' lifetime totals and tiers, over what was
// stored of these wallets before. Standings are absolute, so doing it again,
// or going on after an error, is right.
func (db *DB) UpsertStandings(ctx context.Context, standings []reputation.Standing, now time.Time) error {
	for chunk := range slices.Chunk(standings, reputationChunk) {
		writes := make([]*spanner.Mutation, len(chunk))
		for i, s := range chunk {
			writes[i] = putStanding(s, now)
		}
		if _, err := db.apply(ctx, "upsert-standings", writes); err != nil {
			return err
		}
	}
	return nil
}

func putStanding(s reputation.Standing, now time.Time) *spanner.Mutation {
	return spanner.InsertOrUpdateMap("WalletReputation", map[string]any{
		"Wallet": s.Wallet, "TotalPaidNano": int64(s.Total), "Tier": string(s.Tier),
		"MultiplierBps": s.Tier.MultiplierBps(), "RefreshedAt": now.UTC(),
	})
}
