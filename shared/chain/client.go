// Package chain reads Base and sends transactions to it (payments.md), over
// JSON-RPC.
//
// The chain is the truth about money, and a node is only a witness of it: it
// may lag, err or be asked through a balancer. So every error here means
// "unknown", never "unused" or "unpaid", and what says that something was paid
// is a receipt that has been checked field by field, in a block that has been
// checked to be on the canonical chain.
//
// It decodes blocks, receipts and logs itself, since go-ethereum's client
// refuses blocks that hold a rollup's deposit transactions.
package chain

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
)

// Limits keep a client polite and its calls bounded.
type Limits struct {
	Timeout time.Duration // of one request
	Tries   int           // of one call, the first included
	Backoff time.Duration // before the second try; doubles with each, with jitter
	MaxWait time.Duration // longest wait between two tries, also when the node asks for more

	LogRange uint64        // blocks in one eth_getLogs; halved when the node refuses
	Lookback uint64        // blocks before Query.FromBlock that are searched for a used nonce
	Batch    int           // blocks in one request, when walking them; halved when the node refuses
	Gap      time.Duration // least time between the starts of two requests

	MaxAnswer int64 // bytes of one answer; a full block of Base has a few MB
}

// DefaultLimits suit a public node of Base: at most about half a minute for one
// call; a look back of 30 days.
func DefaultLimits() Limits {
	return Limits{
		Timeout: 15 * time.Second, Tries: 4, Backoff: 250 * time.Millisecond, MaxWait: 10 * time.Second,
		LogRange: 10_000, Lookback: 30 * 43_200, Batch: 10, MaxAnswer: 64 << 20,
	}
}

// Client reads one chain through one node. It may be used by several
// goroutines at once.
type Client struct {
	rpc     *rpc.Client
	http    *http.Client
	chainID int64
	limits  Limits
	span    atomic.Uint64 // what is left of Limits.LogRange
	batch   atomic.Int64  // what is left of Limits.Batch
	turn    turn
	asked   struct{ requests, calls atomic.Uint64 }
	private []string // of the node's URL
}

// ErrWrongChain means that the node is of another chain than expected.
var ErrWrongChain = errors.New("chain: wrong chain")

// Dial connects to the node at rpcURL, with DefaultLimits, and checks that it
// is of chain expectChainID. The URL may hold a key: it is in no error.
func Dial(ctx context.Context, rpcURL string, expectChainID int64) (*Client, error) {
	return DialWith(ctx, rpcURL, expectChainID, DefaultLimits())
}

// DialWith is Dial with other limits.
func DialWith(ctx context.Context, rpcURL string, expectChainID int64, l Limits) (*Client, error) {
	u, err := url.Parse(rpcURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("chain: the RPC URL must be of the form https://host/path")
	}
	if l.Timeout <= 0 || l.Tries < 1 || l.LogRange < 1 || l.Batch < 1 || l.MaxAnswer < 1 {
		return nil, fmt.Errorf("chain: limits need a timeout, tries, a log range, a batch and a longest answer: %+v", l)
	}
	client := &http.Client{Transport: newTransport(l.MaxAnswer)}
	conn, err := rpc.DialOptions(ctx, rpcURL, rpc.WithHTTPClient(client))
	if err != nil {
		return nil, fmt.Errorf("chain: dial: %w", redact(err))
	}
	c := &Client{rpc: conn, http: client, chainID: expectChainID, limits: l, private: privateParts(u)}
	c.span.Store(l.LogRange)
	c.batch.Store(int64(l.Batch))
	var id hexutil.Uint64
	if err := c.call(ctx, &id, "eth_chainId"); err != nil {
		c.Close()
		return nil, err
	}
	if int64(id) != expectChainID {
		c.Close()
		return nil, fmt.Errorf("%w: the node at %s is of chain %d, not %d: check its URL and the chain id", ErrWrongChain, u.Hostname(), id, expectChainID)
	}
	return c, nil
}

// ChainID is the chain's id, which the node has confirmed.
func (c *Client) ChainID() int64 { return c.chainID }

// Close ends the client's connections.
func (c *Client) Close() {
	c.rpc.Close()
	c.http.CloseIdleConnections()
}

// Asked is what was asked of the node so far: HTTP requests, and the calls in
// them, which is what most providers count. Failed ones are counted, too.
func (c *Client) Asked() (requests, calls uint64) {
	return c.asked.requests.Load(), c.asked.calls.Load()
}

// call asks the node, again and ever more slowly if it is busy, behind or out
// of reach.
func (c *Client) call(ctx context.Context, result any, method string, args ...any) error {
	hopeless := func(err error) bool { return method == getLogs && tooWide(err) }
	return c.persist(ctx, method, 1, hopeless, func(ctx context.Context) error {
		return c.rpc.CallContext(ctx, result, method, args...)
	})
}

// persist makes a request of so many calls until it succeeds, is hopeless, or
// has had its tries.
func (c *Client) persist(ctx context.Context, method string, calls int, hopeless func(error) bool, ask func(context.Context) error) error {
	backoff := c.limits.Backoff
	for try := 1; ; try++ {
		wanted, err := c.attempt(ctx, calls, ask)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("chain: %s: %w", method, ctx.Err())
		}
		if try >= c.limits.Tries || !transient(err) || hopeless(err) {
			return fmt.Errorf("chain: %s: %w", method, c.hide(err))
		}
		wait := max(wanted, backoff/2+rand.N(backoff/2+1))
		if err := sleep(ctx, min(wait, c.limits.MaxWait)); err != nil {
			return fmt.Errorf("chain: %s: %w", method, err)
		}
		backoff *= 2
	}
}

// attempt is one request; wanted is how long the node wants to be left alone.
func (c *Client) attempt(ctx context.Context, calls int, ask func(context.Context) error) (wanted time.Duration, err error) {
	if err := c.turn.wait(ctx, c.limits.Gap); err != nil {
		return 0, err
	}
	c.asked.requests.Add(1)
	c.asked.calls.Add(uint64(calls))
	ctx, cancel := context.WithTimeout(withRetryAfter(ctx, &wanted), c.limits.Timeout)
	defer cancel()
	err = ask(ctx)
	return wanted, err
}

// turn keeps the starts of requests apart.
type turn struct {
	mu   sync.Mutex
	next time.Time
}

func (t *turn) wait(ctx context.Context, gap time.Duration) error {
	t.mu.Lock()
	now := time.Now()
	begin := now
	if t.next.After(now) {
		begin = t.next
	}
	t.next = begin.Add(gap)
	t.mu.Unlock()
	return sleep(ctx, begin.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
