package spannerdb

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// RecordBroadcast notes a signed log transaction of a batch and its fees, in
// wei per gas, before it is sent: so whichever of a batch's transactions is
// mined, its hash is known. Recording it again changes only the time.
//
// Errors: ledger.ErrNotFound; ErrFinal when the batch's nonce is used, and then
// it must not be sent.
func (db *DB) RecordBroadcast(ctx context.Context, k ledger.BatchKey, txHash common.Hash, feeCap, tipCap *big.Int, now time.Time) error {
	_, err := db.readWrite(ctx, "record-broadcast", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		b, err := readBatch(ctx, tx, k)
		if err != nil {
			return err
		}
		if err := b.Broadcast(txHash, feeCap, tipCap, now); err != nil {
			return err
		}
		return tx.BufferWrite([]*spanner.Mutation{putBatch(b, now)})
	})
	if err != nil {
		return fmt.Errorf("do not send %s: %w", txHash, err)
	}
	return nil
}
