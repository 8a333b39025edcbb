// Package config is what each function is configured by. The values come from
// environment variables, or from whatever a test gives; nothing is read
// before Load is called.
package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/mod/semver"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// Log is how a function logs.
type Log struct {
	Level   slog.Level `env:"LOG_LEVEL, default=INFO"` // DEBUG, INFO, WARN, ERROR
	Project string     `env:"GOOGLE_CLOUD_PROJECT"`    // names traces in full
}

// Database is where the state is.
type Database struct {
	Name       string `env:"SPANNER_DATABASE"`       // projects/P/instances/I/databases/D
	TaskShards int    `env:"TASK_SHARDS, default=1"` // of the due queue; the same for everybody
}

func (d Database) check(p *problems) {
	p.need(d.Name != "", "SPANNER_DATABASE", "projects/P/instances/I/databases/D")
	if parts := strings.Split(d.Name, "/"); d.Name != "" && (len(parts) != 6 || slices.Contains(parts, "") ||
		parts[0] != "projects" || parts[2] != "instances" || parts[4] != "databases") {
		p.add("SPANNER_DATABASE", "is %q; want projects/P/instances/I/databases/D", d.Name)
	}
	p.between("TASK_SHARDS", d.TaskShards, 1, maxTaskShards)
}

// maxTaskShards keeps tasks from lying too thinly: a poll looks into two shards,
// a backup's into a few dozen.
const maxTaskShards = 64

// Money is what is paid, on which chain, by whom. Payouts are opened for it
// once and for all, so SubmitResults and ProcessPayout must agree on it.
type Money struct {
	ChainID  int64   `env:"CHAIN_ID"`
	Token    Address `env:"USDC_ADDRESS"` // the network's own USDC if not set
	Treasury Address `env:"TREASURY_ADDRESS"`
}

// Network is the chain with the token that is paid on it.
func (m Money) Network() (usdc.Network, error) {
	n, ok := usdc.ByChainID(m.ChainID)
	if !ok {
		return usdc.Network{}, &Problem{"CHAIN_ID", fmt.Sprintf("is %d; set %d (Base) or %d (Base Sepolia)", m.ChainID, usdc.Base, usdc.BaseSepolia)}
	}
	if m.Token != (Address{}) {
		n = n.WithToken(common.Address(m.Token))
	}
	return n, nil
}

func (m Money) check(p *problems) {
	n, err := m.Network()
	p.join(err)
	p.need(m.Treasury != (Address{}), "TREASURY_ADDRESS", "the address that pays")
	if err == nil && common.Address(m.Treasury) == n.Token {
		p.add("TREASURY_ADDRESS", "is the token's address; the treasury and USDC_ADDRESS must be different")
	}
}

// PayoutThreshold is the pending credit at which SubmitResults opens a payout.
// ProcessPayout's caps are held against it, and WorkerStatus shows it, so the
// three must agree on it.
type PayoutThreshold struct {
	Threshold ledger.Micros `env:"PAYOUT_THRESHOLD_MICROS, default=10000"`
}

func (t PayoutThreshold) check(p *problems) {
	if t.Threshold <= 0 {
		p.add("PAYOUT_THRESHOLD_MICROS", "is %d; the threshold must be above 0, 10000 is $0.01", int64(t.Threshold))
	}
}

// GetTasks configures the function of that name.
type GetTasks struct {
	Log          Log
	Database     Database
	TasksPerPoll int `env:"TASKS_PER_POLL, default=10"`
	// MinWorkerVersion, such as v1.2.0: older workers get no tasks, but are told
	// to update. Empty takes all.
	MinWorkerVersion string `env:"MIN_WORKER_VERSION"`
}

// Validate reports values that could not work.
func (c *GetTasks) Validate() error {
	var p problems
	c.Database.check(&p)
	p.between("TASKS_PER_POLL", c.TasksPerPoll, 1, 50)
	if v := c.MinWorkerVersion; v != "" && (!semver.IsValid(v) || semver.Canonical(v) != v) {
		p.add("MIN_WORKER_VERSION", "is %q; want a version such as v1.2.0, or leave it empty", v)
	}
	return p.err()
}

// SubmitResults configures the function of that name.
type SubmitResults struct {
	Log      Log
	Database Database
	Money    Money
	Topic    string `env:"PAYOUT_TOPIC"` // projects/P/topics/T
	PayoutThreshold
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
	var p problems
	c.Database.check(&p)
	c.Money.check(&p)
	needTopic(&p, c.Topic)
	c.PayoutThreshold.check(&p)
	if c.PublishGrace < 0 {
		p.add("PAYOUT_PUBLISH_GRACE", "is %v; set 0s or more", c.PublishGrace)
	}
	if len(p) == 0 { // the domain has the last word
		_, err := c.Policy()
		p.join(err)
	}
	return p.err()
}

func needTopic(p *problems, topic string) { p.need(topic != "", "PAYOUT_TOPIC", "projects/P/topics/T") }

// Sweep configures the function of that name.
type Sweep struct {
	Log      Log
	Database Database
	Topic    string `env:"PAYOUT_TOPIC"`
	Limit    int    `env:"SWEEP_LIMIT, default=500"` // payouts in one sweep
	// ResultLog has no way to be off: results would pile up in the database.
	ResultLog string `env:"RESULT_LOG_BUCKET"`
}

// Validate reports values that could not work.
func (c *Sweep) Validate() error {
	var p problems
	c.Database.check(&p)
	needTopic(&p, c.Topic)
	p.need(c.ResultLog != "", "RESULT_LOG_BUCKET", "the bucket that accepted results are exported to, without gs://")
	p.between("SWEEP_LIMIT", c.Limit, 1, 10_000)
	return p.err()
}

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

// String is the address with its EIP-55 checksum.
func (a Address) String() string { return common.Address(a).Hex() }

// MarshalText is String, for encoders that look inside.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
