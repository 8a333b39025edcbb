package reconcile

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/purse"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// Each run says what the accounts hold: of the real chain, and of what was paid.
func TestBalancesAreLogged(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	var log bytes.Buffer
	d := w.deps
	d.Log = slog.New(slog.NewJSONHandler(&log, nil))
	d.LowDays = 3
	nobody := common.HexToAddress("0x1e1a")
	d.Accounts = purse.Deps{Store: w.db, Chain: w.node, Accounts: purse.Accounts{
		Token: d.Scope.Token, Treasury: d.Scope.Treasury, LogSender: d.Scope.Senders[0], Relayer: nobody,
	}}
	if _, busy, err := d.Once(t.Context(), false); err != nil || busy {
		t.Fatal(busy, err)
	}
	usdc, err := w.node.BalanceOf(t.Context(), d.Scope.Token, d.Scope.Treasury)
	w.must(err)
	for _, want := range []string{
		`"msg":"balance","account":"treasury","address":"` + d.Scope.Treasury.Hex() + `","unit":"USDC micros","balance":"` + big.NewInt(int64(usdc)).String() + `"`,
		`"msg":"balance","account":"log sender"`,
		`"msg":"balance is low","account":"relayer","address":"` + nobody.Hex() + `","unit":"wei","balance":"0"`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, log.String())
		}
	}
	if n := strings.Count(log.String(), "balance is low"); n != 1 {
		t.Errorf("%d accounts are low", n)
	}
}

type noAccounts struct{}

func (noAccounts) Look(context.Context, time.Time) ([]purse.Account, error) {
	return nil, errors.New("no node")
}

// The comparison is as good without them.
func TestBalancesThatCannotBeRead(t *testing.T) {
	w := newWorld(t, devchain.Options{})
	var log bytes.Buffer
	d := w.deps
	d.Log, d.Accounts = slog.New(slog.NewJSONHandler(&log, nil)), noAccounts{}
	report, busy, err := d.Once(t.Context(), false)
	if err != nil || busy || !report.Balanced || !strings.Contains(log.String(), "balances not known") || strings.Contains(log.String(), `"account"`) {
		t.Errorf("%+v, %t, %v; the log: %s", report, busy, err, log.String())
	}
}
