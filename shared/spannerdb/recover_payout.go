package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"google.golang.org/grpc/codes"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

var lostColumns = []string{"Worker", "PayoutSeq", "Results", "RewardMicros"}

// RecoverPayout posts a payout of the time that this database lost by being
// restored to an earlier hour, as the chain and the result log show it: what is
// pending becomes the payout, and is booked as paid if it was. What it was paid
// for beyond the results that anybody has is credited with it, and said in the
// result log, unless inLog: the log says so from before. Nothing is signed or
// sent. Doing it again changes nothing.
//
// Error: ledger.ErrMove when the books hold something else under that number.
func (db *DB) RecoverPayout(ctx context.Context, r ledger.Recovered, policy ledger.PayoutPolicy, inLog bool, now time.Time) error {
	if err := errors.Join(policy.Validate(), r.Check()); err != nil {
		return err
	}
	stmt := spanner.Statement{
		SQL:    fmt.Sprintf(confirmQuery, selectPayout, selectCredits),
		Params: map[string]any{"worker": addressText(r.ID.Worker), "seq": r.ID.Seq},
	}
	err := db.recover(ctx, "recover-payout", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		var found struct {
			Payouts []*payoutRow
			Credits []*creditRow
		}
		if err := queryOne(ctx, tx, stmt, &found); err != nil {
			return fmt.Errorf("read payout %s: %w", r.ID, err)
		}
		books := ledger.NewCredits()
		if len(found.Credits) > 0 {
			books = found.Credits[0].credits()
		}
		if books.PayoutSeq == r.ID.Seq+1 { // after a lost answer
			return recovered(r, found.Payouts)
		}
		p, err := books.Recover(r, policy, now)
		if err != nil {
			return err
		}
		credits := creditChanges(r.ID.Worker, books, now)
		var writes []*spanner.Mutation
		if p != nil {
			writes = append(writes, insertPayout(*p, now))
			if p.State == ledger.Confirmed {
				credits["LastPayoutAt"], credits["LastPayoutTx"] = now.UTC(), nullHash(p.UsdcTx)
			}
		}
		if r.Lost != nil {
			writes = append(writes, insertLost(r, now))
		}
		if r.Lost != nil && !r.Skip && !inLog {
			writes = append(writes, insertEntry(resultlog.LostEntry(r, now)))
		}
		return tx.BufferWrite(append(writes, spanner.InsertOrUpdateMap("WorkerCredits", credits)))
	})
	return err
}

// recover is readWrite for what inserts. Only a commit that was sent twice,
// because its first answer was lost, can insert what the transaction saw missing;
// a new one sees it.
func (db *DB) recover(ctx context.Context, tag string, fn func(context.Context, *spanner.ReadWriteTransaction) error) error {
	_, err := db.readWrite(ctx, tag, fn)
	if spanner.ErrCode(err) == codes.AlreadyExists {
		_, err = db.readWrite(ctx, tag, fn)
	}
	return err
}

// recovered is nil when the books are as RecoverPayout leaves them.
func recovered(r ledger.Recovered, rows []*payoutRow) error {
	if len(rows) == 0 && r.Skip {
		return nil
	}
	if len(rows) == 1 && !r.Skip {
		p, err := rows[0].payout()
		if err != nil || p.Amount == r.Amount() && p.UsdcTx == r.Tx {
			return err
		}
	}
	return fmt.Errorf("recover payout %s: the books have another one under its number: %w", r.ID, ledger.ErrMove)
}

func insertLost(r ledger.Recovered, now time.Time) *spanner.Mutation {
	return spanner.InsertMap("LostResults", map[string]any{
		"Worker": addressText(r.ID.Worker), "PayoutSeq": r.ID.Seq, "Results": r.Lost.Count, "RewardMicros": int64(r.Lost.Sum),
		"Reason": clip(r.Lost.Reason, 1024), "CreatedAt": now.UTC(),
	})
}
