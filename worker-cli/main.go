// Command worker-cli is the worker of the BlockRun network: it checks public
// web addresses, signs what it saw and is paid in USDC for it.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

const description = `Checks public web addresses for the BlockRun network, signs what it saw and
is paid in USDC for each check. It costs nothing, and can be stopped at any time.

Examples:
  worker-cli wallet new      make a wallet, if ClawRouter has not made one
  worker-cli wallet link     have what ClawRouter paid on Solana count for your tier
  worker-cli doctor          see whether anything keeps a worker from working
  worker-cli run             check until q or Ctrl-C, and show it
  worker-cli run --once      check once, and say what it earned
  worker-cli run --json      one JSON object a line, for programs
  worker-cli service install keep it running from now on, also after a reboot
  worker-cli status          what is earned and paid, what waits, and why
  worker-cli earnings        day by day, with the transactions of each payout
  worker-cli audit --help    verify all payouts of everybody, from public data alone

  In the background, with metrics for Prometheus:
  worker-cli run --plain --region US-West --metrics 9464 >>worker.log 2>&1 &

  A network on this machine:
  worker-cli run --api http://127.0.0.1:8080/api --interval 2s --allow-private

Environment:
  BLOCKRUN_API_BASE          the network's API (as --api)
  BLOCKRUN_WALLET_KEY        the key, 0x and 64 hex digits, if there is no wallet file
  WORKER_REGION              where this machine stands (as --region)
  WORKER_BLOCK               hosts that are never checked, with commas between them (as --block)
  WORKER_BLOCK_FILE          a file of such hosts (as --block-file)
  WORKER_MAX_CHECKS          the most checks in any minute (as --max-checks)
  WORKER_MAX_TRAFFIC         the most traffic in any minute (as --max-traffic)
  WORKER_LOG_FILE            write what happens to this file, too (as --log-file)
  WORKER_STATE_DIR           where results outlive a restart, instead of the user's own directory for that
  CLAWROUTER_WORKER=1        without arguments: run

Exit codes:
`

// cli is the whole command line; each command has its own file.
type cli struct {
	JSON bool `help:"Print JSON, one object a line."`

	Run      runCmd        `cmd:"" help:"Check what is due, sign it and be paid, until Ctrl-C."`
	Status   statusCmd     `cmd:"" help:"Show your tier, what is earned, pending and paid, and why what waits does."`
	Earnings earningsCmd   `cmd:"" help:"Show what was earned day by day, and each payout with its transactions."`
	Doctor   doctorCmd     `cmd:"" help:"See whether anything keeps a worker from working, and what to do about it."`
	Service  serviceCmd    `cmd:"" help:"Have the machine run the worker by itself, also after a reboot."`
	Audit    auditCmd      `cmd:"" help:"Verify payouts from the chain, and from the result log, without trusting the network."`
	Wallet   walletCmd     `cmd:"" help:"The key that signs and is paid."`
	Complete completionCmd `cmd:"" name:"completion" help:"Print a script that completes commands and flags, for bash, zsh or fish."`
	Version  versionCmd    `cmd:"" help:"Print the version."`
	Help     helpCmd       `cmd:"" help:"Explain a command."`
}

type walletCmd struct {
	New  walletNewCmd  `cmd:"" help:"Make a new key in a new file. Nothing is ever overwritten."`
	Show walletShowCmd `cmd:"" help:"Show the address, and where the key lies. Never the key."`
	Link walletLinkCmd `cmd:"" help:"Make what you paid with ClawRouter's Solana wallet count for your tier."`
}

// console is what a command may use of the process around it.
type console struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	json     bool
	command  string // what its user types to start it
}

func main() {
	forgetEmpty(os.Environ())
	os.Exit(run(os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, command: commandName(os.Args, os.Getenv)}))
}

// forgetEmpty takes variables of the worker that are set to nothing, as
// Compose files and unit files do, for variables that are not set.
func forgetEmpty(environ []string) {
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		if value == "" && (strings.HasPrefix(name, "WORKER_") || strings.HasPrefix(name, "BLOCKRUN_")) {
			_ = os.Unsetenv(name)
		}
	}
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
	parser, err := kong.New(&line, kong.Name(cmp.Or(c.command, "worker-cli")), kong.Description(c.typed(description)+exitTable()), kong.Writers(c.out, c.err),
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, Compact: true, FlagsLast: true}))
	if err != nil {
		return report(err, c)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(usageError{fmt.Errorf("%w; see %s --help", err, mistaken(err))}, c)
	}
	c.json = line.JSON
	return report(command.Run(c), c)
}

// mistaken is the command that a mistake was made with, as far as it is known.
func mistaken(err error) string {
	at, ok := errors.AsType[*kong.ParseError](err)
	if !ok || at.Context.Selected() == nil {
		return "worker-cli"
	}
	return "worker-cli " + at.Context.Selected().Path()
}

// report says what went wrong, if anything, and returns the exit code.
func report(err error, c console) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(c.err, "worker-cli: %s\n", c.typed(plain(err.Error())))
	return exitCode(err)
}
