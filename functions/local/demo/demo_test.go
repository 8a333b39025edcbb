package demo

import (
	"testing"

	"github.com/BlockRunAI/worker-network/shared/config"
)

// The demo shows the product's own threshold: it compresses time, not money.
func TestThresholdIsTheDefault(t *testing.T) {
	env := map[string]string{"SPANNER_DATABASE": "projects/p/instances/i/databases/d", "CHAIN_ID": "84532"}
	var c config.WorkerStatus
	err := config.Load(t.Context(), func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &c)
	if err != nil || c.Threshold != threshold {
		t.Errorf("the demo pays at %d, the network at %d (%v)", threshold, c.Threshold, err)
	}
}
