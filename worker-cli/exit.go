package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/state"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/view"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

// The exit codes. They never change their meaning; exits has all of them.
const (
	exitFailed     = 1
	exitUsage      = 2
	exitNoWallet   = 3
	exitBadWallet  = 4
	exitDisagree   = 5 // of audit alone
	exitUnfinished = 6 // of audit alone
	exitSick       = 7 // of doctor alone
	exitLocked     = 8 // of run alone
	exitOutdated   = 9 // of run alone
	exitAtOnce     = 130
)

// exits is the table in the help and in the README: each code with what it
// means, and the error that it stands for. What is none of them is exitFailed.
var exits = []struct {
	code int
	is   error // or nil
	text string
}{
	{0, nil, "well done"},
	{exitFailed, nil, "something failed; the last line says what, and what to do"},
	{exitUsage, nil, "wrong usage"},
	{exitNoWallet, wallet.ErrNone, "no wallet"},
	{exitBadWallet, wallet.ErrBad, "the wallet cannot be used"},
	{exitDisagree, errDisagree, "audit: there are disagreements"},
	{exitUnfinished, errUnfinished, "audit: not finished, run it again"},
	{exitSick, errSick, "doctor: something keeps the worker from working"},
	{exitLocked, state.ErrLocked, "run: another worker runs for this wallet"},
	{exitOutdated, errOutdated, "run: the network takes newer workers only: update this one"},
	{exitAtOnce, view.ErrAtOnce, "stopped at once, without submitting what there was"},
}

// exitTable is the table as the help has it.
func exitTable() string {
	var b strings.Builder
	for _, e := range exits {
		fmt.Fprintf(&b, "  %-4d %s\n", e.code, e.text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// usageError is the user's mistake on the command line.
type usageError struct{ error }

// exitCode is the code that stands for an error.
func exitCode(err error) int {
	if _, usage := errors.AsType[usageError](err); usage {
		return exitUsage
	}
	for _, e := range exits {
		if e.is != nil && errors.Is(err, e.is) {
			return e.code
		}
	}
	return exitFailed
}
