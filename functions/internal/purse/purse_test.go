package purse

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var (
	now      = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	accounts = Accounts{
		Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x7e"),
		LogSender: common.HexToAddress("0x5e"), Relayer: common.HexToAddress("0x1e"),
	}
)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// parts is a database and a chain; broken is the name of the call that fails.
type parts struct {
	spent  ledger.Spending
	usdc   ledger.Micros
	wei    map[common.Address]int64
	costs  map[common.Hash]int64
	broken string
}

var errBroken = errors.New("broken")

func (p parts) fails(name string) error {
	if p.broken == name {
		return errBroken
	}
	return nil
}

func (p parts) Spending(_ context.Context, sender common.Address, since time.Time, limit int) (ledger.Spending, error) {
	if sender != accounts.LogSender || !since.Equal(ago(7*24*time.Hour)) || limit != 500 {
		return ledger.Spending{}, errors.New("another question")
	}
	return p.spent, p.fails("Spending")
}

func (p parts) BalanceOf(_ context.Context, token, a common.Address) (ledger.Micros, error) {
	if token != accounts.Token || a != accounts.Treasury {
		return 0, errors.New("another account")
	}
	return p.usdc, p.fails("BalanceOf")
}

func (p parts) NativeBalance(_ context.Context, a common.Address) (*big.Int, error) {
	return big.NewInt(p.wei[a]), p.fails("NativeBalance")
}

func (p parts) TxCost(_ context.Context, tx common.Hash) (*big.Int, error) {
	if cost, ok := p.costs[tx]; ok {
		return big.NewInt(cost), p.fails("TxCost")
	}
	return nil, p.fails("TxCost")
}

func (p parts) SuggestFees(context.Context) (chain.Fees, error) {
	return chain.Fees{FeeCap: big.NewInt(1_000_000), TipCap: big.NewInt(1)}, p.fails("SuggestFees")
}

func (p parts) deps() Deps { return Deps{Store: p, Chain: p, Accounts: accounts} }

// busy is a network that has paid 4 USDC a day for two days and a half, with
// two log transactions a day of 100 receipts each.
func busy() parts {
	one := common.HexToHash("0x01")
	day := now.Truncate(24 * time.Hour)
	return parts{
		spent: ledger.Spending{
			Days: []ledger.DaySpent{{Day: day.Add(-48 * time.Hour), Micros: 5_000_000}, {Day: day.Add(-24 * time.Hour), Micros: 3_000_000}, {Day: day, Micros: 2_000_000}},
			LogTxs: []ledger.LogTx{
				{Receipts: 100, At: ago(time.Minute)}, // not confirmed yet
				{Tx: one, Receipts: 100, At: ago(12 * time.Hour)},
				{Tx: common.HexToHash("0x02"), Receipts: 100, At: ago(24 * time.Hour)},
				{Tx: common.HexToHash("0x03"), Receipts: 100, At: ago(36 * time.Hour)},
				{Tx: common.HexToHash("0x04"), Receipts: 100, At: ago(30 * 24 * time.Hour)}, // too old to count
			},
		},
		usdc: 41_000_000, costs: map[common.Hash]int64{one: 300},
		wei: map[common.Address]int64{accounts.LogSender: 5_000, accounts.Relayer: 200_000_000_000_000},
	}
}

func TestLook(t *testing.T) {
	all, err := busy().deps().Look(t.Context(), now)
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	// 4 USDC a day; four transactions of 300 wei in 36 hours; 400 transfers in
	// as long, each of chain.TransferGas at 1,000,000 wei.
	relayed := int64(chain.TransferGas) * 1_000_000 * 400 * 24 / 36
	for i, want := range []struct {
		name            string
		balance, perDay int64
		days            int64
	}{
		{Treasury, 41_000_000, 4_000_000, 10},
		{LogSender, 5_000, 800, 6},
		{Relayer, 200_000_000_000_000, relayed, 200_000_000_000_000 / relayed},
	} {
		a := all[i]
		if a.Name != want.name || a.Balance.Int64() != want.balance || a.PerDay.Int64() != want.perDay || a.Days == nil || *a.Days != want.days {
			t.Errorf("%+v (days %v), want %+v", a, a.Days, want)
		}
	}
}

// A network that has paid nothing lasts for ever; an account with nothing in it
// is low all the same.
func TestNothingSpent(t *testing.T) {
	p := parts{usdc: 1, wei: map[common.Address]int64{accounts.LogSender: 1}}
	all, err := p.deps().Look(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	for i, low := range []bool{false, false, true} {
		if a := all[i]; a.Days != nil || a.PerDay.Sign() != 0 || a.Low(1000) != low {
			t.Errorf("%+v, low %t, want %t", a, a.Low(1000), low)
		}
	}
	alone := p.deps()
	alone.Accounts.Relayer = common.Address{}
	if all, err := alone.Look(t.Context(), now); err != nil || len(all) != 2 {
		t.Errorf("without a relayer: %+v, %v", all, err)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	for _, call := range []string{"Spending", "BalanceOf", "NativeBalance", "TxCost", "SuggestFees"} {
		p := busy()
		p.broken = call
		if all, err := p.deps().Look(t.Context(), now); !errors.Is(err, errBroken) || all != nil {
			t.Errorf("%s: %v, %v", call, all, err)
		}
	}
}

func TestLog(t *testing.T) {
	all, err := busy().deps().Look(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	for low, want := range map[int64]int{0: 0, 6: 1, 7: 2, 11: 3} {
		if *all[2].Days >= 6 {
			t.Fatalf("the relayer lasts %d days", *all[2].Days)
		}
		var log strings.Builder
		Log(t.Context(), slog.New(slog.NewJSONHandler(&log, nil)), all, low)
		lines, lowLines := 0, 0
		for line := range strings.Lines(log.String()) {
			var l struct {
				Msg     string
				Account string
				Amount  float64
				Days    int64 `json:"days_left"`
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			switch l.Msg {
			case "balance":
				lines++
				if l.Account == Treasury && (l.Amount != 41 || l.Days != 10) {
					t.Errorf("%s", line)
				}
			case "balance is low":
				lowLines++
			}
		}
		if lines != 3 || lowLines != want {
			t.Errorf("low below %d days: %d lines, %d of them low, want %d:\n%s", low, lines, lowLines, want, log.String())
		}
	}
}
