// Package purse says what the operator's accounts hold and for how many days
// that lasts at the rate of the last week.
package purse

import (
	"context"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Store knows what went out.
type Store interface {
	Spending(ctx context.Context, sender common.Address, since time.Time, limit int) (ledger.Spending, error)
}

// Chain reads balances and costs.
type Chain interface {
	BalanceOf(ctx context.Context, token, a common.Address) (ledger.Micros, error)
	NativeBalance(ctx context.Context, a common.Address) (*big.Int, error)
	TxCost(ctx context.Context, tx common.Hash) (*big.Int, error)
	SuggestFees(ctx context.Context) (chain.Fees, error)
}

// Accounts are those that are looked at. A zero relayer is none.
type Accounts struct {
	Token, Treasury, LogSender, Relayer common.Address
}

// Deps are what is asked.
type Deps struct {
	Store    Store
	Chain    Chain
	Accounts Accounts
}

// The rate is that of the last week, and of so many log transactions at most.
const (
	window = 7 * 24 * time.Hour
	maxTxs = 500
)

// Account is what one of them holds, and what leaves it in a day. In micros of
// USDC or in wei.
type Account struct {
	Name    string         `json:"account"` // treasury, log sender, relayer
	Address common.Address `json:"address"`
	Unit    string         `json:"unit"` // USDC micros, wei
	Balance *big.Int       `json:"balance"`
	PerDay  *big.Int       `json:"perDay"`             // at the rate of the last week
	Days    *int64         `json:"daysLeft,omitempty"` // none: nothing has left it
}

// The accounts' names. They stand in logs, which alerts look at.
const (
	Treasury  = "treasury"
	LogSender = "log sender"
	Relayer   = "relayer"
)

// Look reads all accounts. What the relayer needs is what settling every payout
// by itself would take.
func (d Deps) Look(ctx context.Context, now time.Time) ([]Account, error) {
	since := now.Add(-window)
	spent, err := d.Store.Spending(ctx, d.Accounts.LogSender, since, maxTxs)
	if err != nil {
		return nil, err
	}
	usdc, err := d.Chain.BalanceOf(ctx, d.Accounts.Token, d.Accounts.Treasury)
	if err != nil {
		return nil, fmt.Errorf("the treasury's balance: %w", err)
	}
	all := []Account{account(Treasury, d.Accounts.Treasury, "USDC micros", big.NewInt(int64(usdc)), big.NewInt(int64(spent.PayoutsPerDay(now))))}
	if d.Accounts.LogSender != (common.Address{}) {
		cost, err := d.logCost(ctx, spent)
		if err != nil {
			return nil, fmt.Errorf("what a log transaction costs: %w", err)
		}
		a, err := d.native(ctx, LogSender, d.Accounts.LogSender, spent.LogTxsPerDay(cost, since, now))
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	if d.Accounts.Relayer != (common.Address{}) {
		fees, err := d.Chain.SuggestFees(ctx)
		if err != nil {
			return nil, fmt.Errorf("what a transfer costs: %w", err)
		}
		transfer := new(big.Int).Mul(fees.FeeCap, new(big.Int).SetUint64(chain.TransferGas))
		a, err := d.native(ctx, Relayer, d.Accounts.Relayer, spent.ReceiptsPerDay(transfer, since, now))
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// logCost is what the latest log transaction that the chain shows has cost.
func (d Deps) logCost(ctx context.Context, spent ledger.Spending) (*big.Int, error) {
	for _, l := range spent.LogTxs {
		if l.Tx == (common.Hash{}) {
			continue // not confirmed yet
		}
		cost, err := d.Chain.TxCost(ctx, l.Tx)
		if err != nil || cost != nil {
			return cost, err
		}
		break // the node has forgotten it, and older ones all the more
	}
	return new(big.Int), nil
}

func (d Deps) native(ctx context.Context, name string, a common.Address, perDay *big.Int) (Account, error) {
	wei, err := d.Chain.NativeBalance(ctx, a)
	if err != nil {
		return Account{}, fmt.Errorf("the %s's balance: %w", name, err)
	}
	return account(name, a, "wei", wei, perDay), nil
}

func account(name string, address common.Address, unit string, balance, perDay *big.Int) Account {
	a := Account{Name: name, Address: address, Unit: unit, Balance: balance, PerDay: perDay}
	if days, known := ledger.DaysLeft(balance, perDay); known {
		a.Days = &days
	}
	return a
}

// Low reports whether the account needs money: nothing is in it, or it lasts
// for fewer days than that.
func (a Account) Low(days int64) bool {
	return a.Balance.Sign() <= 0 || a.Days != nil && *a.Days < days
}

// Log writes a line for each account, which the dashboard is made from, and
// one that an alert looks for, for each that is low.
func Log(ctx context.Context, log *slog.Logger, all []Account, lowDays int64) {
	for _, a := range all {
		attrs := []slog.Attr{
			slog.String("account", a.Name), slog.String("address", a.Address.Hex()), slog.String("unit", a.Unit),
			slog.String("balance", a.Balance.String()), slog.String("per_day", a.PerDay.String()), slog.Float64("amount", amount(a)),
		}
		if a.Days != nil {
			attrs = append(attrs, slog.Int64("days_left", *a.Days))
		}
		log.LogAttrs(ctx, slog.LevelInfo, "balance", attrs...)
		if a.Low(lowDays) {
			log.LogAttrs(ctx, slog.LevelWarn, "balance is low", attrs...)
		}
	}
}

// amount is the balance in USDC or ETH, for a chart and nothing else.
func amount(a Account) float64 {
	unit := 1e18
	if a.Unit != "wei" {
		unit = 1e6
	}
	f, _ := new(big.Float).SetInt(a.Balance).Float64()
	return f / unit
}
