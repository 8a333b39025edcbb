package facilitator

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/BlockRunAI/worker-network/shared/x402"
)

// payment names what a transaction settles.
type payment struct {
	from, to common.Address
	value    int64
	nonce    common.Hash
}

func keyOf(p x402.Payment) payment {
	a := p.Authorization
	return payment{a.From, a.To, int64(a.Value), a.Nonce}
}

// execute settles a payment: check, broadcast, wait. The same payment sent
// again while its transaction is not in a block waits for that one.
func (f *Facilitator) execute(ctx context.Context, req x402.Request, fault Fault) (int, x402.SettleAnswer) {
	answer := x402.SettleAnswer{Network: f.opts.Network.Name}
	p, tx, bad := f.broadcast(ctx, req)
	answer.Payer = payerOf(p)
	if bad != nil {
		answer.ErrorReason, answer.ErrorMessage = bad.reason, bad.message
		return bad.status(), answer
	}
	answer.Transaction = tx.Hash().Hex()
	if fault == PendingAtOnce || fault == PendingNoHash {
		answer.ErrorReason, answer.ErrorMessage = "settlement_pending", "not waited for"
		return http.StatusInternalServerError, answer
	}
	receipt, err := f.receipt(ctx, tx.Hash())
	if err != nil {
		answer.ErrorReason, answer.ErrorMessage = "settlement_pending", err.Error()
		return http.StatusInternalServerError, answer
	}
	f.forget(p)
	if receipt.Status != types.ReceiptStatusSuccessful || !holdsTransfer(receipt, p) {
		answer.ErrorReason, answer.ErrorMessage = "invalid_exact_evm_transaction_failed", "the transaction reverted"
		return http.StatusOK, answer
	}
	f.mu.Lock()
	f.settled = append(f.settled, tx.Hash())
	f.mu.Unlock()
	answer.Success = true
	return http.StatusOK, answer
}

// broadcast checks the payment and sends its transaction, one at a time.
func (f *Facilitator) broadcast(ctx context.Context, req x402.Request) (x402.Payment, *types.Transaction, *objection) {
	f.sending.Lock()
	defer f.sending.Unlock()
	if p, err := req.Payment(); err == nil && p.Check() == nil {
		if tx, ok := f.alive(ctx, p); ok {
			return p, tx, nil
		}
	}
	p, bad := f.check(ctx, req)
	if bad != nil {
		return p, nil, bad
	}
	tx, err := f.transaction(ctx, p)
	if err != nil {
		return p, nil, &objection{reason: "unexpected_settle_error", message: err.Error(), internal: true}
	}
	f.pending[keyOf(p)] = tx
	if err := f.eth.SendTransaction(ctx, tx); err != nil {
		var refused rpc.Error
		if errors.As(err, &refused) {
			delete(f.pending, keyOf(p))
			return p, nil, &objection{reason: "unexpected_settle_error", message: err.Error(), internal: true}
		}
		// The node's answer was lost: it may have the transaction all the same.
		f.opts.Log.WarnContext(ctx, "sending a settlement", "tx", tx.Hash(), "error", err)
	}
	return p, tx, nil
}

// alive is the transaction that was sent for the payment, if the chain still
// knows it. One that a reorganisation swallowed is forgotten.
func (f *Facilitator) alive(ctx context.Context, p x402.Payment) (*types.Transaction, bool) {
	tx, ok := f.pending[keyOf(p)]
	if !ok {
		return nil, false
	}
	if _, _, err := f.eth.TransactionByHash(ctx, tx.Hash()); errors.Is(err, ethereum.NotFound) {
		delete(f.pending, keyOf(p))
		return nil, false
	}
	return tx, true
}

func (f *Facilitator) forget(p x402.Payment) {
	f.sending.Lock()
	defer f.sending.Unlock()
	delete(f.pending, keyOf(p))
}

// gasLimit is well above the 103k that a transfer to a fresh recipient costs.
const gasLimit = 200_000

func (f *Facilitator) transaction(ctx context.Context, p x402.Payment) (*types.Transaction, error) {
	nonce, err := f.eth.PendingNonceAt(ctx, f.relayer)
	if err != nil {
		return nil, fmt.Errorf("reading the relayer's account nonce: %w", err)
	}
	tip, err := f.eth.SuggestGasTipCap(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for a gas tip: %w", err)
	}
	head, err := f.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the newest block: %w", err)
	}
	feeCap := new(big.Int).Add(tip, new(big.Int).Lsh(head.BaseFee, 1))
	tx, err := types.SignNewTx(f.opts.Relayer, f.signer, &types.DynamicFeeTx{
		ChainID: big.NewInt(f.opts.Network.ChainID), Nonce: nonce, GasTipCap: tip, GasFeeCap: feeCap,
		Gas: gasLimit, To: &f.opts.Network.Token, Data: transferCall(p),
	})
	if err != nil {
		return nil, fmt.Errorf("signing the relayer's transaction: %w", err)
	}
	return tx, nil
}

// receipt waits until the transaction is in a block.
func (f *Facilitator) receipt(ctx context.Context, tx common.Hash) (*types.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, f.opts.ReceiptTimeout)
	defer cancel()
	ticker := time.NewTicker(receiptPoll)
	defer ticker.Stop()
	for {
		receipt, err := f.eth.TransactionReceipt(ctx, tx)
		if err == nil {
			return receipt, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no receipt of %s: %w", tx, ctx.Err())
		case <-ticker.C:
		}
	}
}
