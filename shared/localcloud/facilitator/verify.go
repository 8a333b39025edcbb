package facilitator

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/x402"
)

// objection is why a payment is not settled.
type objection struct {
	reason   string // x402's code
	message  string
	internal bool // the fault is not the payment's
}

func (o *objection) status() int {
	if o.internal {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

func refuse(reason, format string, args ...any) *objection {
	return &objection{reason: reason, message: fmt.Sprintf(format, args...)}
}

// clockMargin is how much longer than now a payment must be valid, so that it
// still is in the block that holds it.
const clockMargin = 6 // seconds

// check finds out whether a payment can be settled now.
func (f *Facilitator) check(ctx context.Context, req x402.Request) (x402.Payment, *objection) {
	if bad := f.checkRequirements(req); bad != nil {
		return x402.Payment{}, bad
	}
	p, err := req.Payment()
	if err != nil {
		return x402.Payment{}, refuse("invalid_payload", "%v", err)
	}
	if bad := checkAuthorization(req, p); bad != nil {
		return p, bad
	}
	return p, f.checkOnChain(ctx, p)
}

func (f *Facilitator) checkRequirements(req x402.Request) *objection {
	want, got := req.Requirements, req.Payload.Accepted
	network := f.opts.Network
	switch {
	case req.Version != x402.Version || req.Payload.Version != x402.Version:
		return refuse("invalid_x402_version", "only version %d is settled here", x402.Version)
	case want.Scheme != x402.SchemeExact:
		return refuse("invalid_scheme", "only the scheme %q is settled here", x402.SchemeExact)
	case want.Network != network.Name:
		return refuse("invalid_network", "only %s is settled here", network.Name)
	case want.Extra == nil || want.Extra.Name == "" || want.Extra.Version == "":
		return refuse("invalid_exact_evm_missing_eip712_domain", "extra must hold the token's name and version")
	case *want.Extra != x402.Extra{Name: network.TokenName, Version: network.TokenVersion}:
		return refuse("invalid_exact_evm_token_name_mismatch", "the token is %q version %q", network.TokenName, network.TokenVersion)
	case !common.IsHexAddress(want.Asset) || common.HexToAddress(want.Asset) != network.Token:
		return refuse("invalid_payment_requirements", "only the asset %s is settled here", network.Token)
	case got.Extra == nil || *got.Extra != *want.Extra:
		return refuse("invalid_payment_requirements", "accepted.extra differs from the requirements")
	}
	a, b := got, want
	a.Extra, b.Extra = nil, nil
	if a != b {
		return refuse("invalid_payment_requirements", "accepted differs from the requirements")
	}
	return nil
}

func checkAuthorization(req x402.Request, p x402.Payment) *objection {
	a := p.Authorization
	switch {
	case strconv.FormatInt(int64(a.Value), 10) != req.Requirements.Amount:
		return refuse("invalid_exact_evm_payload_authorization_value_mismatch", "the value is not the amount required")
	case !common.IsHexAddress(req.Requirements.PayTo) || common.HexToAddress(req.Requirements.PayTo) != a.To:
		return refuse("invalid_exact_evm_payload_recipient_mismatch", "the recipient is not payTo")
	}
	if err := a.Check(p.Domain); err != nil {
		return refuse("invalid_payload", "%v", err)
	}
	if err := p.Check(); err != nil {
		return refuse("invalid_exact_evm_payload_signature", "%v", err)
	}
	return nil
}

// checkOnChain asks the chain what only it knows. The clock is the newest
// block's: the token will compare with the next one's.
func (f *Facilitator) checkOnChain(ctx context.Context, p x402.Payment) *objection {
	a := p.Authorization
	head, err := f.eth.HeaderByNumber(ctx, nil)
	if err != nil {
		return broken(err)
	}
	now := int64(head.Time)
	switch {
	case a.ValidAfter >= now:
		return refuse("invalid_exact_evm_payload_authorization_valid_after", "not valid before %d, now is %d", a.ValidAfter, now)
	case a.ValidBefore <= now+clockMargin:
		return refuse("invalid_exact_evm_payload_authorization_valid_before", "valid until %d, now is %d", a.ValidBefore, now)
	}
	used, err := f.call(ctx, authorizationStateCall(a.From, a.Nonce))
	if err != nil {
		return broken(err)
	}
	if new(big.Int).SetBytes(used).Sign() != 0 {
		return refuse("nonce_already_used", "the authorization is used or cancelled")
	}
	balance, err := f.call(ctx, balanceOfCall(a.From))
	if err != nil {
		return broken(err)
	}
	if new(big.Int).SetBytes(balance).Cmp(big.NewInt(int64(a.Value))) < 0 {
		return refuse("insufficient_funds", "the payer's balance does not cover the amount")
	}
	if _, err := f.call(ctx, transferCall(p)); err != nil {
		return refuse("invalid_exact_evm_transaction_simulation_failed", "%v", err)
	}
	return nil
}

func broken(err error) *objection {
	return &objection{reason: "unexpected_verify_error", message: err.Error(), internal: true}
}

func payerOf(p x402.Payment) string {
	if p.Authorization.From == (common.Address{}) {
		return ""
	}
	return p.Authorization.From.Hex()
}
