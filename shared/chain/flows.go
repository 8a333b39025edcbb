package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ErrLeftOut means that a node's logs do not account for a balance: they leave
// out a transfer. Some cut long answers short without a word. Ask another one.
var ErrLeftOut = errors.New("chain: the node's logs leave out a transfer")

// CheckTransfers proves that no transfer from the treasury was left out of
// blocks from to to, of which TransfersFrom has yielded so much in all: the
// treasury's balance before these blocks, with what it was given in them and
// without what was sent, is its balance after. The node must know the state at
// the blocks before from and at to. ErrLeftOut when it is not.
func (c *Client) CheckTransfers(ctx context.Context, token, treasury common.Address, from, to uint64, sent ledger.Micros) error {
	before, err := c.balanceAt(ctx, token, treasury, max(from, 1)-1)
	if err != nil {
		return err
	}
	after, err := c.balanceAt(ctx, token, treasury, to)
	if err != nil {
		return err
	}
	account := common.BytesToHash(treasury[:])
	var given ledger.Micros
	f := filter{contract: token, events: []common.Hash{topicTransfer}, anyFirst: true, second: &account}
	err = c.logs(ctx, f, from, to, func(logs []*types.Log) error {
		for _, l := range logs {
			value, err := readMicros(l.Data)
			if err != nil {
				return fmt.Errorf("chain: log %d of transaction %s is not as USDC writes it: %w", l.Index, l.TxHash, err)
			}
			if given, err = given.Add(value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if before+given-sent != after {
		return fmt.Errorf("%w: in blocks %d to %d the balance of %s goes from %s to %s, with %s received and %s sent", ErrLeftOut, from, to, treasury, before, after, given, sent)
	}
	return nil
}

// balanceAt is what an account has of the token at the end of a block; nothing
// where the token is not there yet.
func (c *Client) balanceAt(ctx context.Context, token, a common.Address, block uint64) (ledger.Micros, error) {
	out, err := c.callAt(ctx, common.Address{}, token, calldata("balanceOf(address)", addressWord(a)), hexutil.EncodeUint64(block))
	if err != nil || len(out) == 0 {
		return 0, err
	}
	return readMicros(out)
}
