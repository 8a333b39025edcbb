// Package paidchain makes transfers and receipts on a local chain, right or
// wrong, for the tests of those who judge them.
package paidchain

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/signer"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Chain is a local chain, and where receipts go on it.
type Chain struct {
	*devchain.Chain
	LogAddress common.Address
}

// Treasury is who pays.
func (c Chain) Treasury() common.Address { return crypto.PubkeyToAddress(c.Chain.Treasury.PublicKey) }

// Sender is who writes the receipts.
func (c Chain) Sender() common.Address { return crypto.PubkeyToAddress(c.LogSender.PublicKey) }

// Nonce is the payout's.
func (c Chain) Nonce(id ledger.PayoutID) common.Hash {
	return ledger.PayoutNonce(c.Network.ChainID, c.Treasury(), id)
}

// Pay makes the transfer of a payout, as it should be.
func (c Chain) Pay(ctx context.Context, id ledger.PayoutID, amount ledger.Micros) (*types.Receipt, error) {
	return c.PayTo(ctx, id, id.Worker, amount)
}

// PayTo makes a transfer with a payout's nonce to anybody.
func (c Chain) PayTo(ctx context.Context, id ledger.PayoutID, to common.Address, amount ledger.Micros) (*types.Receipt, error) {
	head, err := c.Head(ctx)
	if err != nil {
		return nil, err
	}
	a := x402.Authorization{From: c.Treasury(), To: to, Value: amount, ValidBefore: int64(head.Time) + 3600, Nonce: c.Nonce(id)}
	signed, err := x402.Sign(ctx, signer.FromKey(c.Chain.Treasury), c.Network.Domain(), a)
	if err != nil {
		return nil, fmt.Errorf("paidchain: sign payout %s: %w", id, err)
	}
	data, err := chain.SignedTransfer{
		From: a.From, To: a.To, Value: a.Value, ValidBefore: a.ValidBefore, Nonce: a.Nonce, Signature: signed.Signature,
	}.Calldata()
	if err != nil {
		return nil, err
	}
	return c.Transact(ctx, devchain.Tx{From: c.Relayer, To: c.Network.Token, Data: data})
}

// Plain moves money out of the treasury without an authorization.
func (c Chain) Plain(ctx context.Context, to common.Address, amount ledger.Micros) (*types.Receipt, error) {
	if err := c.GiveETH(ctx, c.Treasury(), big.NewInt(1e17)); err != nil { // for gas
		return nil, err
	}
	return c.call(ctx, c.Chain.Treasury, "transfer(address,uint256)", to[:], big.NewInt(int64(amount)).Bytes())
}

// Poison has the token report that the treasury sent nothing to somebody,
// which anybody can do.
func (c Chain) Poison(ctx context.Context, to common.Address) (*types.Receipt, error) {
	treasury := c.Treasury()
	return c.call(ctx, c.Relayer, "transferFrom(address,address,uint256)", treasury[:], to[:], nil)
}

func (c Chain) call(ctx context.Context, by *ecdsa.PrivateKey, method string, words ...[]byte) (*types.Receipt, error) {
	data := crypto.Keccak256([]byte(method))[:4]
	for _, w := range words {
		data = append(data, common.LeftPadBytes(w, 32)...)
	}
	return c.Transact(ctx, devchain.Tx{From: by, To: c.Network.Token, Data: data})
}

// Log writes receipts in one transaction of the log sender, in the compact form.
func (c Chain) Log(ctx context.Context, rs ...receipt.Receipt) (*types.Receipt, error) {
	return c.LogBy(ctx, c.LogSender, rs...)
}

// LogBy writes them in anybody's name who has ETH.
func (c Chain) LogBy(ctx context.Context, by *ecdsa.PrivateKey, rs ...receipt.Receipt) (*types.Receipt, error) {
	data, err := receipt.EncodeCompact(rs)
	if err != nil {
		return nil, err
	}
	return c.Calldata(ctx, by, data)
}

// Calldata sends anything to the log address.
func (c Chain) Calldata(ctx context.Context, by *ecdsa.PrivateKey, data []byte) (*types.Receipt, error) {
	return c.Transact(ctx, devchain.Tx{From: by, To: c.LogAddress, Data: data})
}
