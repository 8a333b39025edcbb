package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// prices are what the costs table assumes beside the measured gas.
type prices struct {
	GasGwei        float64 // of one unit of gas, all in
	EtherUSD       float64
	FacilitatorUSD float64 // per settlement, beyond the free ones
}

// thresholds are the payouts that the table is made for.
var thresholds = []ledger.Micros{10_000, 50_000, 100_000}

// way is one way to pay and to give a receipt: what it costs per payout.
type way struct {
	Name        string
	Facilitator bool     // it takes its fee and pays the transfer's gas
	Gas         []string // names of figures, in gas per payout
}

var ways = []way{
	{"facilitator, one JSON receipt a transaction", true, []string{"receipt.gas.json_single"}},
	{"facilitator, one compact receipt a transaction", true, []string{"receipt.gas.compact_single"}},
	{"facilitator, 100 compact receipts a transaction", true, []string{"receipt.gas.compact_batch100"}},
	{"own relayer, one by one, 100 compact receipts", false, []string{"payout.gas.single_warm", "receipt.gas.compact_batch100"}},
	{"own relayer, 100 at once, 100 compact receipts", false, []string{"payout.gas.batch100_warm", "receipt.gas.compact_batch100"}},
}

// exact is v with all the digits it was given with.
func exact(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// costs writes docs/costs.md: what a payout costs beside its amount.
func costs(out io.Writer, figures []figure, p prices) error {
	gas := map[string]float64{}
	for _, f := range figures {
		gas[f.Name] = f.Value
	}
	fmt.Fprintf(out, `# What a payout costs

Made by `+"`make costs`"+`. Gas is measured on the local chain, with this project's own token; a recipient that has held
USDC before. Prices are assumptions: %s gwei a unit of gas, %s USD an ether, %s USD a settlement by the facilitator
once its free ones are used up. Base's fee for data on Ethereum is not in it.

| way | gas the operator pays | USD |`, exact(p.GasGwei), exact(p.EtherUSD), exact(p.FacilitatorUSD))
	for _, t := range thresholds {
		fmt.Fprintf(out, " of a payout of $%s |", t.String()[:4])
	}
	fmt.Fprint(out, "\n|---|---|---|---|---|---|\n")
	for _, w := range ways {
		units := 0.0
		for _, name := range w.Gas {
			value, ok := gas[name]
			if !ok {
				return fmt.Errorf("costs: no figure %s", name)
			}
			units += value
		}
		usd := units * p.GasGwei * 1e-9 * p.EtherUSD
		if w.Facilitator {
			usd += p.FacilitatorUSD
		}
		fmt.Fprintf(out, "| %s | %.0f | %.6f |", w.Name, units, usd)
		for _, t := range thresholds {
			fmt.Fprintf(out, " %.1f %% |", 100*usd/(float64(t)/1e6))
		}
		fmt.Fprintln(out)
	}
	_, err := fmt.Fprint(out, `
So: receipts share transactions (at most a minute's wait), and the threshold is configuration
(`+"`PAYOUT_THRESHOLD_MICROS`"+`): what is left of the overhead falls as it rises.
`)
	return err
}
