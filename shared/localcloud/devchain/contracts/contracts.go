// Package contracts holds the contracts of the local chain: their Solidity
// sources (src/), and the ABI and bytecode that build.mjs makes of them.
package contracts

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

//go:embed contracts.json
var made []byte

// Contract is one compiled contract.
type Contract struct {
	ABI     abi.ABI
	Runtime hexutil.Bytes // the code that stands at its address; none has a constructor
}

// Set is all of them.
type Set struct {
	Solc    string // version of the compiler
	Sources string // SHA-256, hex, of build.mjs and src/: see build.mjs

	Token     Contract // EIP-3009 USDC, the implementation behind Proxy
	Proxy     Contract
	Multicall Contract // Multicall3's aggregate3
	Wallet    Contract // a wallet with code (ERC-1271), for tests
}

// Load reads the embedded contracts.
func Load() (*Set, error) {
	var file struct {
		Solc, Sources string
		Contracts     struct{ Token, Proxy, Multicall, Wallet Contract }
	}
	if err := json.Unmarshal(made, &file); err != nil {
		return nil, fmt.Errorf("contracts: contracts.json: %w", err)
	}
	c := file.Contracts
	return &Set{file.Solc, file.Sources, c.Token, c.Proxy, c.Multicall, c.Wallet}, nil
}
