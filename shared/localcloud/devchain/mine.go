package devchain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

var errStopped = errors.New("devchain: the chain is stopped")

// miner makes the blocks. Its mutex is held while the chain's head moves.
type miner struct {
	mu sync.Mutex
	// pool is held by whoever waits for the transaction pool: it remembers one
	// waiter, and a second would leave the first waiting for ever.
	pool sync.Mutex

	held  atomic.Bool
	ahead time.Duration // the chain's clock before the real one: what AdvanceTime added
	kick  chan struct{} // there is something to mine
	quit  chan struct{}
	done  chan struct{}
}

func (c *Chain) startMiner() {
	m := &c.miner
	m.kick, m.quit, m.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(m.done)
		var tick <-chan time.Time
		if c.opts.BlockPeriod > 0 {
			ticker := time.NewTicker(c.opts.BlockPeriod)
			defer ticker.Stop()
			tick = ticker.C
		}
		for {
			select {
			case <-m.quit:
				return
			case <-m.kick:
			case <-tick:
			}
			if !c.Held() {
				// An error here shows as a transaction that is never mined; whoever waits for it says so.
				_ = c.Mine(context.Background(), 1)
			}
		}
	}()
}

func (c *Chain) stopMiner() {
	close(c.miner.quit)
	<-c.miner.done
	// Wait for the block under way, if there is one. No other is begun.
	c.miner.mu.Lock()
	defer c.miner.mu.Unlock()
}

// sent is called when a transaction has entered the pool.
func (c *Chain) sent(ctx context.Context) error {
	if err := c.settle(); err != nil {
		return err
	}
	if c.Held() {
		return nil
	}
	if c.opts.Instant {
		return c.Mine(ctx, 1)
	}
	select {
	case c.miner.kick <- struct{}{}:
	default: // one is due already
	}
	return nil
}

// settle waits until the pool counts every transaction in it, so that the next
// account nonce is right.
func (c *Chain) settle() error {
	c.miner.pool.Lock()
	defer c.miner.pool.Unlock()
	if err := c.node.pool.Sync(); err != nil {
		return fmt.Errorf("devchain: transaction pool: %w", err)
	}
	return nil
}

// Mine makes n blocks, the first with every transaction that is waiting, also
// while mining is held.
func (c *Chain) Mine(ctx context.Context, n int) error {
	c.miner.mu.Lock()
	defer c.miner.mu.Unlock()
	for range n {
		if err := c.mineOne(ctx); err != nil {
			return err
		}
	}
	return nil
}

// mineOne waits until a block would not be ahead of the clock, and makes it.
func (c *Chain) mineOne(ctx context.Context) error {
	select {
	case <-c.miner.quit:
		return errStopped
	default:
	}
	before, err := c.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return fmt.Errorf("devchain: head: %w", err)
	}
	if !c.opts.Instant {
		due := time.Unix(int64(before.Time)+1, 0)
		if err := c.sleep(ctx, time.Until(due.Add(-c.miner.ahead))); err != nil {
			return err
		}
	}
	if hash := c.commit(); hash == before.Hash() {
		return errors.New("devchain: no block could be made")
	}
	return nil
}

func (c *Chain) commit() common.Hash {
	c.miner.pool.Lock()
	defer c.miner.pool.Unlock()
	return c.node.beacon.Commit()
}

func (c *Chain) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.miner.quit:
		return errStopped
	}
}

// Hold stops mining: transactions wait until Release or Mine.
func (c *Chain) Hold() { c.miner.held.Store(true) }

// Release mines again, beginning with what waited.
func (c *Chain) Release(ctx context.Context) error {
	c.miner.held.Store(false)
	return c.sent(ctx)
}

// Held reports whether mining is held.
func (c *Chain) Held() bool { return c.miner.held.Load() }

// AdvanceTime makes an empty block whose time is d after the newest, and lets
// the chain's clock go on from there. Nothing may be waiting to be mined.
func (c *Chain) AdvanceTime(ctx context.Context, d time.Duration) error {
	c.miner.mu.Lock()
	defer c.miner.mu.Unlock()
	c.miner.pool.Lock()
	defer c.miner.pool.Unlock()
	// What the last block mined may still be in the pool, as if it waited.
	if err := c.node.pool.Sync(); err != nil {
		return fmt.Errorf("devchain: transaction pool: %w", err)
	}
	if err := c.node.beacon.AdjustTime(d); err != nil {
		return fmt.Errorf("devchain: advance time: %w", err)
	}
	head, err := c.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return fmt.Errorf("devchain: head: %w", err)
	}
	c.miner.ahead = max(c.miner.ahead, time.Until(time.Unix(int64(head.Time), 0)))
	return nil
}

// Head is the newest block's header.
func (c *Chain) Head(ctx context.Context) (*types.Header, error) {
	return c.eth.HeaderByNumber(ctx, nil)
}

// Rewind makes the block depth before the newest the newest again. The
// transactions of the blocks that go return to the pool, or, with forget, are
// gone as if never sent, like those that were waiting. What is mined next makes
// the other branch. Without forget, nothing may be waiting.
func (c *Chain) Rewind(ctx context.Context, depth uint64, forget bool) error {
	c.miner.mu.Lock()
	defer c.miner.mu.Unlock()
	head, err := c.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return fmt.Errorf("devchain: head: %w", err)
	}
	if head.Number.Uint64() < depth {
		return fmt.Errorf("devchain: rewind %d of %s blocks", depth, head.Number)
	}
	parent, err := c.eth.HeaderByNumber(ctx, new(big.Int).SetUint64(head.Number.Uint64()-depth))
	if err != nil {
		return fmt.Errorf("devchain: rewind: %w", err)
	}
	if forget {
		c.node.beacon.Rollback()
	}
	if err := c.node.beacon.Fork(parent.Hash()); err != nil {
		return fmt.Errorf("devchain: rewind: %w", err)
	}
	if forget {
		c.node.beacon.Rollback()
	}
	return nil
}

// Reorg replaces the last depth blocks by depth + 1 others.
func (c *Chain) Reorg(ctx context.Context, depth uint64, forget bool) error {
	if err := c.Rewind(ctx, depth, forget); err != nil {
		return err
	}
	return c.Mine(ctx, int(depth)+1)
}
