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
	Pause    time.Duration // between two blocks, when walking them

	MaxAnswer int64 // bytes of one answer; a full block of Base has a few MB
}

// DefaultLimits suit a public node of Base: at most about half a minute for one
// call; a look back of 30 days.
func DefaultLimits() Limits {
	return Limits{
		Timeout: 15 * time.Second, Tries: 4, Backoff: 250 * time.Millisecond, MaxWait: 10 * time.Second,
		LogRange: 10_000, Lookback: 30 * 43_200, MaxAnswer: 64 << 20,
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
	if l.Timeout <= 0 || l.Tries < 1 || l.LogRange < 1 || l.MaxAnswer < 1 {
		return nil, fmt.Errorf("chain: limits need a timeout, tries, a log range and a longest answer: %+v", l)
	}
	client := &http.Client{Transport: newTransport(l.MaxAnswer)}
	conn, err := rpc.DialOptions(ctx, rpcURL, rpc.WithHTTPClient(client))
	if err != nil {
		return nil, fmt.Errorf("chain: dial: %w", redact(err))
	}
	c := &Client{rpc: conn, http: client, chainID: expectChainID, limits: l}
	c.span.Store(l.LogRange)
	var id hexutil.Uint64
	if err := c.call(ctx, &id, "eth_chainId"); err != nil {
		c.Close()
		return nil, err
	}
	if int64(id) != expectChainID {
		c.Close()
		return nil, fmt.Errorf("%w: the node at %s is of chain %d, not %d: check BASE_RPC_URL and CHAIN_ID", ErrWrongChain, u.Hostname(), id, expectChainID)
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

// call asks the node, again and ever more slowly if it is busy, behind or out
// of reach.
func (c *Client) call(ctx context.Context, result any, method string, args ...any) error {
	backoff := c.limits.Backoff
	for try := 1; ; try++ {
		asked, err := c.attempt(ctx, result, method, args)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("chain: %s: %w", method, ctx.Err())
		}
		if try >= c.limits.Tries || !transient(err) || (method == getLogs && tooWide(err)) {
			return fmt.Errorf("chain: %s: %w", method, redact(err))
		}
		wait := max(asked, backoff/2+rand.N(backoff/2+1))
		if err := sleep(ctx, min(wait, c.limits.MaxWait)); err != nil {
			return fmt.Errorf("chain: %s: %w", method, err)
		}
		backoff *= 2
	}
}

// attempt is one request; asked is how long the node wants to be left alone.
func (c *Client) attempt(ctx context.Context, result any, method string, args []any) (asked time.Duration, err error) {
	ctx, cancel := context.WithTimeout(withRetryAfter(ctx, &asked), c.limits.Timeout)
	defer cancel()
	err = c.rpc.CallContext(ctx, result, method, args...)
	return asked, err
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
