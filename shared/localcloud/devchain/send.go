package devchain

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// Tx is what Send and Transact send.
type Tx struct {
	From  *ecdsa.PrivateKey
	To    common.Address
	Value *big.Int // wei; nil is none
	Data  []byte
	Gas   uint64 // 0 is estimated; given, a transaction that will revert is sent too

	delegate *common.Address // EIP-7702: From's account takes the code of this one
}

// Send puts a transaction into the pool, with the next free account nonce.
func (c *Chain) Send(ctx context.Context, tx Tx) (common.Hash, error) {
	hash, err := c.send(ctx, tx)
	if err != nil {
		return hash, err
	}
	return hash, c.sent(ctx)
}

// Transact sends and waits until it is mined. One that reverts is an error.
func (c *Chain) Transact(ctx context.Context, tx Tx) (*types.Receipt, error) {
	if c.Held() {
		return nil, errors.New("devchain: mining is held: Send it, then Mine")
	}
	hash, err := c.Send(ctx, tx)
	if err != nil {
		return nil, err
	}
	return c.wait(ctx, hash)
}

func (c *Chain) send(ctx context.Context, tx Tx) (common.Hash, error) {
	c.sending.Lock()
	defer c.sending.Unlock()
	from := address(tx.From)
	if err := c.settle(); err != nil {
		return common.Hash{}, err
	}
	nonce, err := c.eth.PendingNonceAt(ctx, from)
	if err != nil {
		return common.Hash{}, fmt.Errorf("devchain: account nonce: %w", err)
	}
	head, err := c.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return common.Hash{}, fmt.Errorf("devchain: head: %w", err)
	}
	if tx.Gas == 0 {
		tx.Gas, err = c.eth.EstimateGas(ctx, ethereum.CallMsg{From: from, To: &tx.To, Value: tx.Value, Data: tx.Data})
		if err != nil {
			return common.Hash{}, fmt.Errorf("devchain: estimate gas: %w", err)
		}
	}
	tip := big.NewInt(params.GWei)
	feeCap := new(big.Int).Add(tip, new(big.Int).Lsh(head.BaseFee, 1))
	signed, err := c.sign(tx, nonce, tip, feeCap)
	if err != nil {
		return common.Hash{}, fmt.Errorf("devchain: sign: %w", err)
	}
	if err := c.eth.SendTransaction(ctx, signed); err != nil {
		return common.Hash{}, fmt.Errorf("devchain: send: %w", err)
	}
	return signed.Hash(), nil
}

func (c *Chain) sign(tx Tx, nonce uint64, tip, feeCap *big.Int) (*types.Transaction, error) {
	chainID := big.NewInt(c.opts.ChainID)
	signer := types.LatestSignerForChainID(chainID)
	if tx.delegate == nil {
		return types.SignNewTx(tx.From, signer, &types.DynamicFeeTx{
			ChainID: chainID, Nonce: nonce, GasTipCap: tip, GasFeeCap: feeCap,
			Gas: tx.Gas, To: &tx.To, Value: tx.Value, Data: tx.Data,
		})
	}
	auth, err := types.SignSetCode(tx.From, types.SetCodeAuthorization{
		ChainID: *uint256.MustFromBig(chainID), Address: *tx.delegate, Nonce: nonce + 1,
	})
	if err != nil {
		return nil, err
	}
	return types.SignNewTx(tx.From, signer, &types.SetCodeTx{
		ChainID: uint256.MustFromBig(chainID), Nonce: nonce, Gas: tx.Gas, To: tx.To, Value: new(uint256.Int),
		GasTipCap: uint256.MustFromBig(tip), GasFeeCap: uint256.MustFromBig(feeCap),
		AuthList: []types.SetCodeAuthorization{auth},
	})
}

func (c *Chain) wait(ctx context.Context, hash common.Hash) (*types.Receipt, error) {
	for {
		receipt, err := c.eth.TransactionReceipt(ctx, hash)
		switch {
		case err == nil && receipt.Status != types.ReceiptStatusSuccessful:
			return receipt, fmt.Errorf("devchain: transaction %s reverted", hash)
		case err == nil:
			return receipt, nil
		case !errors.Is(err, ethereum.NotFound) && !indexing(err):
			return nil, fmt.Errorf("devchain: receipt: %w", err)
		}
		if err := c.sleep(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
