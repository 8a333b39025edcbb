package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/term"

	"github.com/BlockRunAI/worker-network/functions/local/demo"
)

type demoCommand struct{}

// Run gives the tour: live on a terminal, plain lines elsewhere.
func (demoCommand) Run(ctx context.Context, t terminal) error {
	o := demo.Options{Out: t.out, Log: t.log, LogLevel: t.level.String()}
	if f, ok := t.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.Width = func() int {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		}
	}
	err := demo.Run(ctx, o)
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}
