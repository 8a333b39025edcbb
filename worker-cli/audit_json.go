package main

import (
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// The report in JSON. It depends on the chain and the result log alone.
type (
	auditReport struct {
		OK         bool     `json:"ok"`
		ChainID    int64    `json:"chainId"`
		USDC       string   `json:"usdc"`
		Treasury   string   `json:"treasury"`
		LogAddress string   `json:"logAddress"`
		Senders    []string `json:"senders"`
		Scan       string   `json:"scan"`
		From       uint64   `json:"from"`
		To         uint64   `json:"to"`

		Total         auditTotal          `json:"total"` // of what is verified
		Workers       []auditWorker       `json:"workers"`
		Payouts       []auditPayout       `json:"payouts"` // verified, in the order of their receipts
		Waiting       []auditTransfer     `json:"waiting"` // transfers too young to have a receipt
		Disagreements []auditDisagreement `json:"disagreements"`
		Unlisted      int64               `json:"unlisted"` // further disagreements, which are not remembered
		Strange       int                 `json:"strange"`  // transactions to the log address that claim nothing
		Proven        bool                `json:"proven"`   // the treasury's balances account for all transfers

		ResultLog *auditLog `json:"resultLog,omitempty"`
	}
	auditTotal struct {
		Payouts int    `json:"payouts"`
		Results int64  `json:"results"`
		Paid    string `json:"paid"`
	}
	auditWorker struct {
		Address string `json:"address"`
		auditTotal
	}
	auditPayout struct {
		ID          string    `json:"id"`
		Worker      string    `json:"worker"`
		Amount      string    `json:"amount"`
		ResultCount int64     `json:"resultCount"`
		ResultsHash string    `json:"resultsHash"`
		Time        time.Time `json:"time"`
		UsdcTx      string    `json:"usdcTx"`
		UsdcBlock   uint64    `json:"usdcBlock"`
		LogTx       string    `json:"logTx"`
		LogBlock    uint64    `json:"logBlock"`
	}
	auditTransfer struct {
		Tx     string `json:"tx"`
		Block  uint64 `json:"block"`
		To     string `json:"to"`
		Amount string `json:"amount"`
	}
	auditDisagreement struct {
		Kind   string `json:"kind"`
		Payout string `json:"payout,omitempty"`
		Tx     string `json:"tx,omitempty"`
		Block  uint64 `json:"block,omitempty"`
		Part   string `json:"part,omitempty"`
		Detail string `json:"detail"`
	}
	auditLog struct {
		Parts       int   `json:"parts"`
		Results     int64 `json:"results"`
		Recomputed  int   `json:"recomputed"` // payouts
		OpenPayouts int   `json:"openPayouts"`
		OpenResults int64 `json:"openResults"`
		LostResults int64 `json:"lostResults,omitempty"` // paid for, and in no part of the log
		LostMicros  int64 `json:"lostMicros,omitempty"`
	}
)

func auditJSON(a auditCmd, s audit.Scope, r audit.Report) auditReport {
	sum := func(w audit.Worker) auditTotal { return auditTotal{w.Payouts, w.Results, w.Paid.String()} }
	out := auditReport{
		OK: r.OK(), ChainID: s.ChainID, USDC: s.Token.Hex(), Treasury: s.Treasury.Hex(), LogAddress: s.LogAddress.Hex(), Scan: a.Scan,
		From: r.From, To: r.To, Total: sum(total(r)), Strange: r.Strange, Proven: r.Proven, Unlisted: found(r) - int64(len(r.Disagreements)),
		Workers: []auditWorker{}, Payouts: []auditPayout{}, Waiting: []auditTransfer{}, Disagreements: []auditDisagreement{},
	}
	for _, sender := range s.Senders {
		out.Senders = append(out.Senders, sender.Hex())
	}
	for _, w := range r.Workers {
		out.Workers = append(out.Workers, auditWorker{w.Address.Hex(), sum(w)})
	}
	for _, p := range r.Payouts {
		out.Payouts = append(out.Payouts, auditPayout{
			p.PayoutID.String(), p.Worker().Hex(), p.AmountMicros.String(), p.ResultCount, p.ResultsHash, p.Time().UTC(),
			lowerHex(p.PayoutTxHash), p.TransferBlock, lowerHex(p.LogTx), p.LogBlock,
		})
	}
	for _, m := range r.Waiting {
		out.Waiting = append(out.Waiting, auditTransfer{lowerHex(m.Tx), m.Block, m.To.Hex(), m.Value.String()})
	}
	for _, d := range r.Disagreements {
		x := auditDisagreement{Kind: string(d.Kind), Block: d.Block, Part: d.Part, Detail: d.Detail}
		if d.Payout != (ledger.PayoutID{}) {
			x.Payout = d.Payout.String()
		}
		if d.Tx != (common.Hash{}) {
			x.Tx = lowerHex(d.Tx)
		}
		out.Disagreements = append(out.Disagreements, x)
	}
	if l := r.Log; l != nil {
		out.ResultLog = &auditLog{l.Parts, l.Results, l.Recomputed, l.OpenPayouts, l.OpenResults, l.LostResults, int64(l.LostSum)}
	}
	return out
}

func lowerHex(h common.Hash) string { return strings.ToLower(h.Hex()) }
