// Package config is what each function is configured by. The values come from
// environment variables, or from whatever a test gives; nothing is read
// before Load is called.
package config

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/sethvargo/go-envconfig"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// Lookup finds a variable: os.LookupEnv in production.
type Lookup = func(name string) (value string, ok bool)

// Load fills in target, a pointer to one of this package's structs. A variable
// that is set but empty counts as not set. The error names the variable.
func Load(ctx context.Context, lookup Lookup, target interface{ Validate() error }) error {
	set := envconfig.LookuperFunc(func(name string) (string, bool) {
		value, ok := lookup(name)
		return value, ok && value != ""
	})
	if err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: target, Lookuper: set, DefaultNoInit: true}); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := target.Validate(); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// Log is how a function logs.
type Log struct {
	Level   slog.Level `env:"LOG_LEVEL, default=INFO"` // DEBUG, INFO, WARN, ERROR
	Project string     `env:"GOOGLE_CLOUD_PROJECT"`    // names traces in full
}

// Database is where the state is.
type Database struct {
	Name       string `env:"SPANNER_DATABASE, required"` // projects/P/instances/I/databases/D
	TaskShards int    `env:"TASK_SHARDS, default=1"`     // of the due queue; the same for everybody
}

// Money is what is paid, on which chain, by whom. Payouts are opened for it
// once and for all, so SubmitResults and ProcessPayout must agree on it.
type Money struct {
	ChainID  int64   `env:"CHAIN_ID, required"`
	Token    Address `env:"USDC_ADDRESS"` // the network's own USDC if not set
	Treasury Address `env:"TREASURY_ADDRESS, required"`
}

// Network is the chain with the token that is paid on it.
func (m Money) Network() (usdc.Network, error) {
	n, ok := usdc.ByChainID(m.ChainID)
	if !ok {
		return usdc.Network{}, fmt.Errorf("CHAIN_ID is %d; only %d (Base) and %d (Base Sepolia) are known", m.ChainID, usdc.Base, usdc.BaseSepolia)
	}
	if m.Token != (Address{}) {
		n = n.WithToken(common.Address(m.Token))
	}
	return n, nil
}

// GetTasks configures the function of that name.
type GetTasks struct {
	Log          Log
	Database     Database
	TasksPerPoll int `env:"TASKS_PER_POLL, default=10"`
}

// Validate reports values that could not work.
func (c *GetTasks) Validate() error { return between("TASKS_PER_POLL", c.TasksPerPoll, 1, 50) }

// SubmitResults configures the function of that name.
type SubmitResults struct {
	Log       Log
	Database  Database
	Money     Money
	Topic     string        `env:"PAYOUT_TOPIC, required"` // projects/P/topics/T
	Threshold ledger.Micros `env:"PAYOUT_THRESHOLD_MICROS, default=10000"`
	// PublishGrace is how long the sweep leaves a new payout to the hint that
	// the submission publishes.
	PublishGrace time.Duration `env:"PAYOUT_PUBLISH_GRACE, default=30s"`
}

// Policy is what payouts are opened under.
func (c *SubmitResults) Policy() (ledger.PayoutPolicy, error) {
	n, err := c.Money.Network()
	if err != nil {
		return ledger.PayoutPolicy{}, err
	}
	p := ledger.PayoutPolicy{
		ChainID: n.ChainID, Token: n.Token, Treasury: common.Address(c.Money.Treasury),
		Threshold: c.Threshold, PublishGrace: c.PublishGrace,
	}
	return p, p.Validate()
}

// Validate reports values that could not work.
func (c *SubmitResults) Validate() error {
	_, err := c.Policy()
	return err
}

// Sweep configures the function of that name.
type Sweep struct {
	Log      Log
	Database Database
	Topic    string `env:"PAYOUT_TOPIC, required"`
	Limit    int    `env:"SWEEP_LIMIT, default=500"` // payouts in one sweep
}

// Validate reports values that could not work.
func (c *Sweep) Validate() error { return between("SWEEP_LIMIT", c.Limit, 1, 10_000) }

// RefreshReputation configures the function of that name.
type RefreshReputation struct {
	Log      Log
	Database Database
	Bucket   string `env:"SPEND_LOG_BUCKET, required"`
	// The log's field names, the first that a line has wins; not set: the
	// documented ones and common spellings of them.
	WalletFields []string `env:"SPEND_LOG_WALLET_FIELDS"`
	CostFields   []string `env:"SPEND_LOG_COST_FIELDS"`
}

// Validate reports values that could not work.
func (c *RefreshReputation) Validate() error { return nil }

// Address is 0x and 40 hex digits; a mixed-case spelling must satisfy EIP-55.
type Address common.Address

// EnvDecode implements envconfig.Decoder.
func (a *Address) EnvDecode(text string) error {
	parsed, err := api.ParseAddress(text)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	*a = Address(parsed)
	return nil
}

func between(name string, value, lowest, highest int) error {
	if value < lowest || value > highest {
		return fmt.Errorf("%s is %d; want %d to %d", name, value, lowest, highest)
	}
	return nil
}
