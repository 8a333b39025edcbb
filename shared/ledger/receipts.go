package ledger

import (
	"math/big"
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
