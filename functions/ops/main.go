// Command ops is the operator's: it loads tasks, shows and requeues payouts,
// pauses and resumes them, compares the books with the chain, and says what the
// operator's accounts hold. It signs nothing and moves no money.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// The exit codes. They are documented in the help text and never change their
// meaning.
const (
	exitFailed    = 1
	exitUsage     = 2
	exitAttention = 3
	exitNotDone   = 4
)

const description = `Operates the worker network: tasks, payouts, books and balances.

It is configured as the functions are, by environment variables; what a command
lacks it names. "terraform output operator_environment" has the values of a
deployment, and "go run ./functions/local" prints those of a network on this
machine. It signs nothing and moves no money.

Examples:
  go run ./functions/ops schema                     does the database have all it should?
  go run ./functions/ops tasks load tasks.yaml      show what would change, ask, and load
  go run ./functions/ops payouts list --stuck       what waits, why, and until when
  go run ./functions/ops payouts requeue --failed   have ProcessPayout look at them again
  go run ./functions/ops payouts pause --reason "treasury moves"
  go run ./functions/ops payouts recover --since 2026-11-22T09:00:00Z    after a restore
  go run ./functions/ops reconcile                  compare the books with the chain, now
  go run ./functions/ops balances                   what is left, and for how many days

What changes something shows it first and asks; --yes takes the question as answered.
Only "payouts pause" does not ask: to stop is never wrong.

Exit codes:
  0 done, and all is well   1 something failed; what was done is said
  2 wrong usage, configuration or file: nothing was done
  3 done, and something needs a person   4 not confirmed: nothing was done
"go run" makes 1 of all but 0; for scripts: go build -o ops ./functions/ops`

// cli is the whole command line; each command has its own file.
type cli struct {
	JSON bool `help:"Print JSON, one object."`
	Yes  bool `short:"y" help:"Do not ask before something is changed."`

	Tasks       tasksCmd       `cmd:"" help:"What is checked."`
	Backups     backupsCmd     `cmd:"" help:"The operator's own workers, which get what a guarantee is at risk of, and nothing else."`
	Payouts     payoutsCmd     `cmd:"" help:"What workers are paid."`
	Deadletters deadlettersCmd `cmd:"" help:"Messages that ProcessPayout has refused too often."`
	Reconcile   reconcileCmd   `cmd:"" help:"Compare the books with the chain, as the function Reconcile does, or accept what does not agree."`
	Balances    balancesCmd    `cmd:"" help:"What the treasury, the log sender and the relayer hold, what is owed, and for how many days that lasts."`
	KmsAddress  kmsAddressCmd  `cmd:"" help:"The address of a key in Cloud KMS."`
	Schema      schemaCmd      `cmd:"" help:"Whether every file of spanner-ddl was applied to the database."`
}

type tasksCmd struct {
	Load tasksLoadCmd `cmd:"" help:"Make the tasks what a file says."`
	List tasksListCmd `cmd:"" help:"List all tasks."`
}

type backupsCmd struct {
	List backupsListCmd `cmd:"" help:"List them."`
	Set  backupsSetCmd  `cmd:"" help:"Make exactly these workers the backups."`
}

type payoutsCmd struct {
	List    payoutsListCmd    `cmd:"" help:"List payouts that are not paid."`
	Requeue payoutsRequeueCmd `cmd:"" help:"Have ProcessPayout look at payouts again: failed ones, and such as wait. Their nonce stays, so none can be paid twice."`
	Pause   payoutsPauseCmd   `cmd:"" help:"Stop signing and sending, everywhere and at once. What is under way is booked."`
	Resume  payoutsResumeCmd  `cmd:"" help:"Go on."`
	Recover payoutsRecoverCmd `cmd:"" help:"After the database was restored to an earlier hour: book the payouts of the lost time, and what they were for, from the chain and the result log."`
	Status  payoutsStatusCmd  `cmd:"" help:"Whether payouts are paused, and how many are in which state."`
}

type deadlettersCmd struct {
	List    deadlettersListCmd    `cmd:"" help:"List them, and what became of their payouts."`
	Requeue deadlettersRequeueCmd `cmd:"" help:"Publish again what still matters, and drop the rest."`
}

// console is what a command may use of the process around it.
type console struct {
	ctx      context.Context
	in       io.Reader
	out, err io.Writer
	lookup   config.Lookup
	terminal bool // somebody can be asked
	now      func() time.Time
	who      string // for what is noted with a name

	json, yes bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(os.Args[1:], console{
		ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: os.LookupEnv,
		terminal: term.IsTerminal(int(os.Stdin.Fd())), now: time.Now, who: self(),
	})
	stop()
	os.Exit(code)
}

// self is who runs this, as far as this machine knows.
func self() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "an operator"
}

// run carries out one command line and returns the exit code.
func run(args []string, c console) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var line cli
	over := -1 // the help was asked for
	parser, err := kong.New(&line, kong.Name("ops"), kong.Description(description), kong.Writers(c.out, c.err), kong.Exit(func(code int) { over = code }),
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, Compact: true, FlagsLast: true}))
	if err != nil {
		return report(err, c)
	}
	command, err := parser.Parse(args)
	if over >= 0 {
		return over
	}
	if err != nil {
		return report(usageError{fmt.Errorf("%w; see go run ./functions/ops --help", err)}, c)
	}
	c.json, c.yes = line.JSON, line.Yes
	return report(command.Run(c), c)
}

// usageError is the operator's mistake: on the command line, in the
// environment or in a file. Nothing was done.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// The outcomes that are neither well nor failed.
var (
	errAttention    = errors.New("something needs a person")
	errNotConfirmed = errors.New("not confirmed; nothing was changed")
)

// report says what went wrong, if anything, and returns the exit code.
func report(err error, c console) int {
	if err == nil {
		return 0
	}
	_, usage := errors.AsType[usageError](err)
	if !errors.Is(err, errAttention) {
		fmt.Fprintf(c.err, "ops: %v\n", err)
	}
	switch {
	case usage:
		return exitUsage
	case errors.Is(err, errAttention):
		return exitAttention
	case errors.Is(err, errNotConfirmed):
		return exitNotDone
	case errors.Is(err, spannerdb.ErrSchema):
		return exitUsage
	}
	return exitFailed
}
