package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
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
