package processpayout

import (
	"context"
	"errors"
	"fmt"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// authorise signs for the payout and stores what was signed. From here on the
// stored authorization is the one that counts, which may be another than the
// one just made: an attempt that ran at the same time may have been first.
func (a *attempt) authorise(ctx context.Context, step Authorise) error {
	p := a.view.Payout
	auth := authorization(p)
	auth.ValidBefore = a.Now().Add(a.Policy.Validity).Unix()
	signed, err := x402.Sign(ctx, a.Signer, a.Domain, auth)
	if err != nil {
		return fmt.Errorf("payout %s: %w", a.id, err)
	}
	record := ledger.AuthorizationRecord{
		ResultsHash: p.ResultsHash, ValidBefore: auth.ValidBefore, Signature: signed.Signature,
		Block: a.view.Chain.Head, ReplaceExpired: step.ReplaceExpired,
	}
	if record.ResultsHash == "" {
		record.ResultsHash = a.view.Results.Hash
	}
	stored, err := a.Cheques.AuthorisePayout(ctx, a.id, record, a.Caps, a.Now())
	if isCap(err) {
		a.view.Capped = err
		return nil
	}
	if errors.Is(err, ledger.ErrPaused) { // since it was asked
		a.view.Paused = new(true)
		return nil
	}
	if err != nil {
		return err
	}
	a.view.Payout, a.view.Early = stored, false // what it was told to wait for has gone
	return nil
}

// authorization is what is signed for a payout, but for its time. From, to,
// value and nonce follow from the row and never change.
func authorization(p ledger.Payout) x402.Authorization {
	return x402.Authorization{
		From: p.Treasury, To: p.ID.Worker, Value: p.Amount, Nonce: p.Nonce,
		ValidAfter: 0, ValidBefore: p.ValidBefore,
	}
}
