package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Topics of USDC's events; payments.md has the two of EIP-3009.
var (
	topicTransfer = crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))
	topicUsed     = crypto.Keccak256Hash([]byte("AuthorizationUsed(address,bytes32)"))
	topicCanceled = crypto.Keccak256Hash([]byte("AuthorizationCanceled(address,bytes32)"))
)

// calldata is a method's selector followed by its arguments, 32 bytes each.
func calldata(signature string, words ...[]byte) []byte {
	data := crypto.Keccak256([]byte(signature))[:4]
	for _, w := range words {
		data = append(data, w...)
	}
	return data
}

func addressWord(a common.Address) []byte { return common.LeftPadBytes(a[:], 32) }

// numberWord is n >= 0 as a uint256.
func numberWord(n int64) []byte {
	var w [32]byte
	binary.BigEndian.PutUint64(w[24:], uint64(n))
	return w[:]
}

func readBool(out []byte) (bool, error) {
	n := new(big.Int).SetBytes(out)
	if len(out) != 32 || n.BitLen() > 1 {
		return false, fmt.Errorf("chain: %d bytes are no bool: is this the right contract?", len(out))
	}
	return n.Sign() == 1, nil
}

func readMicros(out []byte) (ledger.Micros, error) {
	n := new(big.Int).SetBytes(out)
	if len(out) != 32 || !n.IsInt64() {
		return 0, fmt.Errorf("chain: %#x is no amount that fits", out)
	}
	return ledger.Micros(n.Int64()), nil
}

// readString decodes the one string that a call returned.
func readString(out []byte) (string, error) {
	bad := errors.New("chain: the answer is no string: is this the right contract?")
	if len(out) < 64 || new(big.Int).SetBytes(out[:32]).Cmp(big.NewInt(32)) != 0 {
		return "", bad
	}
	size := new(big.Int).SetBytes(out[32:64])
	if !size.IsInt64() || size.Int64() > int64(len(out)-64) {
		return "", bad
	}
	return string(out[64 : 64+size.Int64()]), nil
}
