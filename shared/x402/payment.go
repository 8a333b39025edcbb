package x402

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// Payment is a signed authorization and the token it is for. It is a cheque:
// whoever has it can bring it onto the chain. However it is printed or logged,
// the signature does not show.
type Payment struct {
	Domain        usdc.Domain
	Authorization Authorization
	Signature     []byte // 65 bytes, r, s, v
}

// Check refuses a payment whose authorization is not payable or whose
// signature is not the payer's. The error is an ErrAuthorization.
func (p Payment) Check() error {
	if err := p.Authorization.Check(p.Domain); err != nil {
		return err
	}
	signer, err := Recover(p.Domain, p.Authorization, p.Signature)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAuthorization, err)
	}
	if signer != p.Authorization.From {
		return fmt.Errorf("%w: signed by %s, the payer is %s", ErrAuthorization, signer, p.Authorization.From)
	}
	return nil
}

// LogValue leaves the signature out.
func (p Payment) LogValue() slog.Value {
	a := p.Authorization
	return slog.GroupValue(
		slog.String("network", p.Domain.Network()),
		slog.String("token", ledger.CanonicalAddress(p.Domain.Contract)),
		slog.String("from", ledger.CanonicalAddress(a.From)),
		slog.String("to", ledger.CanonicalAddress(a.To)),
		slog.Int64("micros", int64(a.Value)),
		slog.Int64("valid_before", a.ValidBefore),
		slog.String("nonce", a.Nonce.Hex()),
	)
}

// Format prints String whatever the verb.
func (p Payment) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// String is the payment without its signature.
func (p Payment) String() string {
	a := p.Authorization
	return "payment(" + p.Domain.Network() + ", " + ledger.CanonicalAddress(a.From) + " to " + ledger.CanonicalAddress(a.To) +
		", " + strconv.FormatInt(int64(a.Value), 10) + " micros, nonce " + a.Nonce.Hex() + ")"
}
