package processpayout

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// advance moves one open batch on, as far as it can go now.
func (p *pass) advance(ctx context.Context, b ledger.ReceiptBatch) error {
	p.open++
	v := BatchView{Batch: b, Safe: p.safe, Latest: p.latest, Now: p.Now()}
	var err error
	if len(b.TxHashes) > 0 {
		if v.Mined, err = p.Account.TxStatus(ctx, b.TxHashes); err != nil {
			return err
		}
	}
	if v.Mined == nil {
		if v.Market, err = p.fees(ctx); err != nil {
			return err
		}
	}
	step := p.Policy.DecideBatch(v)
	ctx, end := telemetry.Span(ctx, "receipts "+name(step), attribute.String("batch", b.BatchKey.String()))
	err = p.do(ctx, b, step)
	end(err)
	return err
}

func (p *pass) do(ctx context.Context, b ledger.ReceiptBatch, step BatchStep) error {
	switch s := step.(type) {
	case LogConfirm:
		return p.confirm(ctx, b, s)
	case LogSend:
		return p.send(ctx, b, s.Fees)
	case LogResend:
		return p.resend(ctx, b, s.Fees)
	case LogAdopt:
		p.open--
		return p.adopt(ctx, b.AccountNonce, b.AccountNonce+1)
	case LogWait:
		p.Log.InfoContext(ctx, "receipt batch waits", slog.String("batch", b.BatchKey.String()), slog.String("reason", s.Reason))
	}
	return nil
}

// fees asks for the market's once a run.
func (p *pass) fees(ctx context.Context) (chain.Fees, error) {
	if p.market == nil {
		f, err := p.Mempool.SuggestFees(ctx)
		if err != nil {
			return chain.Fees{}, err
		}
		p.market = &f
	}
	return *p.market, nil
}

func (p *pass) confirm(ctx context.Context, b ledger.ReceiptBatch, s LogConfirm) error {
	if s.Reverted {
		// Its calldata is on chain all the same, and its nonce is used.
		p.Log.ErrorContext(ctx, "log transaction reverted; is BLOCKRUN_LOG_ADDRESS a contract?", slog.String("tx", s.Tx.Hex()))
	}
	if err := p.Outcomes.ConfirmReceipts(ctx, b.BatchKey, s.Tx, s.Block, p.Now()); err != nil {
		return err
	}
	p.open--
	p.confirmed++
	p.Log.InfoContext(ctx, "receipts confirmed", slog.String("batch", b.BatchKey.String()), slog.Int64("receipts", b.ReceiptCount), slog.String("tx", s.Tx.Hex()))
	return nil
}

// send signs a transaction for the batch, records it, and only then sends it.
func (p *pass) send(ctx context.Context, b ledger.ReceiptBatch, fees chain.Fees) error {
	tx, err := p.transaction(ctx, b, fees)
	if err != nil {
		return err
	}
	raw, hash, err := chain.BuildTx(ctx, p.Signer, tx)
	if err != nil {
		return err
	}
	if err := p.Outcomes.RecordBroadcast(ctx, b.BatchKey, hash, fees.FeeCap, fees.TipCap, p.Now()); err != nil {
		return err
	}
	p.sent++
	return p.broadcast(ctx, b, raw)
}

// resend sends what is recorded already. It is made anew, since a signature
// over the same transaction is the same; should it turn out different after
// all, it was never recorded and must not be sent.
func (p *pass) resend(ctx context.Context, b ledger.ReceiptBatch, fees chain.Fees) error {
	tx, err := p.transaction(ctx, b, fees)
	if err != nil {
		return err
	}
	// A node may have estimated otherwise when it was recorded, within these.
	for _, tx.Gas = range []uint64{tx.Gas, chain.GasFloor(b.Calldata), chain.GasCeiling(b.Calldata)} {
		raw, hash, err := chain.BuildTx(ctx, p.Signer, tx)
		if err != nil {
			return err
		}
		if recorded(b, hash) {
			return p.broadcast(ctx, b, raw)
		}
	}
	return nil
}

func (p *pass) transaction(ctx context.Context, b ledger.ReceiptBatch, fees chain.Fees) (chain.Tx, error) {
	gas, err := p.Mempool.EstimateGas(ctx, p.Signer.Address(), b.LogAddress, b.Calldata)
	if err != nil {
		return chain.Tx{}, err
	}
	return chain.Tx{
		ChainID: p.ChainID, AccountNonce: b.AccountNonce, To: b.LogAddress, Calldata: b.Calldata, Gas: gas, Fees: fees,
	}, nil
}

// broadcast sends; whatever the node says to it, the next run looks at the
// chain.
func (p *pass) broadcast(ctx context.Context, b ledger.ReceiptBatch, raw []byte) error {
	said, err := p.Mempool.Broadcast(ctx, raw)
	if err != nil {
		return fmt.Errorf("receipt batch %s: %w", b.BatchKey, err)
	}
	p.Log.InfoContext(ctx, "log transaction sent", slog.String("batch", b.BatchKey.String()), slog.String("answer", string(said)))
	return nil
}

// adopt reads what the sender's account nonces from first up to next were used
// for, and notes it: transactions of its own that were not recorded, those that
// a database forgot which was restored to an earlier hour, and foreign ones.
func (p *pass) adopt(ctx context.Context, first, next uint64) error {
	return p.History.AccountTransactions(ctx, p.Signer.Address(), first, next, func(tx chain.AccountTx) error {
		u := p.use(tx)
		if err := p.Outcomes.AdoptNonce(ctx, u, p.Now()); err != nil {
			return err
		}
		attrs := []any{slog.String("batch", u.BatchKey.String()), slog.String("tx", u.Tx.Hex()), slog.Int("receipts", len(u.Receipts))}
		if len(u.Receipts) == 0 {
			p.Log.ErrorContext(ctx, "a transaction that is not ours has used an account nonce of the log sender's: who else has its key?", attrs...)
		} else {
			p.Log.WarnContext(ctx, "log transaction found on chain that was not recorded; its receipts will not be written again", attrs...)
		}
		return nil
	})
}

// use is a transaction of the log sender's, as far as receipts go.
func (p *pass) use(tx chain.AccountTx) ledger.NonceUse {
	u := ledger.NonceUse{
		BatchKey: ledger.BatchKey{Sender: p.Signer.Address(), AccountNonce: tx.AccountNonce},
		Tx:       tx.Tx, Block: tx.Block, Calldata: tx.Calldata,
	}
	if tx.To == nil {
		return u
	}
	u.To = *tx.To
	if u.To != p.Address {
		return u
	}
	rs, err := receipt.Decode(tx.Calldata)
	if err != nil {
		return u
	}
	for _, r := range rs {
		u.Receipts = append(u.Receipts, r.PayoutID)
	}
	return u
}
