package config

import (
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// RefreshReputation configures the function of that name.
type RefreshReputation struct {
	Log      Log
	Database Database
	Bucket   string `env:"SPEND_LOG_BUCKET"`
	// The log's field names, the first that a line has wins; not set: the
	// documented ones and common spellings of them.
	WalletFields []string `env:"SPEND_LOG_WALLET_FIELDS"`
	CostFields   []string `env:"SPEND_LOG_COST_FIELDS"`
	// Failed are conditions such as success=false or statusCode=5*; a line that
	// meets one is left out. Not set: every call counts.
	Failed []string `env:"SPEND_LOG_FAILED_WHEN"`
	// Budget is how long a run takes before it leaves the rest to the next;
	// some minutes less than the function's timeout.
	Budget time.Duration `env:"REFRESH_BUDGET, default=25m"`
}

// Adapter is how the log is read.
func (c *RefreshReputation) Adapter() (reputation.Adapter, error) {
	a := reputation.DefaultAdapter()
	if len(c.WalletFields) > 0 {
		a.Wallet = c.WalletFields
	}
	if len(c.CostFields) > 0 {
		a.Cost = c.CostFields
	}
	for _, text := range c.Failed {
		condition, err := reputation.ParseCondition(text)
		if err != nil {
			return a, &Problem{"SPEND_LOG_FAILED_WHEN", fmt.Sprintf("has %q; write field=value, for example success=false", text)}
		}
		a.Failed = append(a.Failed, condition)
	}
	return a, a.Validate()
}

// Validate reports values that could not work.
func (c *RefreshReputation) Validate() error {
	var p problems
	c.Database.check(&p)
	p.need(c.Bucket != "", "SPEND_LOG_BUCKET", "the bucket of the spend logs, without gs://")
	_, err := c.Adapter()
	p.join(err)
	if c.Budget <= 0 || c.Budget > time.Hour {
		p.add("REFRESH_BUDGET", "is %v; set more than 0s and at most 1h", c.Budget)
	}
	return p.err()
}
