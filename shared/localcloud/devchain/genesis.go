package devchain

import (
	"context"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

// Where contracts stand. USDC is where the network has it.
var (
	multicall      = common.HexToAddress("0xcA11bde05977b3631167028862bE2a173976CA11") // Multicall3, on every chain
	implementation = common.HexToAddress("0x00000000000000000000000000000000000F1a70") // code of the token
	wallet         = common.HexToAddress("0x000000000000000000000000000000000000CA1f")
)

// What everybody gets.
var (
	ether    = big.NewInt(params.Ether)
	fundWei  = ether
	fundUSDC = int64(1_000 * 1_000_000)
)

func (c *Chain) alloc() types.GenesisAlloc {
	word := func(a common.Address) common.Hash { return common.BytesToHash(a[:]) }
	slot := func(name string) common.Hash { return crypto.Keccak256Hash([]byte(name)) }
	alloc := types.GenesisAlloc{
		implementation: {Code: c.contracts.Token.Runtime},
		multicall:      {Code: c.contracts.Multicall.Runtime},
		wallet:         {Code: c.contracts.Wallet.Runtime, Storage: map[common.Hash]common.Hash{{}: word(address(c.Treasury))}},
		c.Network.Token: {Code: c.contracts.Proxy.Runtime, Storage: map[common.Hash]common.Hash{
			slot("org.zeppelinos.proxy.implementation"): word(implementation),
			slot("org.zeppelinos.proxy.admin"):          word(common.Address{19: 1}),
		}},
		address(c.faucet):    {Balance: new(big.Int).Mul(ether, ether)},
		address(c.Relayer):   {Balance: new(big.Int).Mul(ether, big.NewInt(100))},
		address(c.LogSender): {Balance: ether},
	}
	for _, a := range c.opts.Fund {
		if _, has := alloc[a]; !has {
			alloc[a] = types.Account{Balance: fundWei}
		}
	}
	return alloc
}

// setUp initialises the token and mints, all in the first block.
func (c *Chain) setUp(ctx context.Context) error {
	n := c.Network
	calls := [][]byte{
		c.pack("initialize", n.TokenName, "USDC", n.TokenVersion, address(c.faucet)),
		c.pack("mint", address(c.Treasury), big.NewInt(fundUSDC)),
	}
	for _, a := range c.opts.Fund {
		calls = append(calls, c.pack("mint", a, big.NewInt(fundUSDC)))
	}
	hashes := make([]common.Hash, len(calls))
	for i, data := range calls {
		// The gas is given: until the first is mined the others would revert.
		hash, err := c.send(ctx, Tx{From: c.faucet, To: n.Token, Data: data, Gas: 500_000})
		if err != nil {
			return err
		}
		hashes[i] = hash
	}
	if err := c.Mine(ctx, 1); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := c.wait(ctx, hash); err != nil {
			return err
		}
	}
	return nil
}
