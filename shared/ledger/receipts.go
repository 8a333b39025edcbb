package ledger

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// BatchKey names a receipt batch: one transaction of the log sender's account.
type BatchKey struct {
	Sender       common.Address
	AccountNonce uint64
}

// BatchState is where a receipt batch stands.
type BatchState string

// The states of a receipt batch.
const (
	BatchOpen      BatchState = "open"      // reserved; perhaps sent
	BatchConfirmed BatchState = "confirmed" // one of its transactions is in a safe block
	BatchAdopted   BatchState = "adopted"   // its nonce was used by a transaction that this database did not write, or has forgotten
)

// ReceiptBatch is the receipts of some payouts and the log transaction that
// carries them. It is stored before anything is sent. The batches of a sender
// are all that its account nonces were ever used for, without a gap: so a
// database that was restored to an earlier hour can tell that there are log
// transactions it does not know (NonceGap).
type ReceiptBatch struct {
	BatchKey
	LogAddress   common.Address
	Calldata     []byte
	ReceiptCount int64
	State        BatchState
	TxHashes     []common.Hash // every transaction ever signed for it, oldest first
	FeeCap       *big.Int      // wei per gas, of the latest transaction; nil before the first
	TipCap       *big.Int
	SentAt       time.Time // when the latest was recorded, just before it was sent
	LogTx        common.Hash
	LogBlock     uint64
	CreatedAt    time.Time
}

// String is "0x<sender>/<account nonce>".
func (k BatchKey) String() string {
	return fmt.Sprintf("%s/%d", CanonicalAddress(k.Sender), k.AccountNonce)
}

// Broadcast notes a transaction that is about to be sent for the batch, and
// its fees. Error: ErrFinal; it must not be sent then.
func (b *ReceiptBatch) Broadcast(tx common.Hash, feeCap, tipCap *big.Int, now time.Time) error {
	switch {
	case b.State != BatchOpen:
		return fmt.Errorf("receipt batch %s is %s: %w", b.BatchKey, b.State, ErrFinal)
	case tx == common.Hash{} || feeCap == nil || tipCap == nil:
		return fmt.Errorf("ledger: receipt batch %s: broadcast without hash or fees", b.BatchKey)
	}
	if !slices.Contains(b.TxHashes, tx) {
		b.TxHashes = append(slices.Clone(b.TxHashes), tx)
	}
	b.FeeCap, b.TipCap, b.SentAt = feeCap, tipCap, now
	return nil
}

// Confirm notes that tx carries the batch, in a safe block. changed is false
// when that was known. Error: ErrConflict when tx is none of its own, or
// another one was confirmed.
func (b *ReceiptBatch) Confirm(tx common.Hash, block uint64) (changed bool, err error) {
	switch {
	case !slices.Contains(b.TxHashes, tx):
		return false, fmt.Errorf("receipt batch %s: %s was never recorded for it: %w", b.BatchKey, tx, ErrConflict)
	case b.State != BatchOpen && b.LogTx != tx:
		return false, fmt.Errorf("receipt batch %s is in %s, now in %s: %w", b.BatchKey, b.LogTx, tx, ErrConflict)
	case b.State != BatchOpen:
		return false, nil
	}
	b.State, b.LogTx, b.LogBlock = BatchConfirmed, tx, block
	return true, nil
}

// NonceUse is what one account nonce of a log sender was used for on chain, in
// a safe block.
type NonceUse struct {
	BatchKey
	Tx       common.Hash
	Block    uint64
	To       common.Address // zero: it made a contract
	Calldata []byte
	Receipts []PayoutID // of the receipts that it carries; none if it is no log transaction
}

// Adopt makes the batch what its account nonce was used for, by a transaction
// that was never recorded for it. carried says that this is one with the
// batch's own receipts: then the batch is confirmed by it. Else the batch can
// never be mined: it becomes AdoptedBatch, and its payouts need another one.
// changed is false when that was known. Error: ErrConflict when the nonce is
// known to have been used by yet another transaction.
func (b *ReceiptBatch) Adopt(u NonceUse, now time.Time) (changed, carried bool, err error) {
	switch {
	case u.BatchKey != b.BatchKey || u.Tx == common.Hash{}:
		return false, false, fmt.Errorf("ledger: receipt batch %s cannot be what %s was used for by %s", b.BatchKey, u.BatchKey, u.Tx)
	case b.State != BatchOpen && b.LogTx != u.Tx:
		return false, false, fmt.Errorf("receipt batch %s is in %s, now in %s: %w", b.BatchKey, b.LogTx, u.Tx, ErrConflict)
	case b.State != BatchOpen:
		return false, false, nil
	case !slices.Contains(b.TxHashes, u.Tx) && (u.To != b.LogAddress || !bytes.Equal(u.Calldata, b.Calldata)):
		*b = AdoptedBatch(u, now)
		return true, false, nil
	case !slices.Contains(b.TxHashes, u.Tx):
		b.TxHashes = append(slices.Clone(b.TxHashes), u.Tx)
	}
	changed, err = b.Confirm(u.Tx, u.Block)
	return changed, true, err
}

// AdoptedBatch stands for a transaction that is known from the chain alone. Of
// one that carries no receipts the calldata is nobody's business.
func AdoptedBatch(u NonceUse, now time.Time) ReceiptBatch {
	b := ReceiptBatch{
		BatchKey: u.BatchKey, LogAddress: u.To, Calldata: []byte{}, ReceiptCount: int64(len(u.Receipts)), State: BatchAdopted,
		TxHashes: []common.Hash{u.Tx}, LogTx: u.Tx, LogBlock: u.Block, CreatedAt: now,
	}
	if len(u.Receipts) > 0 {
		b.Calldata = u.Calldata
	}
	return b
}
