package demo

import (
	"os"
	"path/filepath"
	"testing"
	"time"

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

// A demo that was killed hard leaves its folder to a later one to remove.
func TestRemoveLeftovers(t *testing.T) {
	temp, now := t.TempDir(), time.Now()
	for name, age := range map[string]time.Duration{"worker-network-demo-1": 2 * time.Hour, "worker-network-demo-2": time.Minute, "else": 9 * time.Hour} {
		dir := filepath.Join(temp, name)
		if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	removeLeftovers(temp, now)
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 2 || left[0].Name() != "else" || left[1].Name() != "worker-network-demo-2" {
		t.Errorf("%v are left, %v", left, err)
	}
}
