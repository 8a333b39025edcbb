package spannerdb

import (
	"context"
	"fmt"
	"slices"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

const openResultsQuery = `SELECT r.ResultId, r.RewardMicros, r.CreatedAt FROM WorkerResults@{FORCE_INDEX=ResultsByPayout} AS r
WHERE r.Worker = @worker AND r.PayoutSeq = @seq`

// recoverPage is how many results of the log are looked up at once.
const recoverPage = 1000

// RecoveryBooks are what one worker's books say that may have to be told of a
// lost time, in one snapshot: whether they have these results of the log, and
// which results are in no payout.
func (db *DB) RecoveryBooks(ctx context.Context, worker common.Address, lines []resultlog.InPart) (recovery.Books, error) {
	var out recovery.Books
	err := db.readOnly(ctx, func(ctx context.Context, tx *spanner.ReadOnlyTransaction) error {
		out = recovery.Books{Worker: worker, Stored: map[string]bool{}, Other: map[string]string{}}
		var err error
		if out.Credits, err = readCredits(ctx, tx, worker); err != nil {
			return err
		}
		for part := range slices.Chunk(lines, recoverPage) {
			stored, err := storedResults(ctx, tx, worker, part)
			if err != nil {
				return err
			}
			for _, l := range part {
				if id, known := stored[lineKey(worker, l)]; known && id != l.ResultID {
					out.Other[l.ResultID] = id
				} else if known {
					out.Stored[l.ResultID] = true
				}
			}
		}
		if out.Whole, err = wholePayouts(ctx, tx, worker, out.Credits.PayoutSeq, lines); err != nil {
			return err
		}
		return tx.Query(ctx, spanner.Statement{
			SQL: openResultsQuery, Params: map[string]any{"worker": addressText(worker), "seq": out.Credits.PayoutSeq},
		}).Do(func(row *spanner.Row) error {
			var r recovery.Result
			var reward int64
			err := row.Columns(&r.ID, &reward, &r.AcceptedAt)
			r.Reward = ledger.Micros(reward)
			out.Open = append(out.Open, r)
			return err
		})
	})
	if err != nil {
		return recovery.Books{}, fmt.Errorf("spannerdb: what the books know of worker %s: %w", addressText(worker), err)
	}
	return out, nil
}

// wholePayouts are the numbers of such results that were confirmed without lost
// ones.
func wholePayouts(ctx context.Context, tx keyReader, worker common.Address, next int64, lines []resultlog.InPart) (map[int64]bool, error) {
	var keys set[int64]
	for _, l := range lines {
		if l.Payout.Seq < next {
			keys.add(l.Payout.Seq)
		}
	}
	var rows []spanner.KeySet
	for _, seq := range keys.list {
		rows = append(rows, payoutKey(ledger.PayoutID{Worker: worker, Seq: seq}))
	}
	whole := map[int64]bool{}
	err := tx.Read(ctx, "WorkerPayouts", spanner.KeySets(rows...), []string{"Seq", "State"}).Do(func(row *spanner.Row) error {
		var seq int64
		var state string
		err := row.Columns(&seq, &state)
		whole[seq] = state == string(ledger.Confirmed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %d payouts: %w", len(rows), err)
	}
	err = tx.Read(ctx, "LostResults", spanner.KeySets(rows...), []string{"PayoutSeq"}).Do(func(row *spanner.Row) error {
		var seq int64
		err := row.Column(0, &seq)
		delete(whole, seq)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is lost of %d payouts: %w", len(rows), err)
	}
	return whole, nil
}

func lineKey(worker common.Address, l resultlog.InPart) resultKey {
	return resultKey{addressText(worker), l.Result.TaskID, l.Result.Timestamp}
}

// storedResults are the ids of those that the books have, by their keys.
func storedResults(ctx context.Context, tx keyReader, worker common.Address, lines []resultlog.InPart) (map[resultKey]string, error) {
	var keys []spanner.KeySet
	for _, l := range lines {
		if l.Lost == nil {
			keys = append(keys, spanner.Key{addressText(worker), l.Result.TaskID, l.Result.Timestamp})
		}
	}
	stored := map[resultKey]string{}
	err := tx.Read(ctx, "WorkerResults", spanner.KeySets(keys...), []string{"Worker", "TaskId", "TimestampMs", "ResultId"}).Do(func(row *spanner.Row) error {
		var k resultKey
		var id string
		err := row.Columns(&k.Worker, &k.TaskId, &k.TimestampMs, &id)
		stored[k] = id
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read which of %d results are there: %w", len(keys), err)
	}
	return stored, nil
}

// keyReader is what both kinds of transactions can do.
type keyReader interface {
	Read(ctx context.Context, table string, keys spanner.KeySet, columns []string) *spanner.RowIterator
}

const knownPartsQuery = `SELECT PartId, WrittenAt, RecoveredAt FROM ResultLogParts WHERE PartId IN UNNEST(@ids)`

// KnownParts says what the database knows of these files of the result log. One
// of which not all was recovered yet is not known.
func (db *DB) KnownParts(ctx context.Context, ids []string) (map[string]recovery.KnownPart, error) {
	known := map[string]recovery.KnownPart{}
	for page := range slices.Chunk(ids, recoverPage) {
		err := db.single().Query(ctx, spanner.Statement{SQL: knownPartsQuery, Params: map[string]any{"ids": page}}).Do(func(row *spanner.Row) error {
			var id string
			var written, recovered spanner.NullTime
			err := row.Columns(&id, &written, &recovered)
			switch {
			case !recovered.Valid:
				known[id] = recovery.OwnPart
			case written.Valid:
				known[id] = recovery.RecoveredPart
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("spannerdb: which files of the result log are known: %w", err)
		}
	}
	return known, nil
}

const treasuriesQuery = `SELECT DISTINCT Treasury FROM WorkerPayouts WHERE ChainId = @chain AND Token = @token`

// Treasuries are those of all payouts in that token. It reads every payout: it is
// for an operator, after a restore.
func (db *DB) Treasuries(ctx context.Context, chainID int64, token common.Address) (all []common.Address, err error) {
	params := map[string]any{"chain": chainID, "token": addressText(token)}
	err = db.single().Query(ctx, spanner.Statement{SQL: treasuriesQuery, Params: params}).Do(func(row *spanner.Row) error {
		var text string
		if err := row.Column(0, &text); err != nil {
			return err
		}
		a, err := parseAddress(text)
		all = append(all, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: treasuries of all payouts: %w", err)
	}
	return all, nil
}

const nextNumbersQuery = `SELECT Worker, PayoutSeq FROM WorkerCredits WHERE Worker IN UNNEST(@workers)`

// NextNumbers are the numbers of these workers' next payouts; of those without
// books there is none, and it is 1.
func (db *DB) NextNumbers(ctx context.Context, workers []common.Address) (map[common.Address]int64, error) {
	next := map[common.Address]int64{}
	for page := range slices.Chunk(workers, recoverPage) {
		names := make([]string, len(page))
		for i, w := range page {
			names[i] = addressText(w)
		}
		err := db.single().Query(ctx, spanner.Statement{SQL: nextNumbersQuery, Params: map[string]any{"workers": names}}).Do(func(row *spanner.Row) error {
			var name string
			var seq int64
			if err := row.Columns(&name, &seq); err != nil {
				return err
			}
			worker, err := parseAddress(name)
			next[worker] = seq
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("spannerdb: next payout numbers: %w", err)
		}
	}
	return next, nil
}
