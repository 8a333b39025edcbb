// Command worker-cli is the worker of the BlockRun network: it checks public
// web addresses, signs what it saw and is paid in USDC for it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/view"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

// The exit codes. They are documented in the help text and never change their meaning.
const (
	exitFailed    = 1
	exitUsage     = 2
	exitNoWallet  = 3
	exitBadWallet = 4
	// Of audit alone.
	exitDisagree   = 5
	exitUnfinished = 6
	// As a shell has it for what Ctrl-C ended.
	exitAtOnce = 130
)

const description = `Checks public web addresses for the BlockRun network, signs what it saw and
is paid in USDC for each check. It costs nothing, and can be stopped at any time.

Examples:
  worker-cli wallet new      make a wallet, if ClawRouter has not made one
  worker-cli run             check until Ctrl-C
  worker-cli run --once      check once, and say what it earned
  worker-cli run --json      one JSON object a line, for programs
  worker-cli status          what is earned and paid, what waits, and why
  worker-cli earnings        day by day, with the transactions of each payout
  worker-cli audit --help    verify all payouts of everybody, from public data alone

  A network on this machine:
  worker-cli run --api http://127.0.0.1:8080/api --interval 2s --allow-private

Environment:
  BLOCKRUN_API_BASE          the network's API (as --api)
  BLOCKRUN_WALLET_KEY        the key, 0x and 64 hex digits, if there is no wallet file
  WORKER_REGION              where this machine stands (as --region)
  CLAWROUTER_WORKER=1        without arguments: run

Exit codes:
  0 well done  1 something failed  2 wrong usage  3 no wallet  4 wallet cannot be used
  5 the audit found disagreements  6 the audit is not finished: run it again
  130 stopped at once, without submitting what there was`

// cli is the whole command line; each command has its own file.
type cli struct {
	JSON bool `help:"Print JSON, one object a line."`

	Run      runCmd      `cmd:"" help:"Check what is due, sign it and be paid, until Ctrl-C."`
	Status   statusCmd   `cmd:"" help:"Show your tier, what is earned, pending and paid, and why what waits does."`
	Earnings earningsCmd `cmd:"" help:"Show what was earned day by day, and each payout with its transactions."`
	Audit    auditCmd    `cmd:"" help:"Verify payouts from the chain, and from the result log, without trusting the network."`
	Wallet   walletCmd   `cmd:"" help:"The key that signs and is paid."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
	Help     helpCmd     `cmd:"" help:"Explain a command."`
}

type walletCmd struct {
	New  walletNewCmd  `cmd:"" help:"Make a new key in a new file. Nothing is ever overwritten."`
	Show walletShowCmd `cmd:"" help:"Show the address, and where the key lies. Never the key."`
}

// console is what a command may use of the process around it.
type console struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	json     bool
}

func main() {
	os.Exit(run(os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}))
}

// run carries out one command line and returns the exit code.
func run(args []string, c console) int {
	if len(args) == 0 {
		args = []string{"--help"}
		if c.getenv("CLAWROUTER_WORKER") == "1" {
			args = []string{"run"}
		}
	}
	var line cli
	parser, err := kong.New(&line, kong.Name("worker-cli"), kong.Description(description), kong.Writers(c.out, c.err),
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, Compact: true, FlagsLast: true}))
	if err != nil {
		return report(err, c)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(usageError{fmt.Errorf("%w; see worker-cli --help", err)}, c)
	}
	c.json = line.JSON
	return report(command.Run(c), c)
}

// usageError is the user's mistake on the command line.
type usageError struct{ error }

// report says what went wrong, if anything, and returns the exit code.
func report(err error, c console) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(c.err, "worker-cli: %s\n", plain(err.Error()))
	_, usage := errors.AsType[usageError](err)
	switch {
	case usage:
		return exitUsage
	case errors.Is(err, wallet.ErrNone):
		return exitNoWallet
	case errors.Is(err, wallet.ErrBad):
		return exitBadWallet
	case errors.Is(err, errDisagree):
		return exitDisagree
	case errors.Is(err, errUnfinished):
		return exitUnfinished
	case errors.Is(err, view.ErrAtOnce):
		return exitAtOnce
	}
	return exitFailed
}
