package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

const reserveQuery = `SELECT
  ARRAY(SELECT AS STRUCT p.* FROM UNNEST(@ids) AS k JOIN@{FORCE_JOIN_ORDER=TRUE, JOIN_METHOD=APPLY_JOIN}
    (SELECT %s FROM WorkerPayouts) AS p ON p.Worker = k.Worker AND p.Seq = k.Seq
    WHERE p.ReceiptDueAt IS NOT NULL) AS Payouts,
  IFNULL((SELECT MAX(AccountNonce) + 1 FROM ReceiptBatches WHERE Sender = @sender AND AccountNonce >= @from), @from) AS Nonce`

// ReserveReceipts gives up to limit confirmed payouts that wait for a receipt,
// those first that have waited longest, to a new batch of the log sender's,
// and returns it, or nil when none waits. Its account nonce is the one after
// the sender's last batch, but at least chainNonce. encode makes the
// calldata; it must be pure, and may be called more than once.
//
// After a lost answer nothing waits any more, and the batch is found among
// OpenReceiptBatches: a sender looks there first.
func (db *DB) ReserveReceipts(ctx context.Context, sender, logAddress common.Address, chainNonce uint64, limit int, now time.Time, encode func([]ledger.Payout) ([]byte, error)) (*ledger.ReceiptBatch, error) {
	// The candidates are found without locks, so that the booking of payouts
	// goes on undisturbed.
	ids, err := db.duePayouts(ctx, "PayoutsByReceiptDue", "ReceiptDueAt", now, limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var out *ledger.ReceiptBatch
	_, err = db.readWrite(ctx, "reserve-receipts", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		out = nil
		payouts, nonce, err := readReserve(ctx, tx, sender, chainNonce, ids)
		if err != nil {
			return fmt.Errorf("read %d payouts without a receipt: %w", len(ids), err)
		}
		if len(payouts) == 0 {
			return nil
		}
		calldata, err := encode(payouts)
		if err != nil {
			return fmt.Errorf("encode %d receipts: %w", len(payouts), err)
		}
		b := ledger.ReceiptBatch{
			BatchKey:   ledger.BatchKey{Sender: sender, AccountNonce: nonce},
			LogAddress: logAddress, Calldata: calldata, ReceiptCount: int64(len(payouts)),
			State: ledger.BatchOpen, CreatedAt: now.UTC(),
		}
		writes := []*spanner.Mutation{putBatch(b, now)}
		for _, p := range payouts {
			p.ReceiptDueAt, p.ReceiptBatch = time.Time{}, &b.BatchKey
			writes = append(writes, updatePayout(p, now))
		}
		out = &b
		return tx.BufferWrite(writes)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// readReserve reads those of the payouts that still wait, in the order of
// ids, and the sender's first account nonce from the given one on that is
// beyond all batches. Batches below it, nearly all there are, are not read.
func readReserve(ctx context.Context, tx *spanner.ReadWriteTransaction, sender common.Address, from uint64, ids []ledger.PayoutID) ([]ledger.Payout, uint64, error) {
	type key struct {
		Worker string
		Seq    int64
	}
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = key{addressText(id.Worker), id.Seq}
	}
	var found struct {
		Payouts []*payoutRow
		Nonce   int64
	}
	err := queryOne(ctx, tx, spanner.Statement{
		SQL:    fmt.Sprintf(reserveQuery, selectPayout),
		Params: map[string]any{"ids": keys, "sender": addressText(sender), "from": int64(from)},
	}, &found)
	if err != nil {
		return nil, 0, err
	}
	byID := map[ledger.PayoutID]ledger.Payout{}
	for _, r := range found.Payouts {
		p, err := r.payout()
		if err != nil {
			return nil, 0, err
		}
		if p.State != ledger.Confirmed || p.ReceiptBatch != nil {
			return nil, 0, fmt.Errorf("payout %s is %s and waits for a receipt: %w", p.ID, p.State, ledger.ErrBooks)
		}
		byID[p.ID] = p
	}
	var payouts []ledger.Payout
	for _, id := range ids {
		if p, ok := byID[id]; ok {
			payouts = append(payouts, p)
		}
	}
	return payouts, uint64(found.Nonce), nil
}
