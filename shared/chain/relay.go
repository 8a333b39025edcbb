package chain

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Multicall3 is where that contract stands on every chain.
var Multicall3 = common.HexToAddress("0xcA11bde05977b3631167028862bE2a173976CA11")

// Gas limits for the relayer's transactions. They are given and not estimated:
// a node's estimate of calls that may fail is the gas at which they may all
// fail for want of it.
const (
	TransferGas  = 160_000 // of one transfer, of which it uses at most some 103,000
	BatchItemGas = 100_000 // of each in a batch, of which it uses at most some 65,000
	BatchGas     = 100_000 // of a batch, on top
)

// SignedTransfer is a signed EIP-3009 authorization, as it is brought to the
// token without a facilitator.
type SignedTransfer struct {
	From, To                common.Address
	Value                   ledger.Micros
	ValidAfter, ValidBefore int64 // unix seconds
	Nonce                   common.Hash
	Signature               []byte // r, s, v in 65 bytes, v 27 or 28
}

// Calldata is the call of transferWithAuthorization (v, r, s) on the token.
func (t SignedTransfer) Calldata() ([]byte, error) {
	if len(t.Signature) != crypto.SignatureLength || t.Value <= 0 || t.ValidAfter < 0 || t.ValidBefore < 0 {
		return nil, fmt.Errorf("chain: transfer of nonce %s: want 65 signature bytes, a value and times", t.Nonce)
	}
	return calldata("transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
		addressWord(t.From), addressWord(t.To), numberWord(int64(t.Value)), numberWord(t.ValidAfter), numberWord(t.ValidBefore),
		t.Nonce[:], numberWord(int64(t.Signature[64])), t.Signature[:32], t.Signature[32:64]), nil
}

// Aggregate3 is the call on Multicall3 that makes all of calls on target, each
// of which may fail without the others.
func Aggregate3(target common.Address, calls [][]byte) []byte {
	items := make([][]byte, len(calls))
	for i, call := range calls {
		padded := common.RightPadBytes(call, (len(call)+31)/32*32)
		items[i] = join(addressWord(target), numberWord(1), numberWord(3*32), numberWord(int64(len(call))), padded)
	}
	heads := make([][]byte, len(items))
	offset := int64(len(items)) * 32
	for i, item := range items {
		heads[i] = numberWord(offset)
		offset += int64(len(item))
	}
	return calldata("aggregate3((address,bool,bytes)[])",
		numberWord(32), numberWord(int64(len(items))), join(heads...), join(items...))
}

// Aggregate3Results reads what Aggregate3 returned: for each of the calls,
// whether it succeeded. What the calls themselves returned is passed over.
func Aggregate3Results(out []byte, calls int) ([]bool, error) {
	bad := errors.New("chain: the answer is not of aggregate3: is MULTICALL3_ADDRESS right?")
	word := func(at int64) (int64, bool) {
		if at < 0 || at > int64(len(out))-32 {
			return 0, false
		}
		n := new(big.Int).SetBytes(out[at : at+32])
		return n.Int64(), n.IsInt64() && n.Int64() <= int64(len(out))
	}
	start, ok := word(0)
	if !ok {
		return nil, bad
	}
	if n, ok := word(start); !ok || n != int64(calls) {
		return nil, bad
	}
	list := start + 32 // what the offsets count from
	succeeded := make([]bool, calls)
	for i := range succeeded {
		offset, ok := word(list + int64(i)*32)
		if !ok {
			return nil, bad
		}
		flag, ok := word(list + offset)
		if !ok || flag > 1 {
			return nil, bad
		}
		succeeded[i] = flag == 1
	}
	return succeeded, nil
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
