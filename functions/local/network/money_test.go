package network

import (
	"net"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
)

// A chain that is not ours needs keys, addresses and a facilitator from the
// environment; what is missing is named before anything starts.
func TestMissing(t *testing.T) {
	all := map[string]string{"TREASURY_KEY": "k", "LOG_SENDER_KEY": "k", "BLOCKRUN_LOG_ADDRESS": "a", "X402_FACILITATOR_URL": "u"}
	with := func(change map[string]string) func(string) string {
		env := map[string]string{}
		for k, v := range all {
			env[k] = v
		}
		for k, v := range change {
			env[k] = v
		}
		return func(name string) string { return env[name] }
	}
	for name, c := range map[string]struct {
		change map[string]string
		want   string
	}{
		"all there":           {nil, ""},
		"key in a file":       {map[string]string{"TREASURY_KEY": "", "TREASURY_KEY_FILE": "f"}, ""},
		"KMS and its address": {map[string]string{"TREASURY_KEY": "", "TREASURY_KMS_KEY": "projects/p", "TREASURY_ADDRESS": "a"}, ""},
		"KMS":                 {map[string]string{"TREASURY_KEY": "", "TREASURY_KMS_KEY": "projects/p"}, "TREASURY_ADDRESS"},
		"no treasury":         {map[string]string{"TREASURY_KEY": ""}, "TREASURY_KEY or TREASURY_KEY_FILE or TREASURY_KMS_KEY"},
		"no log sender":       {map[string]string{"LOG_SENDER_KEY": ""}, "LOG_SENDER_KEY or LOG_SENDER_KEY_FILE or LOG_SENDER_KMS_KEY"},
		"log sender in KMS":   {map[string]string{"LOG_SENDER_KEY": "", "LOG_SENDER_KMS_KEY": "projects/p"}, "LOG_SENDER_ADDRESSES"},
		"and its address":     {map[string]string{"LOG_SENDER_KEY": "", "LOG_SENDER_KMS_KEY": "projects/p", "LOG_SENDER_ADDRESSES": "a"}, ""},
		"no log address":      {map[string]string{"BLOCKRUN_LOG_ADDRESS": ""}, "BLOCKRUN_LOG_ADDRESS"},
		"no facilitator":      {map[string]string{"X402_FACILITATOR_URL": ""}, "X402_FACILITATOR_URL"},
	} {
		err := missing(with(c.change))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), "also set "+c.want+", or unset BASE_RPC_URL") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestUseChainRefuses(t *testing.T) {
	const key = "0x0000000000000000000000000000000000000000000000000000000000000001"
	good := map[string]string{
		"TREASURY_KEY": key, "LOG_SENDER_KEY": key, "BLOCKRUN_LOG_ADDRESS": localLog.Hex(), "X402_FACILITATOR_URL": "http://127.0.0.1:1",
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close() // its port refuses connections
	for name, c := range map[string]struct {
		change map[string]string
		fund   []common.Address
		want   string
	}{
		"fund":             {nil, []common.Address{{1}}, "--fund"},
		"second rail":      {nil, nil, "RELAYER_KEY"},
		"chain id":         {map[string]string{"CHAIN_ID": "base"}, nil, "CHAIN_ID"},
		"log address":      {map[string]string{"BLOCKRUN_LOG_ADDRESS": "0x1"}, nil, "BLOCKRUN_LOG_ADDRESS"},
		"token":            {map[string]string{"USDC_ADDRESS": "usdc"}, nil, "USDC_ADDRESS"},
		"treasury key":     {map[string]string{"TREASURY_KEY": "0x12"}, nil, "TREASURY_KEY"},
		"treasury file":    {map[string]string{"TREASURY_KEY": "", "TREASURY_KEY_FILE": "/no/such/file"}, nil, "TREASURY_KEY_FILE"},
		"log sender":       {map[string]string{"LOG_SENDER_KEY": "key"}, nil, "LOG_SENDER_KEY"},
		"no node answers":  {nil, nil, "the chain at BASE_RPC_URL: "},
		"log sender's KMS": {map[string]string{"LOG_SENDER_KEY": "", "LOG_SENDER_KMS_KEY": "projects/p", "LOG_SENDER_ADDRESSES": "0x1"}, nil, "LOG_SENDER_ADDRESSES"},
		"treasury address": {map[string]string{"TREASURY_ADDRESS": "0xzz"}, nil, "TREASURY_ADDRESS"},
	} {
		env := map[string]string{}
		for k, v := range good {
			env[k] = v
		}
		for k, v := range c.change {
			env[k] = v
		}
		n := &Network{}
		o := Options{Fund: c.fund, SecondRail: name == "second rail", Getenv: func(name string) string { return env[name] }}
		err := n.useChain(t.Context(), "http://"+nobody.Addr().String(), o, environment{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want one that names %s", name, err, c.want)
		}
		if refused := err != nil && strings.Contains(err.Error(), "refused"); refused != (name == "no node answers") {
			t.Errorf("%s: was the node asked? %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), key[2:]) {
			t.Errorf("%s: the error holds a key: %v", name, err)
		}
	}
}
