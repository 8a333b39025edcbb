package config

// LinkWallet configures the function of that name. It needs no key; wallets
// sign for the chain on which workers are paid.
type LinkWallet struct {
	Log      Log
	Database Database
	ChainID  int64 `env:"CHAIN_ID"`
}

// Validate reports values that could not work.
func (c *LinkWallet) Validate() error {
	var p problems
	c.Database.check(&p)
	_, err := Money{ChainID: c.ChainID}.Network()
	p.join(err)
	return p.err()
}
