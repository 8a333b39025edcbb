package processpayout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// maxSteps is far more than the longest way through Decide.
const maxSteps = 16

// attempt is one go at one payout.
type attempt struct {
	handler
	id   ledger.PayoutID
	view View
}

// pay moves the payout on as far as it can go now.
func (h handler) pay(ctx context.Context, id ledger.PayoutID) (outcome string, err error) {
	owner := h.NewID()
	p, err := h.Payouts.LeasePayout(ctx, id, owner, h.Now(), h.LeaseTTL)
	if err != nil {
		return "", err
	}
	defer h.release(ctx, id, owner)
	a := &attempt{handler: h, id: id, view: View{Payout: p, Early: p.Early(h.Now()), Foreign: h.foreign(p), Rails: len(h.Rails)}}
	if a.view.Foreign != ForeignChain {
		a.look(ctx, common.Hash{})
	}
	for range maxSteps {
		a.view.Now = h.Now()
		step := h.Policy.Decide(a.view)
		doing, end := telemetry.Span(ctx, "payout "+name(step))
		outcome, err := a.do(doing, step)
		end(err)
		if outcome != "" || err != nil {
			a.log(ctx, step, err)
			return outcome, err
		}
	}
	return "", fmt.Errorf("payout %s: no end after %d steps", id, maxSteps)
}

// do carries out one step; an outcome says that it was the last one.
func (a *attempt) do(ctx context.Context, step Step) (outcome string, err error) {
	switch s := step.(type) {
	case Count:
		return "", a.count(ctx)
	case Inspect:
		a.inspect(ctx)
		return "", nil
	case Ask:
		return "", a.ask(ctx)
	case Authorise:
		return "", a.authorise(ctx, s)
	case Send:
		a.send(ctx, a.Rails[s.Rail])
		a.look(ctx, a.view.Sent.Tx)
		return "", nil
	case Confirm:
		if err := a.Outcomes.ConfirmPayout(ctx, a.id, s.Tx, s.Block, a.Now()); err != nil {
			return "", err
		}
		a.Receipts.AfterConfirm(ctx)
		return string(ledger.Confirmed), nil
	case Fail:
		return string(ledger.Failed), a.Outcomes.FailPayout(ctx, a.id, a.view.Payout.ValidBefore, s.Reason, a.Now())
	case Record:
		return string(s.State), a.Outcomes.RecordOutcome(ctx, a.id, s.State, s.Reason, s.Tx, s.WorkAt, a.Now())
	default:
		return "nothing to do", nil
	}
}

// name is a step's, as the package writes it: Authorise, LogSend.
func name(step any) string { return reflect.TypeOf(step).Name() }

// look asks the chain what became of the nonce.
func (a *attempt) look(ctx context.Context, hint common.Hash) {
	a.view.Chain = nil
	reading, end := telemetry.Span(ctx, "read the chain")
	c, err := a.Chain.Authorization(reading, a.view.Payout, hint)
	end(err)
	if err != nil {
		a.Log.WarnContext(ctx, "chain not readable", slog.String("payout", a.id.String()), slog.Any("error", err))
		return
	}
	a.view.Chain = &c
}

// inspect asks the token for an obstacle. When it cannot be asked, the chain
// is as good as unread.
func (a *attempt) inspect(ctx context.Context) {
	o, err := a.Chain.Obstacle(ctx, a.view.Payout)
	if err != nil {
		a.Log.WarnContext(ctx, "token not readable", slog.String("payout", a.id.String()), slog.Any("error", err))
		a.view.Chain = nil
		return
	}
	a.view.Obstacle = &o
}

// ask reads the operator's switch. What cannot be read is no leave to go on.
func (a *attempt) ask(ctx context.Context) error {
	paused, err := a.Switch.PayoutsPaused(ctx)
	if err != nil {
		return err
	}
	a.view.Paused = &paused
	return nil
}

// count reads what the payout is for.
func (a *attempt) count(ctx context.Context) error {
	ids, sum, err := a.Payouts.PayoutResults(ctx, a.id)
	if err != nil {
		return err
	}
	a.view.Results = &Results{Count: int64(len(ids)), Sum: sum, Hash: ledger.ResultsHash(ids)}
	return nil
}

// release gives the lease back. A lease that cannot be given back ends by
// itself.
func (h handler) release(ctx context.Context, id ledger.PayoutID, owner string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := h.Payouts.ReleasePayout(ctx, id, owner, h.Now()); err != nil {
		h.Log.WarnContext(ctx, "lease not given back", slog.String("payout", id.String()), slog.Any("error", err))
	}
}

// log says what became of the attempt. Of the authorization nothing is logged.
func (a *attempt) log(ctx context.Context, step Step, err error) {
	p := a.view.Payout
	attrs := []slog.Attr{
		slog.String("payout", a.id.String()), slog.Int64("micros", int64(p.Amount)), slog.String("was", string(p.State)),
		slog.Int64("attempts", p.Attempts), slog.Int64("ageSeconds", int64(a.Now().Sub(p.CreatedAt).Seconds())),
	}
	level, message := slog.LevelInfo, "payout looked at"
	switch s := step.(type) {
	case Confirm:
		message = "payout confirmed"
		attrs = append(attrs, slog.String("tx", s.Tx.Hex()), slog.Uint64("block", s.Block))
		if err == nil {
			telemetry.PayoutLatency.Observe(ctx, a.Now().Sub(p.CreatedAt).Seconds())
		}
	case Fail:
		level, message = slog.LevelError, "payout failed"
		attrs = append(attrs, slog.String("reason", s.Reason))
	case Record:
		message = "payout waits"
		attrs = append(attrs, slog.String("state", string(s.State)), slog.String("reason", s.Reason), slog.Time("work_at", s.WorkAt))
	}
	if err != nil {
		level, message = slog.LevelWarn, message+", but that was not stored"
		attrs = append(attrs, slog.Any("error", err))
	}
	a.Log.LogAttrs(ctx, level, message, attrs...)
}

// foreign says why this instance cannot work on a payout that was opened under
// another configuration, or "".
func (h handler) foreign(p ledger.Payout) Foreign {
	switch {
	case p.ChainID != h.Domain.ChainID || p.Token != h.Domain.Contract:
		return ForeignChain
	case p.Treasury != h.Signer.Address():
		return ForeignTreasury
	}
	return Ours
}

// isCap reports whether authorising met a cap.
func isCap(err error) bool {
	return errors.Is(err, ledger.ErrPayoutCap) || errors.Is(err, ledger.ErrDailyCap)
}
