package processpayout

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
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
	switch s := p.Policy.DecideBatch(v).(type) {
	case LogConfirm:
		return p.confirm(ctx, b, s)
	case LogSend:
		return p.send(ctx, b, s.Fees)
	case LogResend:
		return p.resend(ctx, b, s.Fees)
	case LogReassign:
		return p.reassign(ctx, b)
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
	raw, hash, err := chain.BuildTx(ctx, p.Signer, tx)
	if err != nil || !recorded(b, hash) {
		return err
	}
	return p.broadcast(ctx, b, raw)
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

// reassign gives the receipts to a new batch, and sends that.
func (p *pass) reassign(ctx context.Context, b ledger.ReceiptBatch) error {
	p.Log.ErrorContext(ctx, "a transaction that is not ours has used a receipt batch's nonce; its receipts move to another: who else has the log sender's key?",
		slog.String("batch", b.BatchKey.String()))
	fresh, err := p.Outcomes.ReassignReceipts(ctx, b.BatchKey, p.latest, p.Now())
	if err != nil {
		return err
	}
	p.open--
	return p.advance(ctx, fresh)
}
