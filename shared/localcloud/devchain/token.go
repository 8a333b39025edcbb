package devchain

import (
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
)

// Fund gives an address 1 ETH and 1,000 USDC.
func (c *Chain) Fund(ctx context.Context, to common.Address) error {
	if err := c.GiveETH(ctx, to, fundWei); err != nil {
		return err
	}
	return c.GiveUSDC(ctx, to, fundUSDC)
}

// GiveETH gives an address ETH.
func (c *Chain) GiveETH(ctx context.Context, to common.Address, wei *big.Int) error {
	_, err := c.Transact(ctx, Tx{From: c.faucet, To: to, Value: wei})
	return err
}

// GiveUSDC mints USDC for an address.
func (c *Chain) GiveUSDC(ctx context.Context, to common.Address, micros int64) error {
	return c.asOwner(ctx, "mint", to, big.NewInt(micros))
}

// Drain takes all its USDC from the treasury.
func (c *Chain) Drain(ctx context.Context) error {
	treasury := address(c.Treasury)
	balance, err := c.USDCBalance(ctx, treasury)
	if err != nil {
		return err
	}
	if err := c.GiveETH(ctx, treasury, fundWei); err != nil { // for gas
		return err
	}
	_, err = c.Transact(ctx, Tx{From: c.Treasury, To: c.Network.Token, Data: c.pack("transfer", address(c.faucet), balance)})
	return err
}

// USDCBalance is what an address has, in micros.
func (c *Chain) USDCBalance(ctx context.Context, of common.Address) (*big.Int, error) {
	out, err := c.eth.CallContract(ctx, ethereum.CallMsg{To: &c.Network.Token, Data: c.pack("balanceOf", of)}, nil)
	if err != nil {
		return nil, fmt.Errorf("devchain: balance: %w", err)
	}
	return new(big.Int).SetBytes(out), nil
}

// Pause stops every transfer of the token.
func (c *Chain) Pause(ctx context.Context) error { return c.asOwner(ctx, "pause") }

// Unpause lets transfers go on.
func (c *Chain) Unpause(ctx context.Context) error { return c.asOwner(ctx, "unpause") }

// Blacklist bars an address from the token.
func (c *Chain) Blacklist(ctx context.Context, a common.Address) error {
	return c.asOwner(ctx, "blacklist", a)
}

// UnBlacklist admits it again.
func (c *Chain) UnBlacklist(ctx context.Context, a common.Address) error {
	return c.asOwner(ctx, "unBlacklist", a)
}

// Delegate gives the treasury's account the code of Wallet (EIP-7702), with
// which none of its ECDSA signatures is good any more.
func (c *Chain) Delegate(ctx context.Context) error {
	treasury := address(c.Treasury)
	if err := c.GiveETH(ctx, treasury, fundWei); err != nil { // for gas
		return err
	}
	_, err := c.Transact(ctx, Tx{From: c.Treasury, To: treasury, Gas: 100_000, delegate: &wallet})
	return err
}

func (c *Chain) asOwner(ctx context.Context, method string, args ...any) error {
	_, err := c.Transact(ctx, Tx{From: c.faucet, To: c.Network.Token, Data: c.pack(method, args...)})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// pack is calldata for a method of the token. The arguments are this
// package's own: that they do not fit is a bug in it.
func (c *Chain) pack(method string, args ...any) []byte {
	data, err := c.contracts.Token.ABI.Pack(method, args...)
	if err != nil {
		panic(fmt.Sprintf("devchain: pack %s: %v", method, err))
	}
	return data
}
