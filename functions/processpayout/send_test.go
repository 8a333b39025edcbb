package processpayout

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// railFunc is a rail made of a function.
type railFunc func(x402.Payment) x402.Outcome

func (railFunc) Name() string                                            { return "test" }
func (f railFunc) Settle(_ context.Context, p x402.Payment) x402.Outcome { return f(p) }

// What a rail quotes of the authorization, in whatever form, is in no log line.
func TestSendLogsNoCheque(t *testing.T) {
	for name, quote := range map[string]func(sig []byte) string{
		"hex":       hexutil.Encode,
		"base64":    base64.StdEncoding.EncodeToString,
		"base64url": base64.RawURLEncoding.EncodeToString,
		"r alone":   func(sig []byte) string { return base64.RawURLEncoding.EncodeToString(sig[:32]) },
	} {
		b := newBench(t)
		quoted := quote(b.payment.Signature)
		b.rehearsed = errors.New("cannot run " + quoted) // a node may quote what it was asked
		for _, rail := range []Rail{b, railFunc(func(x402.Payment) x402.Outcome {
			return x402.Outcome{Kind: x402.Unknown, Reason: "x", Detail: "cannot run " + quoted, Tx: tx1}
		})} {
			var log bytes.Buffer
			a := &attempt{handler: handler{Deps{Log: slog.New(slog.NewTextHandler(&log, nil)), Domain: b.payment.Domain}}}
			auth := b.payment.Authorization
			a.view.Payout = ledger.Payout{
				ID: ledger.PayoutID{Worker: auth.To}, Treasury: auth.From, Amount: auth.Value, Nonce: auth.Nonce,
				ValidBefore: auth.ValidBefore, Signature: b.payment.Signature,
			}
			a.send(t.Context(), rail)
			if !strings.Contains(log.String(), "cannot run") || strings.Contains(log.String(), quoted[4:24]) {
				t.Errorf("%s, %s: logged %s", name, rail.Name(), &log)
			}
		}
	}
}
