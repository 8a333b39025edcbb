package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/api"
)

// junk is the key of the Solana wallet that the network's spend log holds.
const junk = "a01c67efb5cb8f62f15907a9fcf124c73d2695c8a9a31f21c05742a31ca1dc72"

// linked is from the spend log to the reward: once RefreshReputation has read
// what a Solana wallet paid, a link makes it count at the next result.
func linked(t *testing.T, n *network.Network) {
	seed, err := hex.DecodeString(junk)
	if err != nil {
		t.Fatal(err)
	}
	solana := ed25519.NewKeyFromSeed(seed)
	w := newTestWorker(t, n.API)
	earns := func(what, want string) {
		t.Helper()
		untilAssigned(t, w)
		if answer, err := w.submit(t.Context(), w.result(t, "check", time.Now())); err != nil || answer.Earned != want {
			t.Errorf("%s: %+v, %v; want $%s", what, answer, err, want)
		}
	}
	earns("bronze", "0.004000")
	eventually(t, 30*time.Second, "the link, and what was paid", func() bool {
		l := api.Link{
			WorkerAddress: w.address.Hex(), SolanaAddress: api.SolanaAddress(solana.Public().(ed25519.PublicKey)),
			ChainID: n.Money.ChainID, Timestamp: time.Now().UnixMilli(),
		}
		if err := api.SignLink(&l, w.key, solana); err != nil {
			t.Fatal(err)
		}
		sent, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		status, body, err := w.call(t.Context(), http.MethodPost, api.LinkPath, sent)
		var answer api.LinkResponse
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &answer) != nil {
			t.Fatalf("%d %s, %v", status, body, err)
		}
		return answer.LifetimePaidUSD == "60.000000000" && answer.Tier == "gold"
	})
	earns("gold", "0.006000")
}
