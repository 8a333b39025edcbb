package devchain

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/txpool"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
)

// gethNode is a go-ethereum node in memory and the simulated beacon that makes
// its blocks. It is put together as ethclient/simulated does, of the same
// parts: that package keeps its RPC client to itself and panics on errors.
type gethNode struct {
	stack  *node.Node
	pool   *txpool.TxPool
	beacon *catalyst.SimulatedBeacon
	rpc    *rpc.Client // in process
	eth    *ethclient.Client
}

func startNode(chainID int64, alloc types.GenesisAlloc) (*gethNode, error) {
	conf := node.DefaultConfig
	conf.DataDir = "" // in memory
	// It keeps no keys; a directory made for them would outlive a process that is killed.
	conf.KeyStoreDir = os.TempDir()
	conf.P2P = p2p.Config{NoDiscovery: true}
	stack, err := node.New(&conf)
	if err != nil {
		return nil, fmt.Errorf("devchain: node: %w", err)
	}
	n := &gethNode{stack: stack}
	if err := n.start(genesis(chainID, alloc)); err != nil {
		return nil, errors.Join(fmt.Errorf("devchain: node: %w", err), n.stop())
	}
	return n, nil
}

func (n *gethNode) start(g *core.Genesis) error {
	conf := ethconfig.Defaults
	conf.Genesis, conf.NetworkId = g, g.Config.ChainID.Uint64()
	conf.SyncMode = ethconfig.FullSync
	conf.TxPool.NoLocals = true
	conf.LogNoHistory = true                                  // logs are searched without an index
	conf.NoPruning, conf.StateScheme = true, rawdb.HashScheme // the state at every block is kept
	backend, err := eth.New(n.stack, &conf)
	if err != nil {
		return err
	}
	n.stack.RegisterAPIs([]rpc.API{{
		Namespace: "eth",
		Service:   filters.NewFilterAPI(filters.NewFilterSystem(backend.APIBackend, filters.Config{})),
	}})
	if err := n.stack.Start(); err != nil {
		return err
	}
	n.pool = backend.TxPool()
	// The fee recipient is nobody; period 0 is blocks on demand.
	if n.beacon, err = catalyst.NewSimulatedBeacon(0, common.Address{}, backend); err != nil {
		return err
	}
	if err := n.beacon.Fork(backend.BlockChain().GetCanonicalHash(0)); err != nil {
		return err
	}
	n.rpc = n.stack.Attach()
	n.eth = ethclient.NewClient(n.rpc)
	return nil
}

func (n *gethNode) stop() error {
	var err error
	if n.rpc != nil {
		n.rpc.Close()
	}
	if n.beacon != nil {
		err = n.beacon.Stop()
	}
	return errors.Join(err, n.stack.Close())
}

// genesis has Osaka's rules. The development rules of go-ethereum go further,
// to forks under which gas costs are not those that Base has.
func genesis(chainID int64, alloc types.GenesisAlloc) *core.Genesis {
	rules := *params.AllDevChainProtocolChanges
	rules.ChainID = big.NewInt(chainID)
	rules.BogotaTime = nil
	all := core.SystemContractAllocs()
	maps.Copy(all, alloc)
	return &core.Genesis{
		Config:    &rules,
		Timestamp: uint64(time.Now().Unix()) - 10,
		GasLimit:  ethconfig.Defaults.Miner.GasCeil,
		Alloc:     all,
	}
}
