// Local runs the whole worker network on this machine.
//
//	go run ./functions/local         until Ctrl-C
//	go run ./functions/local demo    once, to verified payouts
//	go run ./functions/local loadtest --workers 100 --duration 1m
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Run      runCommand      `cmd:"" default:"withargs" help:"Run the network until Ctrl-C (the default)."`
	Demo     demoCommand     `cmd:"" help:"Run it with three workers and a small target, until each has been paid and that has been verified on chain."`
	Load     loadtestCommand `cmd:"" name:"loadtest" help:"Put load on it: many simulated workers over HTTP, and the books compared with what they were told."`
	Simulate simulateCommand `cmd:"" help:"Play the scheduling policy with 100,000 endpoints and 10,000 workers, in simulated time."`

	Verbose bool `short:"v" help:"Show the functions' logs; without it, warnings and errors only."`
}

// terminal is where a command speaks to its user.
type terminal struct {
	out   io.Writer
	notes io.Writer // what is not the command's output
	log   *slog.Logger
	level slog.Level
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout *os.File, stderr io.Writer) int {
	var c cli
	parser, err := kong.New(&c, kong.Name("local"), kong.Writers(stdout, stderr),
		kong.Description("The BlockRun worker network on this machine: database, queue, bucket, chain, facilitator and functions.\n\n"+
			"Without a command it runs the network until Ctrl-C; \"run --help\" shows the flags of that: ports, --fund, --tasks and others."))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:], "--help")
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "local: %v\nTry: go run ./functions/local --help\n", err)
		return 2
	}
	ctx, stop := untilStopped()
	defer stop()

	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	// The functions framework prints to os.Stdout, which is the screen's alone.
	if os.Stdout, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		fmt.Fprintf(stderr, "local: %v\n", err)
		return 1
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(terminal{stdout, stderr, log, level})
	switch {
	case errors.Is(err, errInterrupted):
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "local: %v\n", err)
		return 1
	}
	return 0
}

// errInterrupted: the user stopped a command that had not done its work yet.
var errInterrupted = errors.New("interrupted")

// untilStopped is a context that ends at the first SIGINT, SIGTERM or SIGHUP,
// or when the go command that runs this program is gone. A second signal kills.
func untilStopped() (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, cancel) // gives the signals back, so that the next one kills
	gone := orphaned(ctx)
	go func() {
		select {
		case <-gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
