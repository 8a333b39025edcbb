//go:build unix

package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/facilitator"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

var apiOnScreen = regexp.MustCompile(`(?m)^  API +(http://\S+)$`)

// BASE_RPC_URL, USDC_ADDRESS, X402_FACILITATOR_URL and SPANNER_EMULATOR_HOST
// take the place of the local parts, and a worker that joins is paid there.
func TestReplacedParts(t *testing.T) {
	host := spannertest.Host(t)
	c, err := devchain.Start(t.Context(), devchain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Stop() }()
	rail, err := facilitator.New(t.Context(), facilitator.Options{RPCURL: c.URL, Network: c.Network, Relayer: c.Relayer})
	if err != nil {
		t.Fatal(err)
	}
	defer rail.Close()
	x402 := httptest.NewServer(rail)
	defer x402.Close()
	tasks := filepath.Join(t.TempDir(), "tasks.yaml")
	if err := os.WriteFile(tasks, []byte(oneTask), 0o600); err != nil {
		t.Fatal(err)
	}
	treasury := crypto.PubkeyToAddress(c.Treasury.PublicKey).Hex()
	p := startWith(t, []string{
		"SPANNER_EMULATOR_HOST=" + host, "BASE_RPC_URL=" + c.URL + "/secret-path", "USDC_ADDRESS=" + c.Network.Token.Hex(), "X402_FACILITATOR_URL=" + x402.URL,
		"TREASURY_KEY=" + hexutil.Encode(crypto.FromECDSA(c.Treasury)), "LOG_SENDER_KEY=" + hexutil.Encode(crypto.FromECDSA(c.LogSender)),
		"BLOCKRUN_LOG_ADDRESS=0x0000000000000000000000000000000000000106", "PAYOUT_THRESHOLD_MICROS=4000",
		"PAYOUT_SAFE_LAG=0s", "PAYOUT_SAFE_POLL=1s", "PAYOUT_RETRY_MIN=1s",
	}, nil, "--port", "0", "--rpc-port", "0", "--sweep-every", "1s", "--tasks", tasks)
	p.says(t, "Ctrl-C stops everything")
	screen := p.output()
	for _, want := range []string{treasury, x402.URL, host, "from BASE_RPC_URL"} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is not on the screen", want)
		}
	}
	if strings.Contains(screen, "secret-path") {
		t.Error("the path of the node's URL, which may be a key, is on the screen")
	}
	w := newTestWorker(t, apiOnScreen.FindStringSubmatch(screen)[1])
	untilAssigned(t, w)
	if answer, err := w.submit(t.Context(), w.result(t, "check", time.Now())); err != nil || answer.Accepted != 1 {
		t.Fatalf("%+v, %v", answer, err)
	}
	eventually(t, time.Minute, "the worker is paid on the other chain", func() bool {
		balance, err := c.USDCBalance(t.Context(), w.address)
		if err != nil {
			t.Fatal(err)
		}
		return balance.Int64() == 4000
	})
}
