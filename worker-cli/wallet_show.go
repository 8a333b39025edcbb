package main

import (
	"fmt"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

type walletShowCmd struct {
	Wallet string `placeholder:"FILE" type:"path" help:"The wallet file, instead of ~/.openclaw/blockrun/wallet.key."`
}

// Run shows the wallet that run would use.
func (s walletShowCmd) Run(c console) error {
	w, err := wallet.Find(s.Wallet, c.getenv)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, shown{w.Address, w.Source, w.Warning})
	}
	if w.Warning != "" {
		fmt.Fprintf(c.err, "warning: %s\n", w.Warning)
	}
	_, err = fmt.Fprintf(c.out, "Address: %s\nKey:     %s\n", w.Address, w.Source)
	return err
}
