package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// link answers as LinkWallet does: in the mood "sepolia" for Base Sepolia, in
// "taken" for a Solana wallet that is another worker's, in "ahead" by a clock
// that is an hour ahead.
func (n *network) link(w http.ResponseWriter, r *http.Request) {
	chain, now := int64(8453), time.Now()
	switch n.mood {
	case "sepolia":
		chain = 84532
	case "ahead":
		now = now.Add(time.Hour)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	}
	refuse := func(status int, err error) {
		w.WriteHeader(status)
		body := api.ErrorBody{Error: err.Error()}
		if e, ok := err.(*api.LinkError); ok {
			body.Code = e.Code
		}
		_ = json.NewEncoder(w).Encode(body)
	}
	body, _ := io.ReadAll(r.Body)
	l, err := api.DecodeLink(strings.NewReader(string(body)))
	if err == nil {
		_, err = api.VerifyLink(l, chain, now)
	}
	if err != nil {
		refuse(http.StatusBadRequest, err)
		return
	}
	answer := api.LinkResponse{
		Status: api.Linked, Address: l.WorkerAddress, SolanaAddress: l.SolanaAddress, Tier: "silver", Multiplier: "1.2",
		LifetimePaidUSD: "12.500000000", OwnPaidUSD: "2.000000000", Linked: []api.LinkedSpend{{SolanaAddress: l.SolanaAddress, PaidUSD: "10.500000000", Since: statusTime}},
		NextTier: &api.NextTier{Tier: "gold", Multiplier: "1.5", FromUSD: "50.000000000", MissingUSD: "37.500000000"},
	}
	switch {
	case n.mood == "taken" && !l.Relink:
		refuse(http.StatusConflict, &api.LinkError{Code: api.LinkElsewhere, Text: "this Solana wallet is linked to another worker (worker-cli wallet link --relink)\x1b[2J"})
		return
	case n.mood == "taken":
		answer.Status, answer.PreviousAddress = api.Relinked, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	case n.mood == "again":
		answer.Status = api.AlreadyLinked
	case n.mood == "confused":
		answer.SolanaAddress = "somebody else's"
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// What is said to be typed has the flags that were typed.
func TestLinkHint(t *testing.T) {
	c := console{getenv: func(string) string { return "" }}
	plain := walletLinkCmd{API: "https://blockrun.ai/api", Network: "base"}
	all := walletLinkCmd{API: "http://127.0.0.1:8080/api", Network: "base-sepolia", MnemonicFile: "/w/words", Wallet: "/w/key", OtherWallet: true, Relink: false}
	const typed = "worker-cli wallet link --api http://127.0.0.1:8080/api --network base-sepolia --mnemonic-file /w/words --wallet /w/key --other-wallet --relink"
	refused := func(code api.Code, text string) error { return &client.Error{Status: 409, Code: code, Text: text} }
	away := errors.New("away")
	for _, tt := range []struct {
		cmd  walletLinkCmd
		err  error
		want string
	}{
		{plain, refused(api.LinkElsewhere, "taken (worker-cli wallet link --relink)"), "taken (worker-cli wallet link --relink)"},
		{plain, refused(api.LinkElsewhere, "taken"), "taken; to take it from there: worker-cli wallet link --relink"},
		{all, refused(api.LinkElsewhere, "taken (worker-cli wallet link --relink)"), "taken (" + typed + ")"},
		{all, refused(api.LinkElsewhere, "taken"), "taken; to take it from there: " + typed},
		{all, refused(api.LinkTooSoon, "too soon"), "too soon"},
		{all, refused(api.LinkChain, "another chain"), "another chain; say which with --network base or --network base-sepolia"},
		{all, away, "away"},
	} {
		got := tt.cmd.hint(c, tt.err)
		if got.Error() != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
		if e, ok := errors.AsType[*client.Error](got); tt.err != away && (!ok || e.Status != 409) {
			t.Errorf("%q has lost its status", got)
		}
	}
	c.getenv = func(string) string { return all.API }
	if got := all.command(c); strings.Contains(got, "--api") {
		t.Errorf("the environment says it: %s", got)
	}
}
