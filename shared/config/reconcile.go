package config

import (
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Reconcile configures the function of that name. It needs no key: it only
// reads, the books and the chain.
type Reconcile struct {
	Log      Log
	Database Database
	Money    Money
	RPC      Secret `env:"BASE_RPC_URL"` // may hold a provider's key

	LogAddress Address   `env:"BLOCKRUN_LOG_ADDRESS"`
	LogSenders []Address `env:"LOG_SENDER_ADDRESSES"` // all that ever wrote receipts, with commas

	// Accounts whose balances are logged, beside the treasury and the first log sender.
	Relayer Address `env:"RELAYER_ADDRESS"`             // of the second rail, if there is one
	LowDays int     `env:"BALANCE_LOW_DAYS, default=3"` // one that lasts for less is low

	FromBlock  uint64        `env:"RECONCILE_FROM_BLOCK, default=0"`      // the treasury was empty before
	Lag        time.Duration `env:"RECONCILE_LAG, default=15m"`           // behind the safe block: most payouts are done by then
	LateAfter  time.Duration `env:"RECONCILE_LATE_AFTER, default=1h"`     // a payout under way for longer is a disagreement
	BooksEvery time.Duration `env:"RECONCILE_BOOKS_EVERY, default=1h"`    // between the beginnings of two walks through the books by themselves
	BooksRows  int           `env:"RECONCILE_BOOKS_ROWS, default=100000"` // of the books that a run reads
	BooksTime  time.Duration `env:"RECONCILE_BOOKS_TIME, default=5m"`     // that it may take to read them, or all when asked
	Budget     time.Duration `env:"RECONCILE_BUDGET, default=40s"`        // for the rest of a run; the next one goes on
}

// Senders are LogSenders.
func (c *Reconcile) Senders() []common.Address {
	out := make([]common.Address, len(c.LogSenders))
	for i, a := range c.LogSenders {
		out[i] = common.Address(a)
	}
	return out
}

// Validate reports values that could not work.
func (c *Reconcile) Validate() error {
	var p problems
	c.Database.check(&p)
	c.Money.check(&p)
	p.need(c.RPC != "", "BASE_RPC_URL", "the URL of a node of the chain")
	p.need(c.LogAddress != (Address{}), "BLOCKRUN_LOG_ADDRESS", "the address that receipts are sent to")
	p.need(len(c.LogSenders) > 0, "LOG_SENDER_ADDRESSES", "the address of the log sender's key; of several, with commas between them")
	for name, d := range map[string]time.Duration{"RECONCILE_LAG": c.Lag, "RECONCILE_LATE_AFTER": c.LateAfter, "RECONCILE_BOOKS_EVERY": c.BooksEvery} {
		if d < 0 {
			p.add(name, "is %v; set 0s or more", d)
		}
	}
	for name, d := range map[string]time.Duration{"RECONCILE_BOOKS_TIME": c.BooksTime, "RECONCILE_BUDGET": c.Budget} {
		if d < time.Second {
			p.add(name, "is %v; set 1s or more", d)
		}
	}
	if c.LowDays < 0 {
		p.add("BALANCE_LOW_DAYS", "is %d; set 0 or more days", c.LowDays)
	}
	p.need(c.BooksRows > 0, "RECONCILE_BOOKS_ROWS", "how many rows of the books a run reads: 1 or more")
	return p.err()
}
