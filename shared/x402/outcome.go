package x402

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/ethereum/go-ethereum/common"
)

// Kind is what one call of /settle told.
type Kind string

// The kinds of outcome. None is proof of payment or of non-payment: the chain
// is (payments.md, rule 4).
const (
	// Settled: the facilitator names the transaction that paid. Look at its
	// receipt before booking.
	Settled Kind = "settled"
	// Refused: this call has surely not brought the authorization onto the
	// chain. An earlier call, or somebody else, may have.
	Refused Kind = "refused"
	// Unknown: anything else. Ask the chain for the nonce; resend the same bytes.
	Unknown Kind = "unknown"
)

// Outcome is the judgement of one call of /settle.
type Outcome struct {
	Kind Kind
	// Tx is set when Settled. When Unknown it may be set, as a place to look.
	Tx common.Hash
	// Reason is a code of at most 96 characters, "" when Settled: one of the
	// constants here, "http_502" for a bare status, or the facilitator's own, an
	// open set.
	Reason string
	// Detail is text for the operator: at most 200 printable characters, without
	// anything that may be part of a signature.
	Detail string
}

// The reasons given here.
const (
	// Refused, before anything was sent.
	ReasonInvalidPayment = "invalid_payment"         // Payment.Check
	ReasonNoCredentials  = "no_credentials"          // the call could not be signed for the provider
	ReasonUnreachable    = "facilitator_unreachable" // no connection came about

	// Unknown.
	ReasonTimeout       = "timeout"                    // no answer in time
	ReasonTransport     = "connection_lost"            // no whole answer
	ReasonTooLarge      = "answer_too_large"           //
	ReasonMalformed     = "malformed_answer"           // not the JSON that was agreed
	ReasonNoTransaction = "success_without_hash"       // empty or unreadable
	ReasonOtherPayment  = "success_of_another_payment" // other network or payer
	ReasonUnclear       = "unclear_reason"             // failed, without a code, or contradicting itself
)

// Answer is what came back from a call of /settle.
type Answer struct {
	Status int    // HTTP; 0 when Err is set
	Body   []byte // at most MaxAnswerBytes, or one byte more to show that it was larger
	Err    error  // of the transport
	Unsent bool   // with Err: surely no byte of the request left this machine
}

// MaxAnswerBytes is the cap on a facilitator's answer.
const MaxAnswerBytes = 64 << 10

// refusals are the error reasons that x402 facilitators (CDP's among them)
// give for what they check before broadcasting, and for nothing else. What is
// also said after a broadcast, or because of an earlier one (simulation
// failed, nonce used, transaction failed, pending), is not among them.
var refusals = set(
	"invalid_x402_version", "invalid_scheme", "unsupported_scheme", "invalid_network",
	"invalid_payment_requirements", "invalid_payload", "unsupported_payload_type", "insufficient_funds",
	"invalid_exact_evm_payload_authorization_value",
	"invalid_exact_evm_payload_authorization_value_too_low",
	"invalid_exact_evm_payload_authorization_value_mismatch",
	"invalid_exact_evm_payload_authorization_valid_after",
	"invalid_exact_evm_payload_authorization_valid_before",
	"invalid_exact_evm_payload_authorization_typed_data_message",
	"invalid_exact_evm_payload_authorization_from_address_kyt",
	"invalid_exact_evm_payload_authorization_to_address_kyt",
	"invalid_exact_evm_payload_signature",
	"invalid_exact_evm_payload_signature_address",
	"invalid_exact_evm_payload_recipient_mismatch",
	"invalid_exact_evm_scheme", "invalid_exact_evm_network_mismatch", "invalid_exact_evm_recipient_mismatch",
	"invalid_exact_evm_signature", "invalid_exact_evm_failed_to_parse_signature",
	"invalid_exact_evm_authorization_value", "invalid_exact_evm_insufficient_balance",
	"invalid_exact_evm_missing_eip712_domain", "invalid_exact_evm_token_name_mismatch",
	"invalid_exact_evm_token_version_mismatch", "invalid_exact_evm_eip3009_not_supported",
)

// providerRefusals are the errorTypes with which a provider's own front turns
// a call away before any settlement.
var providerRefusals = set(
	"invalid_request", "unauthorized", "forbidden", "not_found",
	"payment_method_required", "rate_limit_exceeded",
)

func set(codes ...string) map[string]bool {
	m := make(map[string]bool, len(codes))
	for _, c := range codes {
		m[c] = true
	}
	return m
}

// Classify judges the answer to a settlement of p. It is pure and total:
// whatever is not definite is Unknown, and a 5xx or an empty transaction is
// never taken for "not paid".
func Classify(a Answer, p Payment) Outcome {
	switch {
	case a.Err != nil && a.Unsent:
		return Outcome{Kind: Refused, Reason: ReasonUnreachable, Detail: detail(cause(a.Err).Error())}
	case a.Err != nil && isTimeout(a.Err):
		return Outcome{Kind: Unknown, Reason: ReasonTimeout, Detail: detail(cause(a.Err).Error())}
	case a.Err != nil:
		return Outcome{Kind: Unknown, Reason: ReasonTransport, Detail: detail(cause(a.Err).Error())}
	case len(a.Body) > MaxAnswerBytes:
		return Outcome{Kind: Unknown, Reason: ReasonTooLarge}
	}
	s, err := parseSettlement(a.Body)
	switch {
	case err != nil && isSuccess(a.Status):
		return Outcome{Kind: Unknown, Reason: ReasonMalformed, Detail: detail(err.Error())}
	case err != nil:
		return Outcome{Kind: Unknown, Reason: httpReason(a.Status)}
	case s.provider != "":
		return fromProvider(a.Status, s)
	case s.success:
		return fromSuccess(a.Status, s, p)
	default:
		return fromFailure(a.Status, s)
	}
}

func fromSuccess(status int, s settlement, p Payment) Outcome {
	unknown := func(reason string) Outcome { return Outcome{Kind: Unknown, Reason: reason, Tx: s.tx, Detail: s.text} }
	switch {
	case !isSuccess(status):
		return unknown(httpReason(status))
	case s.reason != "":
		return unknown(ReasonUnclear)
	case s.tx == common.Hash{}:
		return unknown(ReasonNoTransaction)
	case s.network != "" && s.network != p.Domain.Network():
		return unknown(ReasonOtherPayment)
	case s.payer != "" && (!common.IsHexAddress(s.payer) || common.HexToAddress(s.payer) != p.Authorization.From):
		return unknown(ReasonOtherPayment)
	}
	return Outcome{Kind: Settled, Tx: s.tx}
}

func fromFailure(status int, s settlement) Outcome {
	o := Outcome{Kind: Unknown, Tx: s.tx, Reason: code(s.reason), Detail: s.text}
	if (isSuccess(status) || isClientError(status)) && !s.namesTx && refusals[o.Reason] {
		o.Kind = Refused
	}
	return o
}

func fromProvider(status int, s settlement) Outcome {
	o := Outcome{Kind: Unknown, Reason: code(s.provider), Detail: s.text}
	if isClientError(status) && providerRefusals[o.Reason] {
		o.Kind = Refused
	}
	return o
}

func isSuccess(status int) bool     { return status >= 200 && status < 300 }
func isClientError(status int) bool { return status >= 400 && status < http.StatusInternalServerError }

func httpReason(status int) string { return fmt.Sprintf("http_%d", status) }

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// cause leaves out the URL that net/http puts in front: it may hold a key.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
