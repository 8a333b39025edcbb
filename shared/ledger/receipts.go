package ledger

import (
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
	BatchReplaced  BatchState = "replaced"  // a foreign transaction used its nonce; another batch took over
)

// ReceiptBatch is the receipts of some payouts and the log transaction that
// carries them. It is stored before anything is sent.
type ReceiptBatch struct {
	BatchKey
	LogAddress   common.Address
	Calldata     []byte
	ReceiptCount int64
	State        BatchState
	ReplacedBy   uint64        // account nonce of the batch that took over; BatchReplaced only
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
// when that was known. Errors: ErrFinal when the batch was replaced;
// ErrConflict when tx is none of its own, or another one was confirmed.
func (b *ReceiptBatch) Confirm(tx common.Hash, block uint64) (changed bool, err error) {
	switch {
	case b.State == BatchReplaced:
		return false, fmt.Errorf("receipt batch %s is replaced by nonce %d: %w", b.BatchKey, b.ReplacedBy, ErrFinal)
	case !slices.Contains(b.TxHashes, tx):
		return false, fmt.Errorf("receipt batch %s: %s was never recorded for it: %w", b.BatchKey, tx, ErrConflict)
	case b.State == BatchConfirmed && b.LogTx != tx:
		return false, fmt.Errorf("receipt batch %s is in %s, now in %s: %w", b.BatchKey, b.LogTx, tx, ErrConflict)
	case b.State == BatchConfirmed:
		return false, nil
	}
	b.State, b.LogTx, b.LogBlock = BatchConfirmed, tx, block
	return true, nil
}

// Reassign ends the batch and returns the one that takes over, with the same
// receipts and another account nonce, not sent yet. Error: ErrFinal.
func (b *ReceiptBatch) Reassign(nonce uint64, now time.Time) (ReceiptBatch, error) {
	switch {
	case b.State != BatchOpen:
		return ReceiptBatch{}, fmt.Errorf("receipt batch %s is %s: %w", b.BatchKey, b.State, ErrFinal)
	case nonce <= b.AccountNonce:
		return ReceiptBatch{}, fmt.Errorf("ledger: receipt batch %s: account nonce %d is not beyond it", b.BatchKey, nonce)
	}
	fresh := ReceiptBatch{
		BatchKey:   BatchKey{Sender: b.Sender, AccountNonce: nonce},
		LogAddress: b.LogAddress, Calldata: b.Calldata, ReceiptCount: b.ReceiptCount, State: BatchOpen, CreatedAt: now,
	}
	b.State, b.ReplacedBy = BatchReplaced, nonce
	return fresh, nil
}
