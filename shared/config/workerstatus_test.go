package config

import (
	"strings"
	"testing"
)

func TestWorkerStatus(t *testing.T) {
	var c WorkerStatus
	// Neither treasury nor keys are needed to show the books.
	if err := Load(t.Context(), changed("TREASURY_ADDRESS", "-", "TREASURY_KEY", "-", "PAYOUT_THRESHOLD_MICROS", "100000"), &c); err != nil || c.ChainID != 84532 || c.Threshold != 100_000 {
		t.Errorf("%+v, %v", c, err)
	}
	for variable, value := range map[string]string{"SPANNER_DATABASE": "-", "CHAIN_ID": "1", "PAYOUT_THRESHOLD_MICROS": "0"} {
		if err := Load(t.Context(), changed(variable, value), &WorkerStatus{}); err == nil || !strings.Contains(err.Error(), variable+" is") {
			t.Errorf("%s=%s: %v", variable, value, err)
		}
	}
}
