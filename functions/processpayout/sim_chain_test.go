package processpayout

import (
	"cmp"
	"encoding/binary"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// simChain is Base and its USDC in a simulation. Blocks are made by tick. It
// is used by one goroutine at a time.
type simChain struct {
	domain    usdc.Domain
	treasury  common.Address
	logSender common.Address
	safeDepth int // blocks between the safe one and the newest
	safe      int // the newest block that ever was safe; it stays

	blocks  []simBlock
	mempool []simTx
	count   uint64 // of transactions ever made, for their hashes

	balance ledger.Micros // of the treasury at genesis and by deposits
	blocked map[common.Address]bool
	paused  bool
	noLogs  bool // no log transaction ever gets from the mempool into a block
}

type simBlock struct {
	time int64
	txs  []simTx // those that had an effect
}

// simTx is one of: a transfer, a cancellation, a transaction of the log sender.
type simTx struct {
	hash   common.Hash
	pay    *x402.Payment
	cancel *common.Hash
	log    *types.Transaction
}

func newSimChain(domain usdc.Domain, treasury, logSender common.Address, genesis time.Time) *simChain {
	return &simChain{
		domain: domain, treasury: treasury, logSender: logSender, safeDepth: 3, balance: 1_000_000_000,
		blocked: map[common.Address]bool{}, blocks: []simBlock{{time: genesis.Unix()}},
	}
}

// submit puts a transaction into the mempool.
func (c *simChain) submit(tx simTx) common.Hash {
	if tx.log != nil {
		tx.hash = tx.log.Hash()
	} else {
		c.count++
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], c.count)
		tx.hash = crypto.Keccak256Hash([]byte("transaction"), n[:])
	}
	c.mempool = append(c.mempool, tx)
	return tx.hash
}

// tick makes a block at that time of all that can be executed. What cannot is
// reverted and gone, but for log transactions that wait for a lower nonce.
func (c *simChain) tick(now time.Time) {
	block := simBlock{time: max(now.Unix(), c.blocks[len(c.blocks)-1].time+1)}
	// Of log transactions with one account nonce the highest fee wins.
	logs := slices.DeleteFunc(slices.Clone(c.mempool), func(tx simTx) bool { return tx.log == nil })
	slices.SortStableFunc(logs, func(a, b simTx) int {
		return cmp.Or(cmp.Compare(a.log.Nonce(), b.log.Nonce()), b.log.GasFeeCap().Cmp(a.log.GasFeeCap()))
	})
	pool := append(slices.DeleteFunc(c.mempool, func(tx simTx) bool { return tx.log != nil }), logs...)
	c.blocks = append(c.blocks, block)
	last := &c.blocks[len(c.blocks)-1]
	var later []simTx
	for _, tx := range pool {
		switch {
		case tx.log != nil && c.noLogs:
		case tx.log != nil && tx.log.Nonce() > c.accountNonce(len(c.blocks)-1):
			later = append(later, tx)
		case c.executes(tx, block.time):
			last.txs = append(last.txs, tx)
		}
	}
	c.mempool = later
	c.safe = max(c.safe, len(c.blocks)-1-c.safeDepth)
}

func (c *simChain) executes(tx simTx, at int64) bool {
	head := len(c.blocks) - 1
	switch {
	case tx.log != nil:
		return tx.log.Nonce() == c.accountNonce(head)
	case tx.cancel != nil:
		_, _, used := c.find(*tx.cancel, head)
		return !used
	}
	a := tx.pay.Authorization
	_, _, used := c.find(a.Nonce, head)
	return !used && tx.pay.Domain == c.domain && tx.pay.Check() == nil && at < a.ValidBefore && at > a.ValidAfter &&
		!c.paused && !c.blocked[a.To] && !c.blocked[a.From] && c.held(head) >= a.Value
}

// find is the transaction that used a nonce, as of a head.
func (c *simChain) find(nonce common.Hash, head int) (tx simTx, block int, used bool) {
	for i := head; i >= 0; i-- {
		for _, tx := range c.blocks[i].txs {
			if tx.pay != nil && tx.pay.Authorization.Nonce == nonce || tx.cancel != nil && *tx.cancel == nonce {
				return tx, i, true
			}
		}
	}
	return simTx{}, 0, false
}

// held is what is left in the treasury.
func (c *simChain) held(head int) ledger.Micros {
	left := c.balance
	for _, b := range c.blocks[:head+1] {
		for _, tx := range b.txs {
			if tx.pay != nil && tx.pay.Authorization.From == c.treasury {
				left -= tx.pay.Authorization.Value
			}
		}
	}
	return left
}

func (c *simChain) accountNonce(head int) (n uint64) {
	for _, b := range c.blocks[:head+1] {
		for _, tx := range b.txs {
			if tx.log != nil {
				n++
			}
		}
	}
	return n
}

// reorg drops the newest blocks, never a safe one. What was in them goes back
// to the mempool, or is lost.
func (c *simChain) reorg(depth int, lose bool) {
	keep := max(c.safe+1, len(c.blocks)-depth)
	for _, b := range c.blocks[keep:] {
		if !lose {
			c.mempool = append(c.mempool, b.txs...)
		}
	}
	c.blocks = c.blocks[:keep]
}

// safeHead is the safe block for a node whose newest is head.
func (c *simChain) safeHead(head int) int { return max(0, min(c.safe, head-c.safeDepth)) }

// authorization is what a node says whose newest block is lag blocks old.
func (c *simChain) authorization(p ledger.Payout, lag int) Authorization {
	head := max(0, len(c.blocks)-1-lag)
	safe := c.safeHead(head)
	tx, block, used := c.find(p.Nonce, head)
	if !used {
		return Authorization{Use: Unused, Head: uint64(head), SafeTime: time.Unix(c.blocks[safe].time, 0)}
	}
	a := Authorization{Use: PaidDifferently, Tx: tx.hash, Block: uint64(block), Safe: block <= safe, Head: uint64(head)}
	switch {
	case tx.cancel != nil:
		a.Use = Canceled
	case tx.pay.Authorization.To == p.ID.Worker && tx.pay.Authorization.Value == p.Amount:
		a.Use = Paid
	}
	return a
}

func (c *simChain) obstacle(p ledger.Payout) Obstacle {
	switch {
	case c.blocked[p.ID.Worker]:
		return RecipientBlocked
	case c.blocked[p.Treasury]:
		return TreasuryBlocked
	case c.paused:
		return TokenPaused
	case c.held(len(c.blocks)-1) < p.Amount:
		return TreasuryShort
	}
	return NoObstacle
}

func (c *simChain) accountNonces(lag int) (safe, latest uint64) {
	head := max(0, len(c.blocks)-1-lag)
	return c.accountNonce(c.safeHead(head)), c.accountNonce(head)
}

func (c *simChain) txStatus(hashes []common.Hash, lag int) *chain.Mined {
	head := max(0, len(c.blocks)-1-lag)
	for i, b := range c.blocks[:head+1] {
		for _, tx := range b.txs {
			if slices.Contains(hashes, tx.hash) {
				return &chain.Mined{Tx: tx.hash, Block: uint64(i), Safe: i <= c.safeHead(head)}
			}
		}
	}
	return nil
}

// broadcast takes a log transaction, by a node's rules.
func (c *simChain) broadcast(raw []byte) (chain.Sent, error) {
	tx := new(types.Transaction)
	if err := tx.UnmarshalBinary(raw); err != nil {
		return "", err
	}
	if tx.Nonce() < c.accountNonce(len(c.blocks)-1) {
		return chain.NonceTooLow, nil
	}
	for i, other := range c.mempool {
		if other.log == nil || other.log.Nonce() != tx.Nonce() {
			continue
		}
		if other.hash == tx.Hash() {
			return chain.Known, nil
		}
		least := new(big.Int).Div(new(big.Int).Mul(other.log.GasFeeCap(), big.NewInt(11)), big.NewInt(10))
		if tx.GasFeeCap().Cmp(least) < 0 {
			return chain.Underpriced, nil
		}
		c.mempool = slices.Delete(c.mempool, i, i+1)
		break
	}
	c.submit(simTx{log: tx})
	return chain.Accepted, nil
}

// transfers are all that the treasury has paid, by nonce.
func (c *simChain) transfers() map[common.Hash][]x402.Authorization {
	all := map[common.Hash][]x402.Authorization{}
	for _, b := range c.blocks {
		for _, tx := range b.txs {
			if tx.pay != nil {
				n := tx.pay.Authorization.Nonce
				all[n] = append(all[n], tx.pay.Authorization)
			}
		}
	}
	return all
}
