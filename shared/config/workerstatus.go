package config

// WorkerStatus configures the function of that name. It needs no key and no
// treasury: chain and threshold are those of SubmitResults, to be shown.
type WorkerStatus struct {
	Log      Log
	Database Database
	ChainID  int64 `env:"CHAIN_ID"`
	PayoutThreshold
}

// Validate reports values that could not work.
func (c *WorkerStatus) Validate() error {
	var p problems
	c.Database.check(&p)
	_, err := Money{ChainID: c.ChainID}.Network()
	p.join(err)
	c.PayoutThreshold.check(&p)
	return p.err()
}
