package main

import (
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// payoutView is a payout as it is printed, without what is signed for it.
type payoutView struct {
	ID           string     `json:"payout"`
	State        string     `json:"state"`
	AmountMicros int64      `json:"amountMicros"`
	Results      int64      `json:"results"`
	Reason       string     `json:"reason,omitempty"` // why it waits or failed
	Opened       time.Time  `json:"opened"`
	AgeSeconds   int64      `json:"ageSeconds"`
	NextLook     *time.Time `json:"nextLook,omitempty"` // when ProcessPayout looks at it again
	Attempts     int64      `json:"attempts"`
	HeldBy       string     `json:"heldBy,omitempty"` // an attempt that runs
	Nonce        string     `json:"nonce"`
	Tx           string     `json:"tx,omitempty"`
}

func view(p ledger.Payout, now time.Time) payoutView {
	v := payoutView{
		ID: p.ID.String(), State: string(p.State), AmountMicros: int64(p.Amount), Results: p.ResultCount, Reason: p.Reason,
		Opened: p.CreatedAt, AgeSeconds: int64(now.Sub(p.CreatedAt).Seconds()), Attempts: p.Attempts, Nonce: p.Nonce.Hex(),
	}
	if !p.WorkAt.IsZero() {
		v.NextLook = &p.WorkAt
	}
	if now.Before(p.LeaseUntil) {
		v.HeldBy = p.LeaseOwner
	}
	if p.UsdcTx.Big().Sign() != 0 {
		v.Tx = p.UsdcTx.Hex()
	}
	return v
}

// stuckAfter is how old an unpaid payout may be: the alert says an hour, too.
const stuckAfter = time.Hour

func payoutRow(p ledger.Payout, now time.Time) []string {
	next := ago(now, p.WorkAt)
	switch {
	case p.State == ledger.Failed:
		next = "never: requeue it"
	case now.Before(p.LeaseUntil):
		next = "now"
	}
	return []string{p.ID.String(), string(p.State), p.Amount.String(), span(now.Sub(p.CreatedAt)), next, p.Reason}
}
