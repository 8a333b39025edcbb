package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// spendChunk keeps a commit well below Spanner's limit of 80,000 mutations; a
// row counts one for each column.
const spendChunk = 2_000

// Fence is the lease under which spend is counted. Every write checks that it
// is still the owner's, so that one who was overtaken changes nothing: what
// its owner read stays true until it writes.
type Fence struct{ Lease, Owner string }

// fenced commits writes if the fence stands. Error: ledger.ErrLeaseLost.
func (db *DB) fenced(ctx context.Context, tag string, f Fence, writes []*spanner.Mutation) error {
	_, err := db.readWrite(ctx, tag, func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		var holder string
		row, err := tx.ReadRow(ctx, "Leases", spanner.Key{f.Lease}, []string{"Owner"})
		if errors.Is(err, spanner.ErrRowNotFound) {
			return fmt.Errorf("lease %s: %w", f.Lease, ledger.ErrLeaseLost)
		}
		if err == nil {
			err = row.Column(0, &holder)
		}
		if err != nil {
			return fmt.Errorf("read lease %s: %w", f.Lease, err)
		}
		if holder != f.Owner {
			return fmt.Errorf("lease %s: %w", f.Lease, ledger.ErrLeaseLost)
		}
		return tx.BufferWrite(writes)
	})
	return err
}

// spendLogRow is a row of SpendLogs.
type spendLogRow struct {
	Day, Name, LogId                                       string
	CountedVersion, CountedGeneration                      int64
	CountedReader                                          string
	CountedLines, CountedBroken                            int64
	StagedVersion, StagedGeneration                        int64
	StagedReader                                           string
	StagedOffset, StagedPieces                             int64
	StagedDone                                             bool
	StagedLines, StagedBroken, StagedFailed, StagedRounded int64
	ReplacedVersion                                        spanner.NullInt64
	UpdatedAt                                              time.Time
}

func putSpendLog(l reputation.SpendLog, now time.Time) (*spanner.Mutation, error) {
	row := spendLogRow{
		Day: l.Day, Name: l.Name, LogId: l.ID(),
		CountedVersion: l.Counted.Version, CountedGeneration: l.Counted.Generation, CountedReader: l.Counted.Reader,
		CountedLines: l.Counted.Count.Lines, CountedBroken: l.Counted.Count.Broken,
		StagedVersion: l.Staged.Version, StagedGeneration: l.Staged.Generation, StagedReader: l.Staged.Reader,
		StagedOffset: l.Staged.Offset, StagedPieces: l.Staged.Pieces, StagedDone: l.Staged.Done,
		StagedLines: l.Staged.Count.Lines, StagedBroken: l.Staged.Count.Broken,
		StagedFailed: l.Staged.Count.Failed, StagedRounded: l.Staged.Count.Rounded,
		UpdatedAt: now.UTC(),
	}
	if l.Replaced != nil {
		row.ReplacedVersion = spanner.NullInt64{Int64: *l.Replaced, Valid: true}
	}
	return spanner.InsertOrUpdateStruct("SpendLogs", row)
}

// SpendLogs are all logs that were ever read, by day and name.
func (db *DB) SpendLogs(ctx context.Context) ([]reputation.SpendLog, error) {
	var out []reputation.SpendLog
	stmt := spanner.Statement{SQL: `SELECT * FROM SpendLogs ORDER BY Day, Name`}
	err := db.single().Query(ctx, stmt).Do(func(row *spanner.Row) error {
		var r spendLogRow
		if err := row.ToStruct(&r); err != nil {
			return err
		}
		l := reputation.SpendLog{
			LogName: reputation.LogName{Name: r.Name, Day: r.Day},
			Counted: reputation.Edition{
				Version: r.CountedVersion, Generation: r.CountedGeneration, Reader: r.CountedReader, Done: r.CountedVersion > 0,
				Count: reputation.Count{Lines: r.CountedLines, Broken: r.CountedBroken},
			},
			Staged: reputation.Edition{
				Version: r.StagedVersion, Generation: r.StagedGeneration, Reader: r.StagedReader, Offset: r.StagedOffset, Pieces: r.StagedPieces, Done: r.StagedDone,
				Count: reputation.Count{Lines: r.StagedLines, Broken: r.StagedBroken, Failed: r.StagedFailed, Rounded: r.StagedRounded},
			},
		}
		if r.ReplacedVersion.Valid {
			l.Replaced = &r.ReplacedVersion.Int64
		}
		out = append(out, l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: read the spend logs: %w", err)
	}
	return out, nil
}

// StageSpend stores one piece of l.Staged, its number Pieces - 1, and then l
// itself: until that last commit the piece counts as not read, and is stored
// again over what is there. Nothing of it counts in any total yet.
func (db *DB) StageSpend(ctx context.Context, f Fence, l reputation.SpendLog, piece []reputation.WalletTotal, now time.Time) error {
	var writes []*spanner.Mutation
	for _, t := range piece {
		writes = append(writes, spanner.InsertOrUpdateMap("SpendTotals", map[string]any{
			"LogId": l.ID(), "Version": l.Staged.Version, "Wallet": t.Wallet, "Piece": l.Staged.Pieces - 1, "Nano": int64(t.Total),
		}))
		if len(writes) == spendChunk {
			if err := db.fenced(ctx, "stage-spend", f, writes); err != nil {
				return err
			}
			writes = nil
		}
	}
	m, err := putSpendLog(l, now)
	if err != nil {
		return fmt.Errorf("spannerdb: %w", err)
	}
	return db.fenced(ctx, "stage-spend", f, append(writes, m))
}

// CountSpend makes the staged edition of l the one that counts. From here on
// the wallets' totals follow, by ApplySpend and SettleSpend.
func (db *DB) CountSpend(ctx context.Context, f Fence, l reputation.SpendLog, now time.Time) error {
	m, err := putSpendLog(l, now)
	if err != nil {
		return fmt.Errorf("spannerdb: %w", err)
	}
	return db.fenced(ctx, "count-spend", f, []*spanner.Mutation{m})
}
