package facilitator

import (
	"bytes"
	"context"
	"math/big"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/x402"
)

// Selectors and topics of the token (payments.md, USDC).
var (
	selectorTransfer  = common.FromHex("e3ee160e") // transferWithAuthorization(..., uint8 v, bytes32 r, bytes32 s)
	selectorState     = common.FromHex("e94a0102") // authorizationState(address,bytes32)
	selectorBalance   = common.FromHex("70a08231") // balanceOf(address)
	selectorSeparator = common.FromHex("3644e515") // DOMAIN_SEPARATOR()
	topicTransfer     = crypto.Keccak256Hash([]byte("Transfer(address,address,uint256)"))
)

func pack(selector []byte, words ...[]byte) []byte {
	data := bytes.Clone(selector)
	for _, w := range words {
		data = append(data, common.LeftPadBytes(w, 32)...)
	}
	return data
}

func number(n int64) []byte { return big.NewInt(n).Bytes() }

func domainSeparatorCall() []byte { return pack(selectorSeparator) }

func balanceOfCall(of common.Address) []byte { return pack(selectorBalance, of[:]) }

func authorizationStateCall(from common.Address, nonce common.Hash) []byte {
	return pack(selectorState, from[:], nonce[:])
}

// transferCall executes a payment whose signature has been checked.
func transferCall(p x402.Payment) []byte {
	a, s := p.Authorization, p.Signature
	v := s[64]
	if v < 27 {
		v += 27
	}
	return pack(selectorTransfer, a.From[:], a.To[:], number(int64(a.Value)),
		number(a.ValidAfter), number(a.ValidBefore), a.Nonce[:], []byte{v}, s[:32], s[32:64])
}

// call asks the token, as the relayer, at the newest block.
func (f *Facilitator) call(ctx context.Context, data []byte) ([]byte, error) {
	return f.eth.CallContract(ctx, ethereum.CallMsg{From: f.relayer, To: &f.opts.Network.Token, Data: data}, nil)
}

// holdsTransfer reports whether the receipt shows the payment's transfer.
func holdsTransfer(receipt *types.Receipt, p x402.Payment) bool {
	a := p.Authorization
	for _, log := range receipt.Logs {
		if log.Address == p.Domain.Contract && len(log.Topics) == 3 && log.Topics[0] == topicTransfer &&
			log.Topics[1] == common.BytesToHash(a.From[:]) && log.Topics[2] == common.BytesToHash(a.To[:]) &&
			new(big.Int).SetBytes(log.Data).Cmp(big.NewInt(int64(a.Value))) == 0 {
			return true
		}
	}
	return false
}
