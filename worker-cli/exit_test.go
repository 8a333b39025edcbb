package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/state"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/view"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

// The codes never change their meaning; programs rely on them.
func TestExitCodes(t *testing.T) {
	for want, err := range map[int]error{
		1: errors.New("anything"), 2: usageError{wallet.ErrNone}, 3: wallet.ErrNone, 4: wallet.ErrBad, 5: errDisagree, 6: errUnfinished, 7: errSick, 8: state.ErrLocked, 9: errOutdated, 130: view.ErrAtOnce,
	} {
		if got := exitCode(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v is %d, want %d", err, got, want)
		}
	}
	codes := []int{}
	for _, e := range exits {
		codes = append(codes, e.code)
	}
	if !slices.Equal(codes, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130}) {
		t.Errorf("the table has %v", codes)
	}
}

// The README has the table of the help.
func TestExitCodesInReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, e := range exits {
		fmt.Fprintf(&table, "| %d | %s |\n", e.code, e.text)
	}
	if !strings.Contains(string(readme), table.String()) {
		t.Errorf("README.md does not have this table:\n%s", table.String())
	}
}
