// Package usdc knows the token that workers are paid in: on which networks,
// at which address, and under which EIP-712 domain it checks signatures
// (payments.md, USDC). It is pure.
package usdc

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Network is a chain that workers can be paid on, and its USDC.
type Network struct {
	ChainID      int64
	Name         string // CAIP-2: "eip155:8453"
	Token        common.Address
	TokenName    string // of the token's EIP-712 domain; differs between the two
	TokenVersion string
}

// The chain ids of the networks this project pays on.
const (
	Base        = 8453
	BaseSepolia = 84532
)

var networks = []Network{
	{Base, CAIP2(Base), common.HexToAddress("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"), "USD Coin", "2"},
	{BaseSepolia, CAIP2(BaseSepolia), common.HexToAddress("0x036CbD53842c5426634e7929541eC2318f3dCF7e"), "USDC", "2"},
}

// ByChainID is the network with that chain id, if it is one of ours.
func ByChainID(id int64) (Network, bool) {
	i := slices.IndexFunc(networks, func(n Network) bool { return n.ChainID == id })
	if i < 0 {
		return Network{}, false
	}
	return networks[i], true
}

// WithToken is the network with another contract in the place of USDC, such
// as the one of a local chain.
func (n Network) WithToken(token common.Address) Network {
	n.Token = token
	return n
}

// Domain is the EIP-712 domain of the network's USDC.
func (n Network) Domain() Domain {
	return Domain{Name: n.TokenName, Version: n.TokenVersion, ChainID: n.ChainID, Contract: n.Token}
}

// Domain is the EIP-712 domain under which a token checks signatures. What a
// contract answers to name, version and DOMAIN_SEPARATOR is compared with it
// before anything is signed.
type Domain struct {
	Name     string
	Version  string
	ChainID  int64
	Contract common.Address
}

var domainTypeHash = sync.OnceValue(func() []byte {
	return crypto.Keccak256([]byte("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"))
})

// Separator is hashStruct of the domain (EIP-712): what USDC answers to
// DOMAIN_SEPARATOR().
func (d Domain) Separator() common.Hash {
	var chainID [32]byte
	binary.BigEndian.PutUint64(chainID[24:], uint64(d.ChainID))
	return crypto.Keccak256Hash(
		domainTypeHash(),
		crypto.Keccak256([]byte(d.Name)),
		crypto.Keccak256([]byte(d.Version)),
		chainID[:],
		common.LeftPadBytes(d.Contract[:], 32),
	)
}

// Network is the CAIP-2 name of the domain's chain.
func (d Domain) Network() string { return CAIP2(d.ChainID) }

const eip155 = "eip155:"

// CAIP2 is the name of an EVM chain in x402 version 2: "eip155:8453".
func CAIP2(chainID int64) string { return eip155 + strconv.FormatInt(chainID, 10) }

// ParseCAIP2 reads what CAIP2 writes, and nothing else.
func ParseCAIP2(name string) (chainID int64, err error) {
	digits, ok := strings.CutPrefix(name, eip155)
	chainID, err = strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || chainID <= 0 || CAIP2(chainID) != name {
		return 0, fmt.Errorf("usdc: %q is no EVM network (eip155: and a chain id)", name)
	}
	return chainID, nil
}
