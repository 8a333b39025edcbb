package main

import "github.com/alecthomas/kong"

type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command, such as: wallet new."`
}

// Run prints what --help does.
func (h helpCmd) Run(ctx *kong.Context) error {
	_, err := ctx.Kong.Parse(append(h.Command, "--help"))
	if err != nil {
		return usageError{err}
	}
	return nil
}
