package demo

import (
	"slices"
	"testing"
)

// What somebody set for a worker of their own does not reach the demo's, and
// what these keep does not reach that one's directory.
func TestWorkersHaveAnEnvironmentOfTheirOwn(t *testing.T) {
	got := workerEnv([]string{"PATH=/bin", "WORKER_BLOCK=127.0.0.1", "WORKER_STATE_DIR=/home/ada", "BLOCKRUN_WALLET_KEY=0x1"}, "/tmp/demo")
	if want := []string{"PATH=/bin", "WORKER_STATE_DIR=/tmp/demo"}; !slices.Equal(got, want) {
		t.Errorf("the workers' environment is %q, want %q", got, want)
	}
}
