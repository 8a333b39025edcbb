// Package devchain is a whole chain in this process: a go-ethereum node that
// mines for itself, with Base Sepolia's chain id, USDC and Multicall3 at the
// addresses that they have there, and JSON-RPC over HTTP. It can misbehave on purpose:
// pause, blacklist, hold blocks back, reorganise, move the clock, and
// Intercept any call.
//
// The token (contracts/src) behaves like Circle's as far as a payer can see.
// "safe" and "finalized" are the newest block, unless Options say otherwise.
package devchain

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain/contracts"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// Options say what chain to start. The zero value is a chain for tests on a
// free port of the loopback interface.
type Options struct {
	RPCAddr string // host:port of the JSON-RPC; port 0 takes a free one; "" is 127.0.0.1:0
	ChainID int64  // 0 is Base Sepolia's, 84532

	// BlockPeriod is the longest time between blocks. A transaction is mined as
	// soon as the clock allows: block times are whole seconds, each later than
	// the one before, and never ahead of the clock. 0 mines only when there is
	// a transaction.
	BlockPeriod time.Duration
	// Instant mines every transaction before eth_sendRawTransaction answers, so
	// that tests need not wait; block times then may run ahead of the clock, by
	// a second a block.
	Instant bool
	// SafeDepth and FinalizedDepth are how many blocks "safe" and "finalized"
	// are behind the newest; finalized is never after safe.
	SafeDepth, FinalizedDepth uint64

	// Keys of the accounts that the network needs; nil ones are made up.
	// The treasury has USDC and no ETH, the others ETH and no USDC.
	Treasury, Relayer, LogSender *ecdsa.PrivateKey
	// Fund are further addresses that get what Chain.Fund gives.
	Fund []common.Address
}

// Chain is a running chain.
type Chain struct {
	URL     string // of the JSON-RPC: http://127.0.0.1:8545
	Network usdc.Network

	Treasury, Relayer, LogSender *ecdsa.PrivateKey
	Multicall                    common.Address // Multicall3's address on every chain
	Wallet                       common.Address // a contract (ERC-1271) for which the treasury's key signs

	opts      Options
	contracts *contracts.Set
	faucet    *ecdsa.PrivateKey // owner of the token, with endless ETH
	node      *gethNode
	eth       *ethclient.Client // of node
	http      *http.Server
	miner     miner
	sending   sync.Mutex // account nonces of Send

	interceptMu sync.RWMutex
	intercept   Interceptor

	stop   sync.Once
	served sync.WaitGroup
}

// Start starts a chain, with the token set up and everybody funded. ctx bounds
// the start alone; Stop ends the chain. A busy port is an error that says so.
func Start(ctx context.Context, o Options) (*Chain, error) {
	if o.RPCAddr == "" {
		o.RPCAddr = "127.0.0.1:0"
	}
	if o.ChainID == 0 {
		o.ChainID = usdc.BaseSepolia
	}
	o.FinalizedDepth = max(o.FinalizedDepth, o.SafeDepth)
	set, err := contracts.Load()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.RPCAddr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("devchain: %s is in use: stop what listens there or choose another port", o.RPCAddr)
	}
	if err != nil {
		return nil, fmt.Errorf("devchain: listen on %s: %w", o.RPCAddr, err)
	}
	c := &Chain{
		URL: "http://" + listener.Addr().String(), Network: network(o.ChainID), Multicall: multicall, Wallet: wallet,
		Treasury: o.Treasury, Relayer: o.Relayer, LogSender: o.LogSender,
		opts: o, contracts: set,
	}
	if err := c.makeKeys(); err != nil {
		listener.Close()
		return nil, err
	}
	if c.node, err = startNode(o.ChainID, c.alloc()); err != nil {
		listener.Close()
		return nil, err
	}
	c.eth = c.node.eth
	c.startMiner()
	c.http = &http.Server{Handler: http.HandlerFunc(c.serveRPC), ReadHeaderTimeout: 10 * time.Second}
	c.served.Go(func() { _ = c.http.Serve(listener) }) // returns when Stop closes it
	if err := c.setUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("devchain: set up: %w", err), c.Stop())
	}
	return c, nil
}

// Stop ends the chain and waits until nothing of it is left. It may be called
// more than once.
func (c *Chain) Stop() error {
	var err error
	c.stop.Do(func() {
		// Calls under way are let finish, but not waited for if they hang.
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if c.http.Shutdown(ctx) != nil {
			err = c.http.Close()
		}
		c.served.Wait()
		c.stopMiner()
		err = errors.Join(err, c.node.stop())
	})
	return err
}

func (c *Chain) makeKeys() error {
	for _, key := range []**ecdsa.PrivateKey{&c.Treasury, &c.Relayer, &c.LogSender, &c.faucet} {
		if *key != nil {
			continue
		}
		made, err := crypto.GenerateKey()
		if err != nil {
			return fmt.Errorf("devchain: make a key: %w", err)
		}
		*key = made
	}
	return nil
}

// network is the one with that chain id; a chain of no such network has Base
// Sepolia's token.
func network(chainID int64) usdc.Network {
	if n, ok := usdc.ByChainID(chainID); ok {
		return n
	}
	n, _ := usdc.ByChainID(usdc.BaseSepolia)
	n.ChainID, n.Name = chainID, usdc.CAIP2(chainID)
	return n
}

func address(key *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(key.PublicKey) }
