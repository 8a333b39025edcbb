package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

// Signer holds the key of the account that sends. Its signatures are r, s, v
// in 65 bytes, v 0 or 1.
type Signer interface {
	Address() common.Address
	SignHash(ctx context.Context, hash common.Hash) ([]byte, error)
}

// Tx is a transaction of the log sender or of the relayer: calldata, no ETH.
type Tx struct {
	ChainID      int64
	AccountNonce uint64
	To           common.Address
	Calldata     []byte
	Gas          uint64 // limit
	Fees         Fees
}

// BuildTx signs t and returns the bytes to Broadcast and its hash. It sends
// nothing, so that both can be stored first.
func BuildTx(ctx context.Context, s Signer, t Tx) (raw []byte, hash common.Hash, err error) {
	if t.ChainID <= 0 || t.Fees.FeeCap == nil || t.Fees.TipCap == nil || t.Fees.FeeCap.Cmp(t.Fees.TipCap) < 0 {
		return nil, hash, fmt.Errorf("chain: transaction needs a chain id and fees, the cap at least the tip: chain %d, %+v", t.ChainID, t.Fees)
	}
	if floor := GasFloor(t.Calldata); t.Gas < floor {
		return nil, hash, fmt.Errorf("chain: %d gas for a transaction that costs at least %d", t.Gas, floor)
	}
	chainID := big.NewInt(t.ChainID)
	signer := types.LatestSignerForChainID(chainID)
	tx := types.NewTx(&types.DynamicFeeTx{
		ChainID: chainID, Nonce: t.AccountNonce, To: &t.To, Value: new(big.Int), Data: t.Calldata,
		Gas: t.Gas, GasFeeCap: t.Fees.FeeCap, GasTipCap: t.Fees.TipCap,
	})
	signature, err := s.SignHash(ctx, signer.Hash(tx))
	if err != nil {
		return nil, hash, fmt.Errorf("chain: sign transaction %d of %s: %w", t.AccountNonce, s.Address(), err)
	}
	if tx, err = tx.WithSignature(signer, signature); err != nil {
		return nil, hash, fmt.Errorf("chain: sign transaction %d of %s: %w", t.AccountNonce, s.Address(), err)
	}
	from, err := types.Sender(signer, tx)
	if err != nil {
		return nil, hash, fmt.Errorf("chain: check the signature of %s: %w", s.Address(), err)
	}
	if from != s.Address() {
		return nil, hash, fmt.Errorf("chain: the signature is of %s, not of %s", from, s.Address())
	}
	if raw, err = tx.MarshalBinary(); err != nil {
		return nil, hash, fmt.Errorf("chain: encode transaction: %w", err)
	}
	return raw, tx.Hash(), nil
}

// GasFloor is what a transaction with this calldata costs at least: 21,000 and
// the larger of 16 gas a non-zero byte and 4 a zero one, and EIP-7623's 40 and
// 10. To an account without code it costs exactly that.
func GasFloor(calldata []byte) uint64 {
	var tokens uint64 // EIP-7623: a zero byte is one, any other four
	for _, b := range calldata {
		tokens++
		if b != 0 {
			tokens += 3
		}
	}
	return params.TxGas + tokens*params.TxCostFloorPerToken
}

// GasCeiling is more than a transaction with this calldata may need: twice its
// floor, and room for a contract that keeps something of it.
func GasCeiling(calldata []byte) uint64 { return 2*GasFloor(calldata) + 100_000 }

// EstimateGas is the gas limit for that calldata: what the node estimates, but
// never below GasFloor or above GasCeiling: with more, an account seems too poor.
func (c *Client) EstimateGas(ctx context.Context, from, to common.Address, data []byte) (uint64, error) {
	var gas hexutil.Uint64
	msg := map[string]any{"from": from, "to": to, "input": hexutil.Bytes(data)}
	if err := c.call(ctx, &gas, "eth_estimateGas", msg); err != nil {
		return 0, asRevert(err)
	}
	return min(max(uint64(gas), GasFloor(data)), GasCeiling(data)), nil
}

// AccountNonces are how many transactions of an account are in the safe and in
// the newest block: the nonce of the next one.
func (c *Client) AccountNonces(ctx context.Context, a common.Address) (safe, latest uint64, err error) {
	if safe, err = c.accountNonce(ctx, a, "safe"); err != nil {
		return 0, 0, err
	}
	if latest, err = c.accountNonce(ctx, a, "latest"); err != nil {
		return 0, 0, err
	}
	if safe > latest {
		return 0, 0, fmt.Errorf("%w: %s has %d transactions in the safe block and %d in the newest", ErrInconsistent, a, safe, latest)
	}
	return safe, latest, nil
}

func (c *Client) accountNonce(ctx context.Context, a common.Address, block string) (uint64, error) {
	var n hexutil.Uint64
	err := c.call(ctx, &n, "eth_getTransactionCount", a, block)
	return uint64(n), err
}

// Sent is what a node said to a transaction.
type Sent string

// The answers of a node. Only Accepted tells that it is under way now; the
// others call for a look at TxStatus and AccountNonces, and are no failures.
const (
	Accepted    Sent = "accepted"
	Known       Sent = "already known"
	NonceTooLow Sent = "nonce too low" // this or another transaction with its nonce is mined
	Underpriced Sent = "underpriced"   // or one with its nonce waits: Fees.Bump
)

// ErrInsufficientFunds means that the account cannot pay for the gas: an
// operator has to send it ETH.
var ErrInsufficientFunds = errors.New("chain: the account has too little ETH for the gas")

// Broadcast sends what BuildTx made. An error means that it may or may not be
// under way; sending the same bytes again is always safe.
func (c *Client) Broadcast(ctx context.Context, raw []byte) (Sent, error) {
	var hash common.Hash
	err := c.call(ctx, &hash, "eth_sendRawTransaction", hexutil.Bytes(raw))
	switch {
	case err == nil && hash != crypto.Keccak256Hash(raw):
		return "", fmt.Errorf("%w: sent transaction %s, the node took %s", ErrInconsistent, crypto.Keccak256Hash(raw), hash)
	case err == nil:
		return Accepted, nil
	case !answered(err):
		return "", err
	case says(err, "already known", "known transaction", "already imported", "already exists", "alreadyknown"):
		return Known, nil
	case says(err, "nonce too low", "nonce is too low", "noncetoolow", "old nonce"):
		return NonceTooLow, nil
	case says(err, "underpriced", "fee too low", "price too low", "below minimum", "max fee per gas less than block base fee", "feetoolow"):
		return Underpriced, nil
	case says(err, "insufficient funds"):
		return "", fmt.Errorf("%w: %w", ErrInsufficientFunds, err)
	}
	return "", err
}
