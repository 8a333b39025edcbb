package spannerdb

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// ApplySpend sets right the day's and the lifetime totals of the next wallets
// after the given one that l's counted or replaced edition names, and returns
// the last of them; "" when there are no more. Totals are sums of what counts,
// so doing it again is right.
func (db *DB) ApplySpend(ctx context.Context, f Fence, l reputation.SpendLog, after string, now time.Time) (last string, err error) {
	wallets, err := db.spendWallets(ctx, l, after)
	if err != nil || len(wallets) == 0 {
		return "", err
	}
	today, err := db.sums(ctx, `SELECT t.Wallet, SUM(CAST(t.Nano AS NUMERIC)) FROM SpendLogs AS l
JOIN SpendTotals AS t ON t.LogId = l.LogId AND t.Version = l.CountedVersion
WHERE l.Day = @day AND t.Wallet IN UNNEST(@wallets) GROUP BY t.Wallet`, l.Day, wallets)
	if err != nil {
		return "", err
	}
	others, err := db.sums(ctx, `SELECT Wallet, SUM(CAST(Nano AS NUMERIC)) FROM WalletSpendDays
WHERE Day != @day AND Wallet IN UNNEST(@wallets) GROUP BY Wallet`, l.Day, wallets)
	if err != nil {
		return "", err
	}
	var writes []*spanner.Mutation
	for _, w := range wallets {
		total := today[w].AddClipped(others[w])
		if n, ok := today[w]; ok {
			writes = append(writes, spanner.InsertOrUpdateMap("WalletSpendDays", map[string]any{"Wallet": w, "Day": l.Day, "Nano": int64(n)}))
		} else {
			writes = append(writes, spanner.Delete("WalletSpendDays", spanner.Key{w, l.Day}))
		}
		writes = append(writes, putStanding(reputation.Standing{Wallet: w, Total: total, Tier: reputation.TierFor(total)}, now))
	}
	return wallets[len(wallets)-1], db.fenced(ctx, "apply-spend", f, writes)
}

func (db *DB) spendWallets(ctx context.Context, l reputation.SpendLog, after string) (wallets []string, err error) {
	stmt := spanner.Statement{
		SQL: `SELECT DISTINCT Wallet FROM SpendTotals WHERE LogId = @log AND Version IN UNNEST(@versions) AND Wallet > @after
ORDER BY Wallet LIMIT @limit`,
		Params: map[string]any{"log": l.ID(), "versions": []int64{l.Counted.Version, *l.Replaced}, "after": after, "limit": spendChunk},
	}
	err = db.single().Query(ctx, stmt).Do(func(row *spanner.Row) error {
		var w string
		err := row.Column(0, &w)
		wallets = append(wallets, w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: read the wallets of %s: %w", l.Name, err)
	}
	return wallets, nil
}

func (db *DB) sums(ctx context.Context, sql, day string, wallets []string) (map[string]reputation.NanoUSD, error) {
	out := map[string]reputation.NanoUSD{}
	stmt := spanner.Statement{SQL: sql, Params: map[string]any{"day": day, "wallets": wallets}}
	err := db.single().Query(ctx, stmt).Do(func(row *spanner.Row) error {
		var wallet string
		var sum big.Rat // NUMERIC, since one beyond INT64 would be an error
		err := row.Columns(&wallet, &sum)
		out[wallet] = reputation.ClipNano(sum.Num())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: add up the spend of %d wallets: %w", len(wallets), err)
	}
	return out, nil
}

// SettleSpend ends what CountSpend began, once ApplySpend has been through all
// wallets: every edition of l but the counted one goes.
func (db *DB) SettleSpend(ctx context.Context, f Fence, l reputation.SpendLog, now time.Time) error {
	for {
		keys, err := db.supersededSpend(ctx, l)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		if err := db.fenced(ctx, "settle-spend", f, []*spanner.Mutation{spanner.Delete("SpendTotals", spanner.KeySetFromKeys(keys...))}); err != nil {
			return err
		}
	}
	l.Replaced = nil
	m, err := putSpendLog(l, now)
	if err != nil {
		return fmt.Errorf("spannerdb: %w", err)
	}
	return db.fenced(ctx, "settle-spend", f, []*spanner.Mutation{m})
}

func (db *DB) supersededSpend(ctx context.Context, l reputation.SpendLog) (keys []spanner.Key, err error) {
	stmt := spanner.Statement{
		SQL:    `SELECT Version, Wallet, Piece FROM SpendTotals WHERE LogId = @log AND Version < @counted LIMIT @limit`,
		Params: map[string]any{"log": l.ID(), "counted": l.Counted.Version, "limit": spendChunk},
	}
	err = db.single().Query(ctx, stmt).Do(func(row *spanner.Row) error {
		var version, piece int64
		var wallet string
		err := row.Columns(&version, &wallet, &piece)
		keys = append(keys, spanner.Key{l.ID(), version, wallet, piece})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: read what is superseded of %s: %w", l.Name, err)
	}
	return keys, nil
}
