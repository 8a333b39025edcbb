package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// ErrWrongToken means that a contract is not the USDC that it should be.
var ErrWrongToken = errors.New("chain: not the expected token")

// VerifyToken reads the EIP-712 domain of the token and checks that its
// DOMAIN_SEPARATOR is made of just that name, version, chain and address, and
// that it has USDC's six decimals. What it returns is fit to sign under; that
// it is the domain of the network's USDC is for the caller to compare. The
// error is ErrWrongToken when the contract answered otherwise.
func (c *Client) VerifyToken(ctx context.Context, token common.Address) (usdc.Domain, error) {
	code, err := c.HasCode(ctx, token)
	if err != nil {
		return usdc.Domain{}, err
	}
	if !code {
		return usdc.Domain{}, fmt.Errorf("%w: there is no contract at %s on chain %d", ErrWrongToken, token, c.chainID)
	}
	d := usdc.Domain{ChainID: c.chainID, Contract: token}
	if d.Name, err = c.readString(ctx, token, "name()"); err != nil {
		return usdc.Domain{}, err
	}
	if d.Version, err = c.readString(ctx, token, "version()"); err != nil {
		return usdc.Domain{}, err
	}
	separator, err := c.Call(ctx, common.Address{}, token, calldata("DOMAIN_SEPARATOR()"))
	if err != nil {
		return usdc.Domain{}, err
	}
	decimals, err := c.readMicros(ctx, token, calldata("decimals()"))
	if err != nil {
		return usdc.Domain{}, err
	}
	if want := d.Separator(); common.BytesToHash(separator) != want || len(separator) != 32 {
		return usdc.Domain{}, fmt.Errorf("%w: %s calls itself %q version %q, but its DOMAIN_SEPARATOR is %#x and not %s", ErrWrongToken, token, d.Name, d.Version, separator, want)
	}
	if decimals != 6 {
		return usdc.Domain{}, fmt.Errorf("%w: %s has %d decimals, not 6", ErrWrongToken, token, int64(decimals))
	}
	return d, nil
}

// HasCode reports whether an address is a contract or has an EIP-7702
// delegation. A treasury with code must not be used: USDC would not take its
// ECDSA signatures.
func (c *Client) HasCode(ctx context.Context, a common.Address) (bool, error) {
	var code hexutil.Bytes
	if err := c.call(ctx, &code, "eth_getCode", a, "latest"); err != nil {
		return false, err
	}
	return len(code) > 0, nil
}

// IsBlacklisted reports whether the token refuses to pay from or to a.
func (c *Client) IsBlacklisted(ctx context.Context, token, a common.Address) (bool, error) {
	return c.readBool(ctx, token, calldata("isBlacklisted(address)", addressWord(a)))
}

// Paused reports whether the token refuses every transfer.
func (c *Client) Paused(ctx context.Context, token common.Address) (bool, error) {
	return c.readBool(ctx, token, calldata("paused()"))
}

// BalanceOf is what a has of the token.
func (c *Client) BalanceOf(ctx context.Context, token, a common.Address) (ledger.Micros, error) {
	return c.readMicros(ctx, token, calldata("balanceOf(address)", addressWord(a)))
}

// NativeBalance is what a has of ETH, in wei.
func (c *Client) NativeBalance(ctx context.Context, a common.Address) (*big.Int, error) {
	var wei hexutil.Big
	if err := c.call(ctx, &wei, "eth_getBalance", a, "latest"); err != nil {
		return nil, err
	}
	return wei.ToInt(), nil
}

// Revert is the error of a call that the contract refused.
type Revert struct{ Reason string } // empty when it gave none

func (e *Revert) Error() string { return fmt.Sprintf("chain: execution reverted: %q", e.Reason) }

// Call runs calldata on the newest block, without a transaction, as if from
// had sent it, and returns what the contract returned. The error is a *Revert
// when the contract refused.
func (c *Client) Call(ctx context.Context, from, to common.Address, data []byte) ([]byte, error) {
	return c.callAt(ctx, from, to, data, "latest")
}

// CallWithin is Call with that gas limit, as a transaction would have it: what
// needs more fails.
func (c *Client) CallWithin(ctx context.Context, gas uint64, from, to common.Address, data []byte) ([]byte, error) {
	return c.ask(ctx, map[string]any{"from": from, "to": to, "input": hexutil.Bytes(data), "gas": hexutil.Uint64(gas)}, "latest")
}

func (c *Client) callAt(ctx context.Context, from, to common.Address, data []byte, block any) ([]byte, error) {
	return c.ask(ctx, map[string]any{"from": from, "to": to, "input": hexutil.Bytes(data)}, block)
}

func (c *Client) ask(ctx context.Context, msg map[string]any, block any) ([]byte, error) {
	var out hexutil.Bytes
	if err := c.call(ctx, &out, "eth_call", msg, block); err != nil {
		return nil, asRevert(err)
	}
	return out, nil
}

// asRevert is err, or a *Revert if it tells of one.
func asRevert(err error) error {
	var coded rpc.Error
	if !errors.As(err, &coded) || (coded.ErrorCode() != 3 && !says(err, "execution reverted")) {
		return err
	}
	revert := &Revert{}
	var data rpc.DataError
	if errors.As(err, &data) {
		text, _ := data.ErrorData().(string)
		if raw, err := hexutil.Decode(text); err == nil {
			revert.Reason, _ = abi.UnpackRevert(raw) // stays empty for a custom error
		}
	}
	return revert
}

func (c *Client) readBool(ctx context.Context, to common.Address, data []byte) (bool, error) {
	out, err := c.Call(ctx, common.Address{}, to, data)
	if err != nil {
		return false, err
	}
	return readBool(out)
}

func (c *Client) readMicros(ctx context.Context, to common.Address, data []byte) (ledger.Micros, error) {
	out, err := c.Call(ctx, common.Address{}, to, data)
	if err != nil {
		return 0, err
	}
	return readMicros(out)
}

func (c *Client) readString(ctx context.Context, to common.Address, method string) (string, error) {
	out, err := c.Call(ctx, common.Address{}, to, calldata(method))
	if err != nil {
		return "", err
	}
	return readString(out)
}
