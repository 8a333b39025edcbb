package chain

import (
	"context"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Transfer is USDC that left the treasury.
type Transfer struct {
	Block    uint64
	Tx       common.Hash
	LogIndex uint64
	To       common.Address
	Value    ledger.Micros
	Nonce    common.Hash // of the authorization that made it; zero for a plain transfer
}

// TransfersFrom yields every transfer from the treasury in blocks from to to,
// in order. Whoever must not be surprised by a reorganisation asks up to the
// safe block only.
//
// Plain transfers of nothing are left out: anybody can have the token report
// one in anybody's name (transferFrom needs no allowance for it), and people do,
// so that victims copy a wrong address from their history.
func (c *Client) TransfersFrom(ctx context.Context, token, treasury common.Address, from, to uint64, yield func(Transfer) error) error {
	f := filter{contract: token, events: []common.Hash{topicUsed, topicTransfer, topicCanceled}, first: common.BytesToHash(treasury[:])}
	return c.logs(ctx, f, from, to, func(logs []*types.Log) error {
		for len(logs) > 0 {
			n := 1
			for n < len(logs) && logs[n].TxHash == logs[0].TxHash {
				n++
			}
			found, err := transfers(logs[:n], token, treasury)
			if err != nil {
				return err
			}
			logs = logs[n:]
			for _, t := range found {
				if err := yield(t); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// TransfersIn are the transfers from the treasury in one transaction, as
// TransfersFrom yields them; none when it is in no canonical block, or
// reverted.
func (c *Client) TransfersIn(ctx context.Context, token, treasury common.Address, tx common.Hash) ([]Transfer, error) {
	r, err := c.minedReceipt(ctx, tx)
	if err != nil || r == nil || !r.succeeded() {
		return nil, err
	}
	return transfers(r.Logs, token, treasury)
}

func transfers(logs []*types.Log, token, treasury common.Address) ([]Transfer, error) {
	all, err := entries(logs, token, treasury)
	if err != nil {
		return nil, err
	}
	var out []Transfer
	for _, e := range all {
		if e.canceled || e.nonce == nil && e.value == 0 {
			continue
		}
		t := Transfer{Block: e.log.BlockNumber, Tx: e.log.TxHash, LogIndex: uint64(e.log.Index), To: e.to, Value: e.value}
		if e.nonce != nil {
			t.Nonce = *e.nonce
		}
		out = append(out, t)
	}
	return out, nil
}

// LogTransaction is a transaction to the log address. Anybody can send one.
type LogTransaction struct {
	Block    uint64
	Index    uint64 // in the block
	Time     int64  // of the block, unix seconds
	Tx       common.Hash
	Sender   common.Address
	Calldata []byte
}

// LogTransactionsOf yields the transactions of one sender to the log address in
// blocks from to to, in order. It reads only the blocks that hold one, found by
// halving the range by the sender's account nonce, which proves that none is
// left out. The node must know the state at old blocks (an archive node).
func (c *Client) LogTransactionsOf(ctx context.Context, sender, logAddress common.Address, from, to uint64, yield func(LogTransaction) error) error {
	if from > to {
		return nil
	}
	var before uint64
	var err error
	if from > 0 {
		if before, err = c.accountNonce(ctx, sender, hexutil.EncodeUint64(from-1)); err != nil {
			return err
		}
	}
	after, err := c.accountNonce(ctx, sender, hexutil.EncodeUint64(to))
	if err != nil {
		return err
	}
	return c.halve(ctx, nonceRange{sender, from, to, before, after}, 0, after, func(b *fullBlock) error {
		return b.yield(logAddress, &sender, yield)
	})
}
