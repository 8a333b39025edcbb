package config

import (
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Operator configures the operator's command for what needs the database alone.
type Operator struct{ Database Database }

// Validate reports values that could not work.
func (c *Operator) Validate() error {
	var p problems
	c.Database.check(&p)
	return p.err()
}

// OperatorBalances is what the balances of the operator's accounts need.
type OperatorBalances struct {
	Database   Database
	Money      Money
	RPC        Secret    `env:"BASE_RPC_URL"`
	LogSenders []Address `env:"LOG_SENDER_ADDRESSES"` // the first is the one at work
	Relayer    Address   `env:"RELAYER_ADDRESS"`      // may be missing
}

// LogSender is the one at work, or zero.
func (c *OperatorBalances) LogSender() common.Address {
	if len(c.LogSenders) == 0 {
		return common.Address{}
	}
	return common.Address(c.LogSenders[0])
}

// Validate reports values that could not work.
func (c *OperatorBalances) Validate() error {
	var p problems
	c.Database.check(&p)
	c.Money.check(&p)
	p.need(c.RPC != "", "BASE_RPC_URL", "the URL of a node of the chain")
	return p.err()
}

// OperatorFindings is what accepting a finding of Reconcile's needs.
type OperatorFindings struct {
	Database Database
	Money    Money
}

// Validate reports values that could not work.
func (c *OperatorFindings) Validate() error {
	var p problems
	c.Database.check(&p)
	c.Money.check(&p)
	return p.err()
}

// OperatorRecover is what it takes to tell a restored database of the time that it
// lost.
type OperatorRecover struct {
	Database Database
	Money    Money
	PayoutThreshold
	RPC        Secret    `env:"BASE_RPC_URL"`
	RPC2       Secret    `env:"BASE_RPC_URL_2"` // of another provider, which must show the same; may be missing
	LogAddress Address   `env:"BLOCKRUN_LOG_ADDRESS"`
	LogSenders []Address `env:"LOG_SENDER_ADDRESSES"` // all that ever wrote receipts, with commas
	FromBlock  uint64    `env:"RECONCILE_FROM_BLOCK, default=0"`
	ResultLog  string    `env:"RESULT_LOG_BUCKET"`

	Validity time.Duration `env:"PAYOUT_VALIDITY, default=1h"` // of what ProcessPayout signed in the lost time
}

// Validate reports values that could not work.
func (c *OperatorRecover) Validate() error {
	var p problems
	c.Database.check(&p)
	c.Money.check(&p)
	c.PayoutThreshold.check(&p)
	p.need(c.RPC != "", "BASE_RPC_URL", "the URL of a node of the chain")
	p.need(c.LogAddress != (Address{}), "BLOCKRUN_LOG_ADDRESS", "the address that receipts are sent to")
	p.need(len(c.LogSenders) > 0, "LOG_SENDER_ADDRESSES", "the address of the log sender's key; of several, with commas between them")
	p.need(c.ResultLog != "", "RESULT_LOG_BUCKET", "the bucket that accepted results are exported to, without gs://")
	if c.RPC2 != "" && c.RPC2 == c.RPC {
		p.add("BASE_RPC_URL_2", "is BASE_RPC_URL; give a node of another provider, or leave it out")
	}
	if c.Validity <= 0 {
		p.add("PAYOUT_VALIDITY", "is %v; set it to what ProcessPayout has, such as 1h", c.Validity)
	}
	return p.err()
}

// OperatorLetters is what the dead letters of ProcessPayout need.
type OperatorLetters struct {
	Database    Database
	DeadLetters string `env:"PAYOUT_DEAD_LETTER_SUBSCRIPTION"` // projects/P/subscriptions/S
	Topic       string `env:"PAYOUT_TOPIC"`                    // where they are brought back to
}

// Validate reports values that could not work.
func (c *OperatorLetters) Validate() error {
	var p problems
	c.Database.check(&p)
	p.need(c.DeadLetters != "", "PAYOUT_DEAD_LETTER_SUBSCRIPTION", "projects/P/subscriptions/S, of the topic that dead letters go to")
	needTopic(&p, c.Topic)
	return p.err()
}
