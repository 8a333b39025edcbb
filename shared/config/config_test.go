package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

const (
	treasury = "0xf86e5516096d5EE5a2E927ec9C014B31C50f1E0C"
	logs     = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	cdp      = "https://api.cdp.coinbase.com/platform/v2/x402"
	token    = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
)

var payout = map[string]string{
	"SPANNER_DATABASE": "projects/p/instances/i/databases/d", "CHAIN_ID": "84532", "TREASURY_ADDRESS": treasury,
	"BASE_RPC_URL": "https://node.example/secret-path", "TREASURY_KEY": "0xdeadbeef", "LOG_SENDER_KEY_FILE": "/run/key",
	"BLOCKRUN_LOG_ADDRESS": logs, "X402_FACILITATOR_URL": "https://x402.example", "CDP_API_KEY_ID": "id", "CDP_API_KEY_SECRET": "hush-hush",
	"PAYOUT_MAX_MICROS": "1000000", "PAYOUT_DAILY_MAX_MICROS": "50000000", "PAYOUT_TOPIC": "projects/p/topics/t", "SPEND_LOG_BUCKET": "b",
	"RESULT_LOG_BUCKET": "r",
}

// changed is payout with some variables changed; "-" leaves one out.
func changed(pairs ...string) Lookup {
	env := maps.Clone(payout)
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "-" {
			delete(env, pairs[i])
		}
	}
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestDefaults(t *testing.T) {
	var get GetTasks
	var submit SubmitResults
	var pay ProcessPayout
	var refresh RefreshReputation
	var sweep Sweep
	for _, target := range []interface{ Validate() error }{&get, &submit, &pay, &refresh, &sweep} {
		if err := Load(t.Context(), changed(), target); err != nil {
			t.Fatal(err)
		}
	}
	if get.TasksPerPoll != 10 || get.Database.TaskShards != 1 || get.Log.Level != slog.LevelInfo || sweep.Limit != 500 || refresh.WalletFields != nil {
		t.Errorf("%+v %+v %+v", get, sweep, refresh)
	}
	policy, err := submit.Policy()
	want := ledger.PayoutPolicy{
		ChainID: 84532, Token: common.HexToAddress("0x036CbD53842c5426634e7929541eC2318f3dCF7e"), Treasury: common.HexToAddress(treasury),
		Threshold: 10_000, PublishGrace: 30 * time.Second,
	}
	if err != nil || policy != want {
		t.Errorf("policy %+v, %v", policy, err)
	}
	if pay.AttemptTime != 2*time.Minute || pay.Payouts != (PayoutTimes{}) || pay.Receipts != (ReceiptBatches{Form: "compact"}) || pay.Caps() != (ledger.PayoutCaps{PerPayout: 1_000_000, PerDay: 50_000_000}) {
		t.Errorf("payout %+v", pay)
	}
	if pay.HasRelayer() || common.Address(pay.Multicall) != common.HexToAddress("0xcA11bde05977b3631167028862bE2a173976CA11") {
		t.Errorf("without RELAYER_KEY there is a second rail (%t), Multicall3 is at %s", pay.HasRelayer(), pay.Multicall)
	}
	if pay.Treasury.Hex.Reveal() != "0xdeadbeef" || pay.LogSender != (Key{File: "/run/key"}) || pay.RPC.Reveal() != payout["BASE_RPC_URL"] {
		t.Error("a key or the node's URL was not taken as it stands")
	}
}

func TestOverrides(t *testing.T) {
	env := changed("LOG_LEVEL", "WARN", "USDC_ADDRESS", token, "CHAIN_ID", "8453", "PAYOUT_SAFE_LAG", "0s", "PAYOUT_RETRY_MIN", "1s",
		"RELAYER_KEY_FILE", "/run/relayer", "MULTICALL3_ADDRESS", logs,
		"RECEIPT_FORM", "json", "RECEIPT_BATCH_MIN", "1", "RECEIPT_BATCH_WAIT", "3s", "SPEND_LOG_COST_FIELDS", "usd,price")
	var pay ProcessPayout
	if err := Load(t.Context(), env, &pay); err != nil {
		t.Fatal(err)
	}
	n, err := pay.Money.Network()
	if err != nil || n.ChainID != usdc.Base || n.Token != common.HexToAddress(token) || pay.Log.Level != slog.LevelWarn {
		t.Errorf("network %+v, %v; level %v", n, err, pay.Log.Level)
	}
	if *pay.Payouts.SafeLag != 0 || *pay.Payouts.RetryMin != time.Second || pay.Payouts.RetryMax != nil || *pay.Receipts.Min != 1 || *pay.Receipts.Wait != 3*time.Second || pay.Receipts.Max != nil {
		t.Errorf("payout %+v", pay)
	}
	if !pay.HasRelayer() || pay.Relayer != (Key{File: "/run/relayer"}) || common.Address(pay.Multicall) != common.HexToAddress(logs) {
		t.Errorf("relayer %+v, Multicall3 at %s", pay.Relayer, pay.Multicall)
	}
	var refresh RefreshReputation
	if err := Load(t.Context(), env, &refresh); err != nil || len(refresh.CostFields) != 2 || refresh.CostFields[1] != "price" {
		t.Errorf("refresh %+v, %v", refresh, err)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		target interface{ Validate() error }
		change []string
		want   string
	}{
		{&GetTasks{}, []string{"SPANNER_DATABASE", "-"}, "SPANNER_DATABASE"},
		{&GetTasks{}, []string{"SPANNER_DATABASE", ""}, "SPANNER_DATABASE"},
		{&GetTasks{}, []string{"SPANNER_DATABASE", "worker-network"}, "SPANNER_DATABASE"},
		{&GetTasks{}, []string{"SPANNER_DATABASE", "projects/p/instances//databases/d"}, "SPANNER_DATABASE"},
		{&GetTasks{}, []string{"TASKS_PER_POLL", "0"}, "TASKS_PER_POLL"},
		{&GetTasks{}, []string{"TASKS_PER_POLL", "many"}, "many"},
		{&GetTasks{}, []string{"MIN_WORKER_VERSION", "1.2.0"}, "MIN_WORKER_VERSION"},
		{&GetTasks{}, []string{"MIN_WORKER_VERSION", "v1.2"}, "MIN_WORKER_VERSION"},
		{&SubmitResults{}, []string{"PAYOUT_TOPIC", "-"}, "PAYOUT_TOPIC"},
		{&SubmitResults{}, []string{"CHAIN_ID", "1"}, "CHAIN_ID"},
		{&SubmitResults{}, []string{"CHAIN_ID", "-"}, "CHAIN_ID"},
		{&SubmitResults{}, []string{"TREASURY_ADDRESS", "-"}, "TREASURY_ADDRESS"},
		{&SubmitResults{}, []string{"TREASURY_ADDRESS", strings.Replace(treasury, "EE5", "Ee5", 1)}, treasury[:10]},
		{&SubmitResults{}, []string{"USDC_ADDRESS", treasury}, "different"},
		{&SubmitResults{}, []string{"PAYOUT_THRESHOLD_MICROS", "0"}, "threshold"},
		{&SubmitResults{}, []string{"PAYOUT_THRESHOLD_MICROS", "0.01"}, "0.01"},
		{&Sweep{}, []string{"SWEEP_LIMIT", "-1"}, "SWEEP_LIMIT"},
		{&RefreshReputation{}, []string{"SPEND_LOG_BUCKET", "-"}, "SPEND_LOG_BUCKET"},
		{&ProcessPayout{}, []string{"BASE_RPC_URL", "-"}, "BASE_RPC_URL"},
		{&ProcessPayout{}, []string{"BASE_RPC_URL_2", payout["BASE_RPC_URL"]}, "BASE_RPC_URL_2 is BASE_RPC_URL"},
		{&Reconcile{}, []string{"RECONCILE_BOOKS_ROWS", "0"}, "RECONCILE_BOOKS_ROWS"},
		{&ProcessPayout{}, []string{"TREASURY_KEY", "-"}, "TREASURY_KMS_KEY, 0 are set"},
		{&ProcessPayout{}, []string{"TREASURY_KMS_KEY", "k"}, "TREASURY_KMS_KEY, 2 are set"},
		{&ProcessPayout{}, []string{"LOG_SENDER_KEY", "0x1"}, "LOG_SENDER_KMS_KEY, 2 are set"},
		{&ProcessPayout{}, []string{"RELAYER_KEY", "0x1", "RELAYER_KEY_FILE", "/run/key"}, "RELAYER_KMS_KEY, 2 are set"},
		{&ProcessPayout{}, []string{"MULTICALL3_ADDRESS", "multicall"}, "MULTICALL3_ADDRESS"},
		{&ProcessPayout{}, []string{"CDP_API_KEY_ID", "-"}, "CDP_API_KEY_ID"},
		{&ProcessPayout{}, []string{"CDP_API_KEY_SECRET", "-"}, "CDP_API_KEY_SECRET"},
		{&ProcessPayout{}, []string{"PAYOUT_MAX_MICROS", "-"}, "PAYOUT_MAX_MICROS"},
		{&ProcessPayout{}, []string{"PAYOUT_MAX_MICROS", "0"}, "PAYOUT_MAX_MICROS"},
		{&ProcessPayout{}, []string{"PAYOUT_DAILY_MAX_MICROS", "999999"}, "PAYOUT_DAILY_MAX_MICROS"},
		{&ProcessPayout{}, []string{"PAYOUT_ATTEMPT_TIME", "10m"}, "PAYOUT_ATTEMPT_TIME"},
		{&ProcessPayout{}, []string{"RECEIPT_FORM", "xml"}, "RECEIPT_FORM"},
		{&ProcessPayout{}, []string{"BLOCKRUN_LOG_ADDRESS", "0x10"}, "0x10"},
		{&ProcessPayout{}, []string{"BLOCKRUN_LOG_ADDRESS", "-"}, "BLOCKRUN_LOG_ADDRESS is not set"},
		{&ProcessPayout{}, []string{"BLOCKRUN_LOG_ADDRESS", "0x036CbD53842c5426634e7929541eC2318f3dCF7e"}, "BLOCKRUN_LOG_ADDRESS is the token"},
		{&ProcessPayout{}, []string{"PAYOUT_MAX_MICROS", "9999"}, "below twice PAYOUT_THRESHOLD_MICROS"},
		{&ProcessPayout{}, []string{"PAYOUT_MAX_MICROS", "19999"}, "set at least 20000"},
		{&ProcessPayout{}, []string{"PAYOUT_THRESHOLD_MICROS", "500001"}, "below twice PAYOUT_THRESHOLD_MICROS"},
		{&ProcessPayout{}, []string{"RECEIPT_BATCH_MAX", "0"}, "RECEIPT_BATCH_MAX is 0"},
		{&ProcessPayout{}, []string{"RECEIPT_BATCH_MAX", "201"}, "RECEIPT_BATCH_MAX is 201"},
		{&ProcessPayout{}, []string{"PAYOUT_DAILY_MAX_MICROS", "-"}, "PAYOUT_DAILY_MAX_MICROS is 0"},
		{&ProcessPayout{}, []string{"X402_FACILITATOR_URL", "-"}, "X402_FACILITATOR_URL is not set"},
		{&ProcessPayout{}, []string{"X402_FACILITATOR_URL", "x402.example"}, "X402_FACILITATOR_URL is no"},
		{&ProcessPayout{}, []string{"X402_FACILITATOR_URL", cdp, "CDP_API_KEY_ID", "-", "CDP_API_KEY_SECRET", "-"}, "answers nobody without"},
		{&ProcessPayout{}, []string{"X402_FACILITATOR_URL", cdp, "PAYOUT_THRESHOLD_MICROS", "999"}, "settles nothing below 1000"},
		{&ProcessPayout{}, []string{"TREASURY_ADDRESS", token, "USDC_ADDRESS", token}, "TREASURY_ADDRESS is the token"},
		{&ProcessPayout{}, []string{"SPANNER_DATABASE", "-"}, "SPANNER_DATABASE is not set"},
		{&GetTasks{}, []string{"TASK_SHARDS", "0"}, "TASK_SHARDS is 0"},
		{&Sweep{}, []string{"TASK_SHARDS", "65"}, "TASK_SHARDS is 65; want 1 to 64"},
		{&Sweep{}, []string{"PAYOUT_TOPIC", " "}, "PAYOUT_TOPIC is not set"},
		{&Sweep{}, []string{"RESULT_LOG_BUCKET", "-"}, "RESULT_LOG_BUCKET is not set"},
	} {
		err := Load(t.Context(), changed(c.change...), c.target)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T with %q: %v, want an error with %q", c.target, c.change, err, c.want)
		}
	}
}

// Everything that is wrong is said at once, each thing once.
func TestEveryProblemAtOnce(t *testing.T) {
	env := changed("SPANNER_DATABASE", "-", "TASK_SHARDS", "two", "CHAIN_ID", "base", "TREASURY_ADDRESS", "0x12",
		"BASE_RPC_URL", "", "TREASURY_KEY", "-", "PAYOUT_MAX_MICROS", "0", "PAYOUT_DAILY_MAX_MICROS", "1.5",
		"CDP_API_KEY_ID", "-", "RECEIPT_FORM", "xml", "PAYOUT_ATTEMPT_TIME", "soon", "BLOCKRUN_LOG_ADDRESS", "-")
	want := []string{
		"SPANNER_DATABASE is not set", `TASK_SHARDS is "two"; set a whole number`, `CHAIN_ID is "base"; set a whole number`,
		"TREASURY_ADDRESS cannot be read", "BASE_RPC_URL is not set", "TREASURY_KEY is one of", "PAYOUT_MAX_MICROS is 0",
		`PAYOUT_DAILY_MAX_MICROS is "1.5"`, "CDP_API_KEY_ID and", "RECEIPT_FORM is", "PAYOUT_ATTEMPT_TIME cannot be read", "BLOCKRUN_LOG_ADDRESS is not set",
	}
	err := Load(t.Context(), env, &ProcessPayout{})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, text := range want {
		if strings.Count(err.Error(), text) != 1 {
			t.Errorf("%q is not said once", text)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(want) {
		t.Errorf("%d problems, want %d:\n%v", lines, len(want), err)
	}
	var p *Problem
	if !errors.As(err, &p) || p.Variable == "" {
		t.Errorf("no Problem in %v", err)
	}
	// With nothing set at all, every variable that is needed is named.
	err = Load(t.Context(), func(string) (string, bool) { return "", false }, &ProcessPayout{})
	for _, name := range []string{"SPANNER_DATABASE", "CHAIN_ID", "TREASURY_ADDRESS", "TREASURY_KEY", "LOG_SENDER_KEY", "BASE_RPC_URL", "BLOCKRUN_LOG_ADDRESS", "X402_FACILITATOR_URL", "PAYOUT_MAX_MICROS", "PAYOUT_DAILY_MAX_MICROS"} {
		if err == nil || !strings.Contains(err.Error(), name+" is") {
			t.Errorf("%s is not asked for: %v", name, err)
		}
	}
}

func TestSpaceAroundValues(t *testing.T) {
	var pay ProcessPayout
	if err := Load(t.Context(), changed("CHAIN_ID", " 84532\n", "TREASURY_KEY", "0xdeadbeef\n"), &pay); err != nil || pay.Money.ChainID != usdc.BaseSepolia || pay.Treasury.Hex.Reveal() != "0xdeadbeef" {
		t.Errorf("%+v, %v", pay, err)
	}
}

// However a configuration is printed, what is secret in it is not.
func TestNothingShowsSecrets(t *testing.T) {
	var pay ProcessPayout
	if err := Load(t.Context(), changed(), &pay); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&all, verb+"\n", pay)
	}
	text, err := json.Marshal(pay)
	if err != nil {
		t.Fatal(err)
	}
	all.Write(text)
	slog.New(slog.NewTextHandler(&all, nil)).Info("start", "config", pay, "key", pay.Treasury.Hex)
	slog.New(slog.NewJSONHandler(&all, nil)).Info("start", "config", pay, "key", pay.Treasury.Hex)
	for _, secret := range []string{"deadbeef", "hush", "secret-path", fmt.Sprintf("%x", "deadbeef")} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("%q shows in %s", secret, all.String())
		}
	}
	if !strings.Contains(all.String(), redacted) {
		t.Error("secrets do not show even as such")
	}
}
