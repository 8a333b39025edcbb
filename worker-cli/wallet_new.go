package main

import (
	"fmt"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

type walletNewCmd struct {
	Wallet string `placeholder:"FILE" type:"path" help:"Where to keep the key, instead of ~/.openclaw/blockrun/wallet.key."`
}

// Run makes a wallet and says what its owner must know.
func (n walletNewCmd) Run(c console) error {
	file, next := n.Wallet, "worker-cli run --wallet "+n.Wallet
	if file == "" {
		var err error
		if file, err = wallet.DefaultFile(); err != nil {
			return fmt.Errorf("%w; name a file with --wallet", err)
		}
		next = "worker-cli run"
		if c.getenv(wallet.EnvKey) != "" {
			fmt.Fprintf(c.err, "note: %s is set, but from now on the new file is used instead\n", wallet.EnvKey)
		}
	}
	w, err := wallet.Create(file)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, shown{Address: w.Address, Wallet: w.Source})
	}
	_, err = fmt.Fprintf(c.out, `Made a new wallet.
Address: %s
Key:     %s
Whoever has the key has what it earns, and nobody can restore it: keep a copy in a safe place.
Next:    %s
`, w.Address, w.Source, c.typed(next))
	return err
}

// shown is a wallet in JSON.
type shown struct {
	Address string `json:"address"`
	Wallet  string `json:"wallet"` // the file, or the variable, that holds the key
	Warning string `json:"warning,omitempty"`
}
