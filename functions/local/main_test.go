package main

import (
	"os"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

// asProgram, set in its environment, makes the test binary the program itself:
// so that tests can start it, stop it and kill it.
const asProgram = "LOCAL_TEST_AS_PROGRAM"

// outside is the environment that the tests were started in; they change it.
var outside = os.Environ()

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	spannertest.Main(m)
}

func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen within %v: %s", within, what)
}
