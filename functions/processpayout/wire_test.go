package processpayout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/functions/processpayout"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// build makes the function from the environment, as it is deployed, with a
// second node.
func (n *network) build(second string) (http.Handler, error) {
	env := map[string]string{
		"LOG_LEVEL":        "ERROR",
		"SPANNER_DATABASE": n.database, "CHAIN_ID": fmt.Sprint(n.chain.Network.ChainID), "USDC_ADDRESS": n.chain.Network.Token.Hex(),
		"TREASURY_ADDRESS": n.deps.Signer.Address().Hex(), "TREASURY_KEY": hexutil.Encode(crypto.FromECDSA(n.chain.Treasury)),
		"LOG_SENDER_KEY": hexutil.Encode(crypto.FromECDSA(n.chain.LogSender)), "BLOCKRUN_LOG_ADDRESS": n.logTo.Hex(),
		"X402_FACILITATOR_URL": n.rail, "PAYOUT_MAX_MICROS": "1000000", "PAYOUT_DAILY_MAX_MICROS": "100000000",
		"PAYOUT_SAFE_POLL": "1s", "PAYOUT_RETRY_MIN": "1s", "PAYOUT_RETRY_MAX": "1s", "PAYOUT_SAFE_LAG": "1s",
		"BASE_RPC_URL": n.chain.URL, "BASE_RPC_URL_2": second,
	}
	return processpayout.Build(n.Context(), func(name string) (string, bool) { v := env[name]; return v, v != "" })
}

// BASE_RPC_URL_2 is the node that has to agree before a payout is booked: with
// one that has never seen the transfer the payout waits, however often it is
// looked at, and with one that has, it is booked.
func TestTheSecondNodeOfTheEnvironmentHasToAgree(t *testing.T) {
	n := newNetwork(t)
	other, err := devchain.Start(t.Context(), devchain.Options{Instant: true})
	n.must(err)
	t.Cleanup(func() { _ = other.Stop() })
	var asked atomic.Int64
	other.Intercept(func(ctx context.Context, call devchain.Call, next devchain.Next) (json.RawMessage, error) {
		asked.Add(1)
		return next(ctx, call)
	})
	id := n.open(0, common.HexToAddress("0xe0000"))
	look := func(second string) (p ledger.Payout) {
		f, err := n.build(second)
		n.must(err)
		for range 4 {
			n.deliver(f, hint.Payout(id))
			found, err := n.db.PayoutsByID(t.Context(), []ledger.PayoutID{id})
			n.must(err)
			if p = found[0]; p.State == ledger.Confirmed {
				break
			}
			n.must(n.db.RequeuePayout(t.Context(), id, time.Now()))
		}
		return p
	}
	p := look(other.URL)
	head, err := n.chain.Head(t.Context())
	n.must(err)
	paid := 0
	n.must(n.node.TransfersFrom(t.Context(), n.chain.Network.Token, n.deps.Signer.Address(), 0, head.Number.Uint64(), func(chain.Transfer) error {
		paid++
		return nil
	}))
	if paid != 1 || p.State == ledger.Confirmed || asked.Load() < 2 {
		t.Fatalf("paid %d times, and the payout is %s; the second node was asked %d times", paid, p.State, asked.Load())
	}

	same, err := url.Parse(n.chain.URL)
	n.must(err)
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(same))
	t.Cleanup(proxy.Close)
	if p := look(proxy.URL); p.State != ledger.Confirmed {
		t.Errorf("both nodes know the transfer, and the payout is %s: %s", p.State, p.Reason)
	}

	if _, err := n.build("http://127.0.0.1:1/key"); err == nil || !strings.HasPrefix(err.Error(), "BASE_RPC_URL_2: ") || strings.Contains(err.Error(), "key") {
		t.Errorf("a second node that is not there: %v", err)
	}
}
