package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// RecoverResults credits results of the time that this database lost, as parts
// of the result log have them: they become pending under payout number seq, each
// with the reward of then. It returns what was posted; results that are there
// already are left as they are, so doing it again posts nothing. A thousand at
// once are well below what a commit may hold.
//
// Errors: ledger.ErrMove when the worker's books are at another number;
// ErrConflict when another result stands under the key of one.
func (db *DB) RecoverResults(ctx context.Context, worker common.Address, seq int64, results []resultlog.InPart, now time.Time) (posted ledger.ResultSum, err error) {
	err = db.recover(ctx, "recover-results", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		posted = ledger.ResultSum{Seq: seq}
		missing, err := missingResults(ctx, tx, worker, results)
		if err != nil || len(missing) == 0 {
			return err
		}
		books, err := readCredits(ctx, tx, worker)
		if err != nil {
			return err
		}
		if books.PayoutSeq != seq {
			return fmt.Errorf("recover results of payout %s-%d: the books are at number %d: %w", addressText(worker), seq, books.PayoutSeq, ledger.ErrMove)
		}
		var writes []*spanner.Mutation
		counts := map[resultlog.PartName]int64{}
		for _, r := range missing {
			if _, err := books.Credit(r.Reward); err != nil {
				return err
			}
			submitted := ledger.SubmittedResult{Worker: worker, TaskID: r.Result.TaskID, At: time.UnixMilli(r.Result.Timestamp), Result: r.Result, ResultID: r.ResultID}
			_, key := keysOf(submitted)
			writes = append(writes, insertResult(submitted, key, r.Cycle, r.Reward, r.MultiplierBps, seq, r.AcceptedAt))
			counts[r.Part]++
			posted.Count++
			posted.Sum += r.Reward
		}
		parts, err := readParts(ctx, tx, slices.Collect(maps.Keys(counts))...)
		if err != nil {
			return err
		}
		for part, n := range counts {
			there := parts[part.ID]
			writes = append(writes, putPart(part, there.Results+n, there.CreatedAt, there.WrittenAt, now))
		}
		return tx.BufferWrite(append(writes, spanner.InsertOrUpdateMap("WorkerCredits", creditChanges(worker, books, now))))
	})
	if err != nil {
		return ledger.ResultSum{}, err
	}
	return posted, nil
}

// missingResults are those that the database does not have.
func missingResults(ctx context.Context, tx keyReader, worker common.Address, results []resultlog.InPart) ([]resultlog.InPart, error) {
	stored, err := storedResults(ctx, tx, worker, results)
	if err != nil {
		return nil, err
	}
	var out []resultlog.InPart
	for _, r := range results {
		id, known := stored[lineKey(worker, r)]
		if known && id != r.ResultID {
			return nil, fmt.Errorf("result %s of the log: the books have %s of that task and time: %w", r.ResultID, id, ledger.ErrConflict)
		}
		if !known {
			out = append(out, r)
		}
	}
	return out, nil
}

func readCredits(ctx context.Context, tx rowReader, worker common.Address) (ledger.Credits, error) {
	row, err := tx.ReadRow(ctx, "WorkerCredits", spanner.Key{addressText(worker)}, creditColumns)
	if errors.Is(err, spanner.ErrRowNotFound) {
		return ledger.NewCredits(), nil
	}
	var r creditRow
	if err == nil {
		err = row.ToStruct(&r)
	}
	if err != nil {
		return ledger.Credits{}, fmt.Errorf("read the books of worker %s: %w", addressText(worker), err)
	}
	return r.credits(), nil
}
