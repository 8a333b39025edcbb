package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"
	"google.golang.org/grpc/codes"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// A row of WalletReputation is what was paid under one address alone; links
// are added up where a tier is used, and nowhere stored. So neither a refresh
// nor a link has to know of the other, and each counts as soon as it is
// committed.

func putStanding(s reputation.Standing, now time.Time) *spanner.Mutation {
	return spanner.InsertOrUpdateMap("WalletReputation", map[string]any{
		"Wallet": s.Wallet, "TotalPaidNano": int64(s.Total), "Tier": string(s.Tier),
		"MultiplierBps": s.Tier.MultiplierBps(), "RefreshedAt": now.UTC(),
	})
}

// selectSpend is a column of what was paid for each of @workers: a row for its
// own address, if anything was, and one for each Solana wallet. All of it is
// looked up by keys.
const selectSpend = `ARRAY(SELECT AS STRUCT * FROM (
    SELECT Wallet AS Worker, CAST(NULL AS STRING) AS Solana, TotalPaidNano, CAST(NULL AS TIMESTAMP) AS LinkedAt
    FROM WalletReputation WHERE Wallet IN UNNEST(@workers)
    UNION ALL
    SELECT l.Worker, l.Solana, IFNULL(r.TotalPaidNano, 0), l.LinkedAt
    FROM WalletLinks@{FORCE_INDEX=WalletLinksByWorker} AS l
    LEFT JOIN@{FORCE_JOIN_ORDER=TRUE, JOIN_METHOD=APPLY_JOIN} WalletReputation AS r ON r.Wallet = l.Solana
    WHERE l.Worker IN UNNEST(@workers)) ORDER BY LinkedAt, Solana) AS Spend`

type spendRow struct {
	Worker        string
	Solana        spanner.NullString
	TotalPaidNano int64
	LinkedAt      spanner.NullTime
}

// lifetimesOf adds up the rows of selectSpend, by worker. One who is not there
// never paid.
func lifetimesOf(rows []*spendRow) map[string]reputation.Lifetime {
	out := map[string]reputation.Lifetime{}
	for _, r := range rows {
		l := out[r.Worker]
		if r.Solana.Valid {
			l.Linked = append(l.Linked, reputation.LinkedTotal{Wallet: r.Solana.StringVal, Total: reputation.NanoUSD(r.TotalPaidNano), Since: timeOf(r.LinkedAt)})
		} else {
			l.Own = reputation.NanoUSD(r.TotalPaidNano)
		}
		out[r.Worker] = l
	}
	return out
}

// Lifetime is what was paid for LLM calls for a worker up to now, under all of
// its wallets.
func (db *DB) Lifetime(ctx context.Context, worker common.Address) (reputation.Lifetime, error) {
	var found struct{ Spend []*spendRow }
	stmt := spanner.Statement{SQL: "SELECT " + selectSpend, Params: map[string]any{"workers": []string{addressText(worker)}}}
	if err := queryOne(ctx, db.single(), stmt, &found); err != nil {
		return reputation.Lifetime{}, fmt.Errorf("spannerdb: what was paid for %s: %w", addressText(worker), err)
	}
	return lifetimesOf(found.Spend)[addressText(worker)], nil
}

// LinkedWorker is the worker that a Solana wallet is linked to; ok is false if
// there is none.
func (db *DB) LinkedWorker(ctx context.Context, solana string) (worker common.Address, ok bool, err error) {
	row, err := db.single().ReadRow(ctx, "WalletLinks", spanner.Key{solana}, []string{"Worker"})
	if spanner.ErrCode(err) == codes.NotFound {
		return common.Address{}, false, nil
	}
	var text string
	if err == nil {
		err = row.Column(0, &text)
	}
	if err == nil {
		worker, err = parseAddress(text)
	}
	if err != nil {
		return common.Address{}, false, fmt.Errorf("spannerdb: read the link of %s: %w", solana, err)
	}
	return worker, true, nil
}
