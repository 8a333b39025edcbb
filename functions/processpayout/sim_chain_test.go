package processpayout

import (
	"cmp"
	"encoding/binary"
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
	empty   bool                    // the treasury's money is elsewhere
	stuck   map[common.Address]bool // nothing of these accounts gets from the mempool into a block
}

type simBlock struct {
	time int64
	txs  []simTx
}

// simTx is a transaction: of an account that is simulated with its nonce (the
// log sender's, the relayer's), or of somebody else.
type simTx struct {
	hash   common.Hash
	wants  []x402.Payment // the transfers that it tries to make
	cancel *common.Hash   // a nonce that it cancels

	account *types.Transaction // of a simulated account
	from    common.Address

	made     []x402.Payment // in a block: the transfers that it made
	reverted bool
}

func newSimChain(domain usdc.Domain, treasury, logSender common.Address, genesis time.Time) *simChain {
	return &simChain{
		domain: domain, treasury: treasury, logSender: logSender, safeDepth: 3, balance: 1_000_000_000,
		blocked: map[common.Address]bool{}, stuck: map[common.Address]bool{}, blocks: []simBlock{{time: genesis.Unix()}},
	}
}

func (c *simChain) head() int { return len(c.blocks) - 1 }

// submit puts a transaction into the mempool.
func (c *simChain) submit(tx simTx) common.Hash {
	if tx.account != nil {
		tx.hash = tx.account.Hash()
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
// gone, but for what waits for a lower account nonce.
func (c *simChain) tick(now time.Time) {
	// Of transactions with one account nonce the highest fee wins.
	slices.SortStableFunc(c.mempool, func(a, b simTx) int {
		if a.account == nil || b.account == nil {
			return cmp.Compare(boolInt(a.account != nil), boolInt(b.account != nil))
		}
		return cmp.Or(a.from.Cmp(b.from), cmp.Compare(a.account.Nonce(), b.account.Nonce()), b.account.GasFeeCap().Cmp(a.account.GasFeeCap()))
	})
	pool := c.mempool
	c.mempool = nil
	c.blocks = append(c.blocks, simBlock{time: max(now.Unix(), c.blocks[c.head()].time+1)})
	for _, tx := range pool {
		nonce := c.accountNonce(tx.from, c.head())
		switch {
		case tx.account != nil && c.stuck[tx.from]:
			c.mempool = append(c.mempool, tx)
		case tx.account != nil && tx.account.Nonce() > nonce:
			c.mempool = append(c.mempool, tx)
		case tx.account != nil && tx.account.Nonce() < nonce:
		default:
			c.include(tx)
		}
	}
	c.safe = max(c.safe, c.head()-c.safeDepth)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// include executes a transaction in the newest block.
func (c *simChain) include(tx simTx) {
	last := &c.blocks[c.head()]
	tx.made, tx.reverted = nil, len(tx.wants) == 1
	// It is in the block while it executes, so that what it has made counts.
	last.txs = append(last.txs, tx)
	in := &last.txs[len(last.txs)-1]
	for _, pay := range tx.wants {
		if c.executes(pay, last.time) {
			in.made, in.reverted = append(in.made, pay), false
		}
	}
	if tx.cancel != nil {
		in.cancel = nil
		if _, _, used := c.find(*tx.cancel, c.head()); !used {
			in.cancel = tx.cancel
		}
	}
	if tx.account == nil && len(in.made) == 0 && in.cancel == nil {
		last.txs = last.txs[:len(last.txs)-1] // nobody looks for it
	}
}

// executes reports whether the token would make a transfer now.
func (c *simChain) executes(pay x402.Payment, at int64) bool {
	a := pay.Authorization
	_, _, used := c.find(a.Nonce, c.head())
	return !used && pay.Domain == c.domain && at < a.ValidBefore && at > a.ValidAfter &&
		!c.paused && !c.blocked[a.To] && !c.blocked[a.From] && c.held(c.head()) >= a.Value && pay.Check() == nil
}

// find is the transaction that used a nonce, as of a head.
func (c *simChain) find(nonce common.Hash, head int) (tx simTx, block int, used bool) {
	for i := head; i >= 0; i-- {
		for _, tx := range c.blocks[i].txs {
			if tx.cancel != nil && *tx.cancel == nonce || slices.ContainsFunc(tx.made, func(p x402.Payment) bool { return p.Authorization.Nonce == nonce }) {
				return tx, i, true
			}
		}
	}
	return simTx{}, 0, false
}

// held is what is left in the treasury.
func (c *simChain) held(head int) ledger.Micros {
	if c.empty {
		return 0
	}
	left := c.balance
	for _, b := range c.blocks[:head+1] {
		for _, tx := range b.txs {
			for _, pay := range tx.made {
				left -= pay.Authorization.Value
			}
		}
	}
	return left
}

func (c *simChain) accountNonce(of common.Address, head int) (n uint64) {
	for _, b := range c.blocks[:head+1] {
		for _, tx := range b.txs {
			if tx.account != nil && tx.from == of {
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

// behind is the newest block of a node that lags.
func (c *simChain) behind(lag int) int { return max(0, c.head()-lag) }

// authorization is what a node says whose newest block is lag blocks old.
func (c *simChain) authorization(p ledger.Payout, lag int) Authorization {
	head := c.behind(lag)
	safe := c.safeHead(head)
	tx, block, used := c.find(p.Nonce, head)
	if !used {
		return Authorization{Use: Unused, Head: uint64(head), SafeTime: time.Unix(c.blocks[safe].time, 0)}
	}
	a := Authorization{Use: PaidDifferently, Tx: tx.hash, Block: uint64(block), Safe: block <= safe, Head: uint64(head)}
	if tx.cancel != nil {
		a.Use = Canceled
	}
	for _, pay := range tx.made {
		if made := pay.Authorization; made.Nonce == p.Nonce && made.To == p.ID.Worker && made.Value == p.Amount {
			a.Use = Paid
		}
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
	case c.held(c.head()) < p.Amount:
		return TreasuryShort
	}
	return NoObstacle
}

func (c *simChain) accountNonces(of common.Address, lag int) (safe, latest uint64) {
	head := c.behind(lag)
	return c.accountNonce(of, c.safeHead(head)), c.accountNonce(of, head)
}

func (c *simChain) txStatus(hashes []common.Hash, lag int) *chain.Mined {
	head := c.behind(lag)
	for i, b := range c.blocks[:head+1] {
		for _, tx := range b.txs {
			if slices.Contains(hashes, tx.hash) {
				return &chain.Mined{Tx: tx.hash, Block: uint64(i), Safe: i <= c.safeHead(head), Reverted: tx.reverted}
			}
		}
	}
	return nil
}

// accountTransactions are those of an account with nonces first to next - 1, as
// of a node's safe block.
func (c *simChain) accountTransactions(of common.Address, first, next uint64, lag int) (out []chain.AccountTx, err error) {
	safe := c.safeHead(c.behind(lag))
	if c.accountNonce(of, safe) < next {
		return nil, chain.ErrInconsistent
	}
	for i, b := range c.blocks[:safe+1] {
		for _, tx := range b.txs {
			if tx.account != nil && tx.from == of && tx.account.Nonce() >= first && tx.account.Nonce() < next {
				out = append(out, chain.AccountTx{AccountNonce: tx.account.Nonce(), Tx: tx.hash, Block: uint64(i), To: tx.account.To(), Calldata: tx.account.Data()})
			}
		}
	}
	return out, nil
}

// transfers are all that the treasury has paid, by nonce.
func (c *simChain) transfers() map[common.Hash][]x402.Authorization {
	all := map[common.Hash][]x402.Authorization{}
	for _, b := range c.blocks {
		for _, tx := range b.txs {
			for _, pay := range tx.made {
				n := pay.Authorization.Nonce
				all[n] = append(all[n], pay.Authorization)
			}
		}
	}
	return all
}
