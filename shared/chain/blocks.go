package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
)

// getBlock is asked for whole blocks, with their transactions.
const getBlock = "eth_getBlockByNumber"

// LogTransactions yields every transaction to the log address in blocks from
// to to, in order. No events tell of them, so it reads every block, whole:
// some 43,200 a day on Base.
func (c *Client) LogTransactions(ctx context.Context, logAddress common.Address, from, to uint64, yield func(LogTransaction) error) error {
	for number := from; number <= to; {
		blocks, err := c.fullBlocks(ctx, number, to)
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if err := b.yield(logAddress, nil, yield); err != nil {
				return err
			}
		}
		number += uint64(len(blocks))
	}
	return nil
}

// LogTransaction is the transaction to the log address with that hash, or nil
// when it goes elsewhere or is in no canonical block.
func (c *Client) LogTransaction(ctx context.Context, logAddress common.Address, hash common.Hash) (*LogTransaction, error) {
	var tx *struct {
		transaction
		BlockNumber *hexutil.Uint64 `json:"blockNumber"`
		BlockHash   *common.Hash    `json:"blockHash"`
		Index       *hexutil.Uint64 `json:"transactionIndex"`
	}
	if err := c.call(ctx, &tx, "eth_getTransactionByHash", hash); err != nil {
		return nil, err
	}
	if tx == nil || tx.BlockNumber == nil || tx.BlockHash == nil || tx.Index == nil {
		return nil, nil
	}
	if tx.Hash != hash {
		return nil, fmt.Errorf("%w: asked for transaction %s, got %s", ErrInconsistent, hash, tx.Hash)
	}
	h, err := c.HeadAt(ctx, uint64(*tx.BlockNumber))
	if err != nil {
		return nil, err
	}
	if h.Hash != *tx.BlockHash {
		return nil, fmt.Errorf("%w: block %d is %s, not %s", ErrInconsistent, h.Number, h.Hash, tx.BlockHash)
	}
	if tx.To == nil || *tx.To != logAddress {
		return nil, nil
	}
	return &LogTransaction{h.Number, uint64(*tx.Index), h.Time, hash, tx.From, tx.Input}, nil
}

// fullBlocks are the next blocks up to to, at least one: as many as one
// request may ask for.
func (c *Client) fullBlocks(ctx context.Context, from, to uint64) ([]*fullBlock, error) {
	size := c.batch.Load()
	n := min(uint64(size), to-from+1)
	if n == 1 {
		b, err := c.fullBlock(ctx, from)
		return []*fullBlock{b}, err
	}
	blocks := make([]*fullBlock, n)
	elems := make([]rpc.BatchElem, n)
	for i := range elems {
		tag := hexutil.EncodeUint64(from + uint64(i))
		elems[i] = rpc.BatchElem{Method: getBlock, Args: []any{tag, true}, Result: &blocks[i]}
	}
	err := c.persist(ctx, getBlock, len(elems), tooMany, func(ctx context.Context) error {
		return c.rpc.BatchCallContext(ctx, elems)
	})
	if err != nil && tooMany(err) {
		c.batch.CompareAndSwap(size, max(1, size/2))
		// The next one, of half the size, or at last a block alone, goes on.
		b, err := c.fullBlock(ctx, from)
		return []*fullBlock{b}, err
	}
	if err != nil {
		return nil, err
	}
	for i, b := range blocks {
		number := from + uint64(i)
		if elems[i].Error == nil && b != nil {
			err = b.check(number)
		} else { // with all the patience that one call is given
			blocks[i], err = c.fullBlock(ctx, number)
		}
		if err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

// tooMany reports whether a batch was refused as such: for its size, its
// weight, or because the node takes no batches.
func tooMany(err error) bool {
	var noArray *json.UnmarshalTypeError
	return errors.As(err, &noArray) || rateLimited(err) || !transient(err)
}

// fullBlock is a block with its transactions, as far as they are read here.
type fullBlock struct {
	block
	Transactions []transaction `json:"transactions"`
}

type transaction struct {
	Hash  common.Hash     `json:"hash"`
	From  common.Address  `json:"from"`
	Nonce hexutil.Uint64  `json:"nonce"`
	To    *common.Address `json:"to"`
	Input hexutil.Bytes   `json:"input"`
}

// errNoBlock is often the answer of a node that is a little behind the one
// asked before: asking again may help.
var errNoBlock = errors.New("the node has no such block")

func (c *Client) fullBlock(ctx context.Context, number uint64) (*fullBlock, error) {
	var b *fullBlock
	never := func(error) bool { return false }
	err := c.persist(ctx, getBlock, 1, never, func(ctx context.Context) error {
		err := c.rpc.CallContext(ctx, &b, getBlock, hexutil.EncodeUint64(number), true)
		if err == nil && b == nil {
			err = errNoBlock
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", number, err)
	}
	return b, b.check(number)
}

func (b *fullBlock) check(number uint64) error {
	h, err := b.head(hexutil.EncodeUint64(number))
	if err == nil && h.Number != number {
		err = fmt.Errorf("%w: asked for block %d, got %d", ErrInconsistent, number, h.Number)
	}
	return err
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
	for i, tx := range b.Transactions {
		if tx.To == nil || *tx.To != to || (sender != nil && tx.From != *sender) {
			continue
		}
		if err := yield(LogTransaction{uint64(*b.Number), uint64(i), int64(*b.Timestamp), tx.Hash, tx.From, tx.Input}); err != nil {
			return err
		}
	}
	return nil
}
