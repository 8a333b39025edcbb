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
  ARRAY(SELECT AS STRUCT a.Worker, a.Seq, a.Sender, a.AccountNonce, b.LogTx
    FROM UNNEST(@ids) AS k JOIN@{FORCE_JOIN_ORDER=TRUE, JOIN_METHOD=APPLY_JOIN} AdoptedReceipts AS a ON a.Worker = k.Worker AND a.Seq = k.Seq
    JOIN@{JOIN_METHOD=APPLY_JOIN} ReceiptBatches AS b ON b.Sender = a.Sender AND b.AccountNonce = a.AccountNonce) AS Adopted,
  @from = 0 OR EXISTS(SELECT 1 FROM ReceiptBatches WHERE Sender = @sender AND AccountNonce = @from - 1) AS Known,
  IFNULL((SELECT MAX(AccountNonce) + 1 FROM ReceiptBatches WHERE Sender = @sender AND AccountNonce >= @from), @from) AS Nonce`

// ReserveReceipts gives up to limit confirmed payouts that wait for a receipt,
// those first that have waited longest, to a new batch of the log sender's,
// and returns it, or nil when none waits. Its account nonce is the one after
// the sender's last batch, but at least chainNonce, the account's next. Of
// those that wait, the ones whose receipt is on chain already, adopted from
// there (AdoptNonce), are only told so. encode makes the calldata; it must be
// pure, and may be called more than once.
//
// After a lost answer nothing waits any more, and the batch is found among
// OpenReceiptBatches: a sender looks there first.
//
// Error: ledger.NonceGap when the account has used nonces that no batch stands
// for. Nothing is reserved then: what they carry has to be adopted first.
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
		r, err := readReserve(ctx, tx, sender, chainNonce, ids)
		if err != nil {
			return fmt.Errorf("read %d payouts without a receipt: %w", len(ids), err)
		}
		writes := make([]*spanner.Mutation, 0, len(ids)+1)
		for _, p := range r.adopted {
			writes = append(writes, updatePayout(p, now))
		}
		if len(r.payouts) == 0 {
			return tx.BufferWrite(writes)
		}
		calldata, err := encode(r.payouts)
		if err != nil {
			return fmt.Errorf("encode %d receipts: %w", len(r.payouts), err)
		}
		b := ledger.ReceiptBatch{
			BatchKey:   ledger.BatchKey{Sender: sender, AccountNonce: r.nonce},
			LogAddress: logAddress, Calldata: calldata, ReceiptCount: int64(len(r.payouts)),
			State: ledger.BatchOpen, CreatedAt: now.UTC(),
		}
		writes = append(writes, putBatch(b, now))
		for _, p := range r.payouts {
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

// reserve is what ReserveReceipts works on.
type reserve struct {
	payouts []ledger.Payout // those that still wait, in the order of ids
	adopted []ledger.Payout // those whose receipt is on chain, with its place filled in
	nonce   uint64          // the sender's first from chainNonce on that is beyond all batches
}

// readReserve reads it. Batches below chainNonce, nearly all there are, are not
// read, but for the last one.
func readReserve(ctx context.Context, tx *spanner.ReadWriteTransaction, sender common.Address, chainNonce uint64, ids []ledger.PayoutID) (reserve, error) {
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
		Adopted []*adoptedRow
		Known   bool
		Nonce   int64
	}
	err := queryOne(ctx, tx, spanner.Statement{
		SQL:    fmt.Sprintf(reserveQuery, selectPayout),
		Params: map[string]any{"ids": keys, "sender": addressText(sender), "from": int64(chainNonce)},
	}, &found)
	if err != nil {
		return reserve{}, err
	}
	if !found.Known {
		return reserve{}, nonceGap(ctx, tx, sender, chainNonce)
	}
	adopted := map[key]*adoptedRow{}
	for _, a := range found.Adopted {
		adopted[key{a.Worker, a.Seq}] = a
	}
	r, byID := reserve{nonce: uint64(found.Nonce)}, map[ledger.PayoutID]ledger.Payout{}
	for _, row := range found.Payouts {
		p, err := row.payout()
		if err != nil {
			return reserve{}, err
		}
		if p.State != ledger.Confirmed || p.ReceiptBatch != nil {
			return reserve{}, fmt.Errorf("payout %s is %s and waits for a receipt: %w", p.ID, p.State, ledger.ErrBooks)
		}
		a := adopted[key{row.Worker, row.Seq}]
		if a == nil {
			byID[p.ID] = p
			continue
		}
		if p, err = a.receipt(p); err != nil {
			return reserve{}, err
		}
		r.adopted = append(r.adopted, p)
	}
	for _, id := range ids {
		if p, ok := byID[id]; ok {
			r.payouts = append(r.payouts, p)
		}
	}
	return r, nil
}

// adoptedRow is a receipt of a payout that was found on chain.
type adoptedRow struct {
	Worker       string
	Seq          int64
	Sender       string
	AccountNonce int64
	LogTx        spanner.NullString
}

// receipt is the payout with the place of its receipt.
func (a *adoptedRow) receipt(p ledger.Payout) (ledger.Payout, error) {
	var d decoder
	p.ReceiptBatch = &ledger.BatchKey{Sender: d.address(a.Sender), AccountNonce: uint64(a.AccountNonce)}
	p.LogTx, p.ReceiptDueAt = d.hash(a.LogTx), time.Time{}
	return p, d.err
}

// nonceGap says which nonces below chainNonce no batch stands for.
func nonceGap(ctx context.Context, tx *spanner.ReadWriteTransaction, sender common.Address, chainNonce uint64) error {
	var found struct{ From int64 }
	err := queryOne(ctx, tx, spanner.Statement{
		SQL: `SELECT IFNULL((SELECT AccountNonce + 1 FROM ReceiptBatches
WHERE Sender = @sender AND AccountNonce < @to ORDER BY AccountNonce DESC LIMIT 1), 0) AS ` + "`From`",
		Params: map[string]any{"sender": addressText(sender), "to": int64(chainNonce)},
	}, &found)
	if err != nil {
		return err
	}
	return &ledger.NonceGap{Sender: sender, From: uint64(found.From), To: chainNonce}
}
