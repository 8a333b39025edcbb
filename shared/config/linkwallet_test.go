package config

import (
	"strings"
	"testing"
)

func TestLinkWallet(t *testing.T) {
	var c LinkWallet
	if err := Load(t.Context(), changed("TREASURY_ADDRESS", "-", "TREASURY_KEY", "-"), &c); err != nil || c.ChainID != 84532 {
		t.Errorf("%+v, %v", c, err)
	}
	for variable, value := range map[string]string{"SPANNER_DATABASE": "-", "CHAIN_ID": "1"} {
		if err := Load(t.Context(), changed(variable, value), &LinkWallet{}); err == nil || !strings.Contains(err.Error(), variable+" is") {
			t.Errorf("%s=%s: %v", variable, value, err)
		}
	}
}
