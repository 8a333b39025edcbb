package x402

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// The protocol's constants (payments.md, x402 version 2 on the wire).
const (
	Version     = 2
	SchemeExact = "exact"

	// MaxTimeoutSeconds stands in every body. It is constant so that a retry
	// sends the same bytes.
	MaxTimeoutSeconds = 60
)

// Request is the body of POST /verify and POST /settle.
type Request struct {
	Version      int          `json:"x402Version"`
	Payload      Payload      `json:"paymentPayload"`
	Requirements Requirements `json:"paymentRequirements"`
}

// LogValue leaves the signature out.
func (r Request) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("network", r.Requirements.Network),
		slog.String("to", r.Requirements.PayTo),
		slog.String("micros", r.Requirements.Amount),
		slog.String("nonce", r.Payload.Payload.Authorization.Nonce),
	)
}

// Payload is what the payer offers. Resource and Extensions may be absent or null.
type Payload struct {
	Version    int             `json:"x402Version"`
	Resource   json.RawMessage `json:"resource,omitempty"`
	Accepted   Requirements    `json:"accepted"` // the requirements, echoed
	Payload    ExactEVM        `json:"payload"`
	Extensions json.RawMessage `json:"extensions,omitempty"`
}

// Requirements are what is to be paid, to whom and in which token.
type Requirements struct {
	Scheme            string `json:"scheme"`
	Network           string `json:"network"` // CAIP-2
	Amount            string `json:"amount"`  // atomic units, decimal
	Asset             string `json:"asset"`   // address of the token
	PayTo             string `json:"payTo"`
	MaxTimeoutSeconds int    `json:"maxTimeoutSeconds"`
	Extra             *Extra `json:"extra"` // required for EIP-3009: a null cannot settle
}

// Extra is the token's EIP-712 domain, as far as it does not follow from
// network and asset.
type Extra struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// ExactEVM is the payload of the scheme "exact" on EVM networks.
type ExactEVM struct {
	Signature     string            `json:"signature"` // 0x + 130 hex, v 27 or 28
	Authorization WireAuthorization `json:"authorization"`
}

// Format leaves the signature out.
func (e ExactEVM) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "authorization of nonce "+e.Authorization.Nonce)
}

// WireAuthorization is an Authorization with its numbers as decimal strings.
type WireAuthorization struct {
	From        string `json:"from"`
	To          string `json:"to"`
	Value       string `json:"value"`
	ValidAfter  string `json:"validAfter"`
	ValidBefore string `json:"validBefore"`
	Nonce       string `json:"nonce"` // 0x + 64 hex
}

// VerifyAnswer answers POST /verify.
type VerifyAnswer struct {
	IsValid        bool   `json:"isValid"`
	InvalidReason  string `json:"invalidReason,omitempty"`
	InvalidMessage string `json:"invalidMessage,omitempty"`
	Payer          string `json:"payer,omitempty"`
}

// SettleAnswer answers POST /settle. A client must not decide on these fields
// alone: see Classify.
type SettleAnswer struct {
	Success      bool   `json:"success"`
	ErrorReason  string `json:"errorReason,omitempty"`
	ErrorMessage string `json:"errorMessage,omitempty"`
	Transaction  string `json:"transaction"` // 0x + 64 hex, or ""
	Network      string `json:"network"`
	Payer        string `json:"payer,omitempty"`
}

// SupportedAnswer answers GET /supported.
type SupportedAnswer struct {
	Kinds      []SupportedKind     `json:"kinds"`
	Extensions []string            `json:"extensions"`
	Signers    map[string][]string `json:"signers"` // "eip155:*" -> the relayers' addresses
}

// SupportedKind is one way to pay that a facilitator settles.
type SupportedKind struct {
	Version int             `json:"x402Version"`
	Scheme  string          `json:"scheme"`
	Network string          `json:"network"`
	Extra   json.RawMessage `json:"extra,omitempty"`
}

// Settles reports whether version 2, scheme exact on the network is among them.
func (s SupportedAnswer) Settles(network string) bool {
	for _, k := range s.Kinds {
		if k.Version == Version && k.Scheme == SchemeExact && k.Network == network {
			return true
		}
	}
	return false
}

// Request is the payment on the wire. The same payment gives the same bytes.
func (p Payment) Request() Request {
	a := p.Authorization
	r := Requirements{
		Scheme:            SchemeExact,
		Network:           p.Domain.Network(),
		Amount:            strconv.FormatInt(int64(a.Value), 10),
		Asset:             p.Domain.Contract.Hex(),
		PayTo:             a.To.Hex(),
		MaxTimeoutSeconds: MaxTimeoutSeconds,
		Extra:             &Extra{Name: p.Domain.Name, Version: p.Domain.Version},
	}
	signature := [65]byte{}
	copy(signature[:], p.Signature)
	if signature[64] < 27 {
		signature[64] += 27
	}
	return Request{
		Version:      Version,
		Requirements: r,
		Payload: Payload{
			Version:  Version,
			Accepted: r,
			Payload: ExactEVM{
				Signature: "0x" + hex.EncodeToString(signature[:]),
				Authorization: WireAuthorization{
					From:        a.From.Hex(),
					To:          a.To.Hex(),
					Value:       r.Amount,
					ValidAfter:  strconv.FormatInt(a.ValidAfter, 10),
					ValidBefore: strconv.FormatInt(a.ValidBefore, 10),
					Nonce:       a.Nonce.Hex(),
				},
			},
		},
	}
}

// ErrPayload means that a request's payload cannot be read as a payment.
var ErrPayload = errors.New("x402: unreadable payment")

// Payment reads the payload of a request, in the domain that the accepted
// requirements name. It checks spelling only: neither the signature nor
// whether payload and requirements agree. The error is an ErrPayload.
func (r Request) Payment() (Payment, error) {
	accepted, wire := r.Payload.Accepted, r.Payload.Payload.Authorization
	chainID, err := usdc.ParseCAIP2(accepted.Network)
	if err != nil {
		return Payment{}, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	if accepted.Extra == nil {
		return Payment{}, fmt.Errorf("%w: no extra with the token's name and version", ErrPayload)
	}
	var f fields
	p := Payment{
		Domain: usdc.Domain{
			Name: accepted.Extra.Name, Version: accepted.Extra.Version, ChainID: chainID,
			Contract: f.address("asset", accepted.Asset),
		},
		Authorization: Authorization{
			From:        f.address("from", wire.From),
			To:          f.address("to", wire.To),
			Value:       ledger.Micros(f.number("value", wire.Value)),
			ValidAfter:  f.number("validAfter", wire.ValidAfter),
			ValidBefore: f.number("validBefore", wire.ValidBefore),
			Nonce:       common.Hash(f.bytes("nonce", wire.Nonce, 32)),
		},
		Signature: f.bytes("signature", r.Payload.Payload.Signature, 65),
	}
	if f.err != nil {
		return Payment{}, f.err
	}
	return p, nil
}

// fields reads wire fields and keeps the first error. It never repeats a
// value: one of them is a signature.
type fields struct{ err error }

func (f *fields) fail(name, want string) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s is not %s", ErrPayload, name, want)
	}
}

func (f *fields) address(name, text string) common.Address {
	return common.Address(f.bytes(name, text, common.AddressLength))
}

// bytes reads 0x and 2n hex digits. On error it still returns n bytes.
func (f *fields) bytes(name, text string, n int) []byte {
	digits, ok := strings.CutPrefix(text, "0x")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil || len(raw) != n {
		f.fail(name, fmt.Sprintf("0x and %d hex digits", 2*n))
		return make([]byte, n)
	}
	return raw
}

// number reads a decimal number from 0 to the largest int64, without sign or
// leading zeros.
func (f *fields) number(name, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		f.fail(name, "a decimal number")
		return 0
	}
	return n
}
