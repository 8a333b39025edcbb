package chain

import (
	"context"
	"fmt"

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
func (c *Client) TransfersFrom(ctx context.Context, token, treasury common.Address, from, to uint64, yield func(Transfer) error) error {
	f := filter{contract: token, events: []common.Hash{topicUsed, topicTransfer, topicCanceled}, first: common.BytesToHash(treasury[:])}
	return c.logs(ctx, f, from, to, func(logs []*types.Log) error {
		for len(logs) > 0 {
			n := 1
			for n < len(logs) && logs[n].TxHash == logs[0].TxHash {
				n++
			}
			all, err := entries(logs[:n], token, treasury)
			if err != nil {
				return err
			}
			logs = logs[n:]
			for _, e := range all {
				if e.canceled {
					continue
				}
				t := Transfer{Block: e.log.BlockNumber, Tx: e.log.TxHash, LogIndex: uint64(e.log.Index), To: e.to, Value: e.value}
				if e.nonce != nil {
					t.Nonce = *e.nonce
				}
				if err := yield(t); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// LogTransaction is a transaction to the log address. Anybody can send one.
type LogTransaction struct {
	Block    uint64
	Time     int64 // of the block, unix seconds
	Tx       common.Hash
	Sender   common.Address
	Calldata []byte
}

// LogTransactions yields every transaction to the log address in blocks from
// to to, in order. No events tell of them, so it reads every block, whole:
// some 43,200 a day on Base.
func (c *Client) LogTransactions(ctx context.Context, logAddress common.Address, from, to uint64, yield func(LogTransaction) error) error {
	for number := from; number <= to; number++ {
		b, err := c.fullBlock(ctx, number)
		if err != nil {
			return err
		}
		if err := b.yield(logAddress, nil, yield); err != nil {
			return err
		}
		if err := sleep(ctx, c.limits.Pause); err != nil {
			return err
		}
	}
	return nil
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
	return c.halve(ctx, nonceRange{sender, logAddress, from, to, before, after}, yield)
}

// nonceRange is blocks from to to, in which a sender's nonce goes from before
// to after.
type nonceRange struct {
	sender, logAddress      common.Address
	from, to, before, after uint64
}

func (c *Client) halve(ctx context.Context, r nonceRange, yield func(LogTransaction) error) error {
	switch {
	case r.after < r.before:
		return fmt.Errorf("%w: the account nonce of %s falls from %d to %d in blocks %d to %d", ErrInconsistent, r.sender, r.before, r.after, r.from, r.to)
	case r.after == r.before:
		return nil
	case r.from == r.to:
		b, err := c.fullBlock(ctx, r.from)
		if err != nil {
			return err
		}
		if n := b.countFrom(r.sender); n != r.after-r.before {
			return fmt.Errorf("%w: block %d holds %d transactions of %s, whose nonce goes up by %d", ErrInconsistent, r.from, n, r.sender, r.after-r.before)
		}
		return b.yield(r.logAddress, &r.sender, yield)
	}
	middle := r.from + (r.to-r.from)/2
	nonce, err := c.accountNonce(ctx, r.sender, hexutil.EncodeUint64(middle))
	if err != nil {
		return err
	}
	first, second := r, r
	first.to, first.after = middle, nonce
	second.from, second.before = middle+1, nonce
	if err := c.halve(ctx, first, yield); err != nil {
		return err
	}
	return c.halve(ctx, second, yield)
}

// fullBlock is a block with its transactions, as far as they are read here.
type fullBlock struct {
	block
	Transactions []struct {
		Hash  common.Hash     `json:"hash"`
		From  common.Address  `json:"from"`
		To    *common.Address `json:"to"`
		Input hexutil.Bytes   `json:"input"`
	} `json:"transactions"`
}

func (c *Client) fullBlock(ctx context.Context, number uint64) (*fullBlock, error) {
	var b *fullBlock
	tag := hexutil.EncodeUint64(number)
	if err := c.call(ctx, &b, "eth_getBlockByNumber", tag, true); err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("chain: the node has no block %d", number)
	}
	h, err := b.head(tag)
	if err != nil {
		return nil, err
	}
	if h.Number != number {
		return nil, fmt.Errorf("%w: asked for block %d, got %d", ErrInconsistent, number, h.Number)
	}
	return b, nil
}

func (b *fullBlock) countFrom(sender common.Address) (n uint64) {
	for _, tx := range b.Transactions {
		if tx.From == sender {
			n++
		}
	}
	return n
}

// yield yields the transactions to that address, of any sender or of one.
func (b *fullBlock) yield(to common.Address, sender *common.Address, yield func(LogTransaction) error) error {
	for _, tx := range b.Transactions {
		if tx.To == nil || *tx.To != to || (sender != nil && tx.From != *sender) {
			continue
		}
		if err := yield(LogTransaction{uint64(*b.Number), int64(*b.Timestamp), tx.Hash, tx.From, tx.Input}); err != nil {
			return err
		}
	}
	return nil
}
