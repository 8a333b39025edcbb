package config

import "github.com/BlockRunAI/worker-network/shared/ledger"

// WorkerStatus configures the function of that name. It needs no key and no
// treasury: chain and threshold are those of SubmitResults, to be shown.
type WorkerStatus struct {
	Log       Log
	Database  Database
	ChainID   int64         `env:"CHAIN_ID"`
	Threshold ledger.Micros `env:"PAYOUT_THRESHOLD_MICROS, default=10000"`
}

// Validate reports values that could not work.
func (c *WorkerStatus) Validate() error {
	var p problems
	c.Database.check(&p)
	_, err := Money{ChainID: c.ChainID}.Network()
	p.join(err)
	checkThreshold(&p, c.Threshold)
	return p.err()
}
