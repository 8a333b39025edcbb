package chain

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// AccountTx is what one nonce of an account was used for.
type AccountTx struct {
	AccountNonce uint64
	Tx           common.Hash
	Block        uint64
	To           *common.Address // nil: it made a contract
	Calldata     []byte
}

// AccountTransactions yields the transactions that have used the account
// nonces first to next - 1 of a sender, in order: all of them, in safe blocks,
// or an error. It reads only the blocks that hold them, found by the sender's
// nonce at blocks ever further back and then by halving. The node must know the
// state at those blocks (an archive node, if they are old).
func (c *Client) AccountTransactions(ctx context.Context, sender common.Address, first, next uint64, yield func(AccountTx) error) error {
	if first >= next {
		return nil
	}
	heads, err := c.Heads(ctx)
	if err != nil {
		return err
	}
	r := nonceRange{sender: sender, to: heads.Safe.Number}
	if r.after, err = c.accountNonce(ctx, sender, hexutil.EncodeUint64(r.to)); err != nil {
		return err
	}
	if r.after < next {
		return fmt.Errorf("%w: of %s %d transactions are in the safe block, and %d were seen before", ErrInconsistent, sender, r.after, next)
	}
	for back := uint64(1); back < r.to; back *= 2 {
		n, err := c.accountNonce(ctx, sender, hexutil.EncodeUint64(r.to-back))
		if err != nil {
			return err
		}
		if n <= first {
			r.from, r.before = r.to-back+1, n
			break
		}
	}
	want := first
	err = c.halve(ctx, r, first, next, func(b *fullBlock) error {
		for _, tx := range b.Transactions {
			nonce := uint64(tx.Nonce)
			if tx.From != sender || nonce < first || nonce >= next {
				continue
			}
			if nonce != want {
				return fmt.Errorf("%w: block %d holds transaction %d of %s, and not %d", ErrInconsistent, *b.Number, nonce, sender, want)
			}
			want++
			if err := yield(AccountTx{AccountNonce: nonce, Tx: tx.Hash, Block: uint64(*b.Number), To: tx.To, Calldata: tx.Input}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && want != next {
		err = fmt.Errorf("%w: of %s no transaction with nonce %d", ErrInconsistent, sender, want)
	}
	return err
}

// nonceRange is blocks from to to, in which a sender's nonce goes from before
// to after.
type nonceRange struct {
	sender                  common.Address
	from, to, before, after uint64
}

// halve reads, in order, the blocks of the range that hold transactions of the
// sender with nonces first to next - 1.
func (c *Client) halve(ctx context.Context, r nonceRange, first, next uint64, read func(*fullBlock) error) error {
	switch {
	case r.after < r.before:
		return fmt.Errorf("%w: the account nonce of %s falls from %d to %d in blocks %d to %d", ErrInconsistent, r.sender, r.before, r.after, r.from, r.to)
	case r.after == r.before || r.after <= first || r.before >= next:
		return nil
	case r.from == r.to:
		b, err := c.fullBlock(ctx, r.from)
		if err != nil {
			return err
		}
		if n := b.countFrom(r.sender); n != r.after-r.before {
			return fmt.Errorf("%w: block %d holds %d transactions of %s, whose nonce goes up by %d", ErrInconsistent, r.from, n, r.sender, r.after-r.before)
		}
		return read(b)
	}
	middle := r.from + (r.to-r.from)/2
	nonce, err := c.accountNonce(ctx, r.sender, hexutil.EncodeUint64(middle))
	if err != nil {
		return err
	}
	lower, upper := r, r
	lower.to, lower.after = middle, nonce
	upper.from, upper.before = middle+1, nonce
	if err := c.halve(ctx, lower, first, next, read); err != nil {
		return err
	}
	return c.halve(ctx, upper, first, next, read)
}
