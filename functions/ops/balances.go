package main

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/purse"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

type balancesCmd struct {
	LowDays int64 `help:"An account that lasts for fewer days is low: exit code 3." default:"3"`
}

// balancesView is the answer with --json.
type balancesView struct {
	Accounts       []purse.Account `json:"accounts"`
	PendingMicros  int64           `json:"owedPendingMicros"`  // earned, in no payout yet
	InFlightMicros int64           `json:"owedInFlightMicros"` // in payouts that are not confirmed
	Short          bool            `json:"treasuryShort"`      // the treasury holds less than is in flight
}

// Run reads the accounts on the chain, and the rate from the database.
func (cmd balancesCmd) Run(c console) error {
	var o config.OperatorBalances
	db, network, err := c.openMoney(&o, &o.Database, &o.Money)
	if err != nil {
		return err
	}
	defer db.Close()
	node, err := chain.Dial(c.ctx, o.RPC.Reveal(), network.ChainID)
	if err != nil {
		return err
	}
	defer node.Close()
	p := purse.Deps{Store: db, Chain: node, Accounts: purse.Accounts{
		Token: network.Token, Treasury: common.Address(o.Money.Treasury), LogSender: o.LogSender(), Relayer: common.Address(o.Relayer),
	}}
	accounts, err := p.Look(c.ctx, c.now())
	if err != nil {
		return err
	}
	pending, inFlight, err := db.Owed(c.ctx)
	if err != nil {
		return err
	}
	v := balancesView{Accounts: accounts, PendingMicros: int64(pending), InFlightMicros: int64(inFlight)}
	v.Short = accounts[0].Balance.Cmp(big.NewInt(int64(inFlight))) < 0
	if err := cmd.print(c, v, o); err != nil {
		return err
	}
	for _, a := range accounts {
		if v.Short || a.Low(cmd.LowDays) {
			return errAttention
		}
	}
	return nil
}

func (cmd balancesCmd) print(c console, v balancesView, o config.OperatorBalances) error {
	if c.json {
		return c.printJSON(v)
	}
	err := c.table(func(line func(...string)) {
		line("ACCOUNT", "ADDRESS", "HOLDS", "A DAY", "LASTS")
		for _, a := range v.Accounts {
			lasts := "nothing has left it"
			if a.Days != nil {
				lasts = fmt.Sprintf("%d days", *a.Days)
			}
			if a.Low(cmd.LowDays) {
				lasts += "  LOW"
			}
			line(a.Name, a.Address.Hex(), money(a, a.Balance), money(a, a.PerDay), lasts)
		}
	})
	c.printf("\nowed  %s USDC in flight, %s pending\n", ledger.Micros(v.InFlightMicros), ledger.Micros(v.PendingMicros))
	if v.Short {
		c.printf("The treasury holds less than is in flight: payouts wait until it is refilled.\n")
	}
	if o.LogSender() == (common.Address{}) {
		c.printf("LOG_SENDER_ADDRESSES is not set, so the log sender was not looked at.\n")
	}
	if o.Relayer != (config.Address{}) {
		c.printf("The relayer's days are as if it settled every payout by itself.\n")
	}
	return err
}

// money is an amount in USDC or ETH.
func money(a purse.Account, n *big.Int) string {
	if a.Unit != "wei" {
		return ledger.Micros(n.Int64()).String() + " USDC"
	}
	eth := new(big.Rat).SetFrac(n, big.NewInt(1_000_000_000_000_000_000))
	return eth.FloatString(9) + " ETH"
}
