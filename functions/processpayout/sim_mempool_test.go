package processpayout

import (
	"math/big"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	solidity "github.com/BlockRunAI/worker-network/shared/localcloud/devchain/contracts"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// broadcast takes a transaction of a simulated account, by a node's rules.
func (c *simChain) broadcast(raw []byte) (chain.Sent, error) {
	tx := new(types.Transaction)
	if err := tx.UnmarshalBinary(raw); err != nil {
		return "", err
	}
	from, err := types.Sender(types.LatestSignerForChainID(tx.ChainId()), tx)
	if err != nil {
		return "", err
	}
	if tx.Nonce() < c.accountNonce(from, c.head()) {
		return chain.NonceTooLow, nil
	}
	for i, other := range c.mempool {
		if other.account == nil || other.from != from || other.account.Nonce() != tx.Nonce() {
			continue
		}
		if other.hash == tx.Hash() {
			return chain.Known, nil
		}
		least := new(big.Int).Div(new(big.Int).Mul(other.account.GasFeeCap(), big.NewInt(11)), big.NewInt(10))
		if tx.GasFeeCap().Cmp(least) < 0 {
			return chain.Underpriced, nil
		}
		c.mempool = slices.Delete(c.mempool, i, i+1)
		break
	}
	wants, _ := c.read(*tx.To(), tx.Data())
	c.submit(simTx{account: tx, from: from, wants: wants})
	return chain.Accepted, nil
}

// rehearse is eth_call.
func (c *simChain) rehearse(to common.Address, data []byte) ([]byte, error) {
	wants, many := c.read(to, data)
	at := c.blocks[c.head()].time + 1
	if !many {
		if len(wants) != 1 || !c.executes(wants[0], at) {
			return nil, &chain.Revert{}
		}
		return nil, nil
	}
	type result struct {
		Success    bool
		ReturnData []byte
	}
	var out []result
	seen := map[common.Hash]bool{}
	for _, pay := range wants {
		n := pay.Authorization.Nonce
		out = append(out, result{Success: !seen[n] && c.executes(pay, at)})
		seen[n] = true
	}
	return abis().Multicall.ABI.Methods["aggregate3"].Outputs.Pack(out)
}

// simMulticall is where Multicall3 stands in a simulation.
var simMulticall = common.HexToAddress("0xcA11")

var abis = sync.OnceValue(func() *solidity.Set {
	set, err := solidity.Load()
	if err != nil {
		panic(err)
	}
	return set
})

// read is what a transaction's calldata asks of the token, as the contracts
// read it: one transfer, or many through Multicall3.
func (c *simChain) read(to common.Address, data []byte) (wants []x402.Payment, many bool) {
	switch to {
	case c.domain.Contract:
		return []x402.Payment{c.transfer(data)}, false
	case simMulticall:
		args := unpack(abis().Multicall.ABI, data)
		calls := args[0].([]struct {
			Target       common.Address `json:"target"`
			AllowFailure bool           `json:"allowFailure"`
			CallData     []byte         `json:"callData"`
		})
		for _, call := range calls {
			if call.Target != c.domain.Contract || !call.AllowFailure {
				panic("simulation: a call that may not fail, or not of the token")
			}
			wants = append(wants, c.transfer(call.CallData))
		}
		return wants, true
	}
	return nil, false // a log transaction
}

func (c *simChain) transfer(data []byte) x402.Payment {
	a := unpack(abis().Token.ABI, data)
	number := func(i int) int64 { return a[i].(*big.Int).Int64() }
	r, s := a[7].([32]byte), a[8].([32]byte)
	return x402.Payment{
		Domain: c.domain,
		Authorization: x402.Authorization{
			From: a[0].(common.Address), To: a[1].(common.Address), Value: ledger.Micros(number(2)),
			ValidAfter: number(3), ValidBefore: number(4), Nonce: a[5].([32]byte),
		},
		Signature: append(append(r[:], s[:]...), a[6].(uint8)),
	}
}

// unpack panics on what is no call of the contract: nothing else is sent.
func unpack(contract abi.ABI, data []byte) []any {
	method, err := contract.MethodById(data)
	if err != nil {
		panic(err)
	}
	args, err := method.Inputs.Unpack(data[4:])
	if err != nil {
		panic(err)
	}
	return args
}
