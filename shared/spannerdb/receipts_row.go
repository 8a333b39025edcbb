package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// batchRow is ReceiptBatches as it is read.
type batchRow struct {
	Sender       string
	AccountNonce int64
	LogAddress   string
	Calldata     []byte
	ReceiptCount int64
	State        string
	TxHashes     []string
	FeeCapWei    spanner.NullNumeric
	TipCapWei    spanner.NullNumeric
	SentAt       spanner.NullTime
	LogTx        spanner.NullString
	LogBlock     spanner.NullInt64
	CreatedAt    time.Time
}

var (
	batchColumns = []string{"Sender", "AccountNonce", "LogAddress", "Calldata", "ReceiptCount", "State", "TxHashes",
		"FeeCapWei", "TipCapWei", "SentAt", "LogTx", "LogBlock", "CreatedAt"}
	selectBatch = strings.Join(batchColumns, ", ")
)

func (r *batchRow) batch() (ledger.ReceiptBatch, error) {
	var d decoder
	b := ledger.ReceiptBatch{
		BatchKey:   ledger.BatchKey{Sender: d.address(r.Sender), AccountNonce: uint64(r.AccountNonce)},
		LogAddress: d.address(r.LogAddress), Calldata: r.Calldata, ReceiptCount: r.ReceiptCount,
		State:  ledger.BatchState(r.State),
		SentAt: timeOf(r.SentAt), LogTx: d.hash(r.LogTx), LogBlock: uint64(r.LogBlock.Int64), CreatedAt: r.CreatedAt.UTC(),
	}
	for _, h := range r.TxHashes {
		b.TxHashes = append(b.TxHashes, d.hash(nullString(h)))
	}
	if r.FeeCapWei.Valid {
		b.FeeCap = new(big.Int).Set(r.FeeCapWei.Numeric.Num())
	}
	if r.TipCapWei.Valid {
		b.TipCap = new(big.Int).Set(r.TipCapWei.Numeric.Num())
	}
	if d.err != nil {
		return ledger.ReceiptBatch{}, fmt.Errorf("receipt batch %s/%d: %w", r.Sender, r.AccountNonce, d.err)
	}
	return b, nil
}

// putBatch writes the whole row.
func putBatch(b ledger.ReceiptBatch, now time.Time) *spanner.Mutation {
	hashes := make([]string, len(b.TxHashes))
	for i, h := range b.TxHashes {
		hashes[i] = hexText(h[:])
	}
	open := spanner.NullTime{}
	if b.State == ledger.BatchOpen {
		open = nullTime(b.CreatedAt)
	}
	return spanner.InsertOrUpdateMap("ReceiptBatches", map[string]any{
		"Sender": addressText(b.Sender), "AccountNonce": int64(b.AccountNonce), "LogAddress": addressText(b.LogAddress),
		"Calldata": b.Calldata, "ReceiptCount": b.ReceiptCount, "State": string(b.State), "OpenSince": open,
		"TxHashes": hashes, "FeeCapWei": nullWei(b.FeeCap), "TipCapWei": nullWei(b.TipCap), "SentAt": nullTime(b.SentAt),
		"LogTx": nullHash(b.LogTx), "LogBlock": nullInt(int64(b.LogBlock)),
		"CreatedAt": b.CreatedAt.UTC(), "UpdatedAt": now.UTC(),
	})
}

func nullWei(n *big.Int) spanner.NullNumeric {
	if n == nil {
		return spanner.NullNumeric{}
	}
	return spanner.NullNumeric{Numeric: *new(big.Rat).SetInt(n), Valid: true}
}

func batchKey(k ledger.BatchKey) spanner.Key {
	return spanner.Key{addressText(k.Sender), int64(k.AccountNonce)}
}

func readBatch(ctx context.Context, tx *spanner.ReadWriteTransaction, k ledger.BatchKey) (ledger.ReceiptBatch, error) {
	row, err := tx.ReadRow(ctx, "ReceiptBatches", batchKey(k), batchColumns)
	if errors.Is(err, spanner.ErrRowNotFound) {
		return ledger.ReceiptBatch{}, fmt.Errorf("receipt batch %s: %w", k, ledger.ErrNotFound)
	}
	var r batchRow
	if err == nil {
		err = row.ToStruct(&r)
	}
	if err != nil {
		return ledger.ReceiptBatch{}, fmt.Errorf("read receipt batch %s: %w", k, err)
	}
	return r.batch()
}

// batchPayouts are the payouts of a batch.
func batchPayouts(ctx context.Context, tx *spanner.ReadWriteTransaction, k ledger.BatchKey) ([]ledger.Payout, error) {
	return queryPayouts(ctx, tx, spanner.Statement{
		SQL: "SELECT " + selectPayout + " FROM WorkerPayouts@{FORCE_INDEX=PayoutsByReceiptBatch, " + skipNullCheck + `}
WHERE ReceiptSender = @sender AND ReceiptNonce = @nonce`,
		Params: map[string]any{"sender": addressText(k.Sender), "nonce": int64(k.AccountNonce)},
	})
}

func queryPayouts(ctx context.Context, tx *spanner.ReadWriteTransaction, stmt spanner.Statement) ([]ledger.Payout, error) {
	var out []ledger.Payout
	err := tx.Query(ctx, stmt).Do(func(row *spanner.Row) error {
		p, err := decodePayout(row)
		out = append(out, p)
		return err
	})
	return out, err
}
