package api

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
)

// The headers of a poll's proof: all three, once each, or none.
const (
	TimeHeader      = "X-BlockRun-Time"      // ms since 1970, decimal
	NonceHeader     = "X-BlockRun-Nonce"     // MinNonceLen to MaxNonceLen letters, digits, - and _
	SignatureHeader = "X-BlockRun-Signature" // 0x + 130 hex
)

// Limits of a poll's proof. Its time may be as old, and as far ahead, as a
// result's: a clock that is good enough for results is good enough for polls.
// What keeps a proof from being used twice is that each must be newer than the
// worker's last one.
const (
	MinNonceLen = 16
	MaxNonceLen = 64
)

// The reasons for which a poll's proof is refused, as ErrorBody.Code.
const (
	ProofMalformed Code = "proof_malformed" // 400
	ProofClock     Code = "proof_clock"     // 401: older than MaxAge, or more than MaxAhead in the future
	ProofSignature Code = "proof_signature" // 401
	ProofReplayed  Code = "proof_replayed"  // 401: no newer than the worker's last proven poll
	ProofMissing   Code = "proof_missing"   // 401: an earlier poll of this address was proven
)

var proofCodes = []Code{ProofMalformed, ProofClock, ProofSignature, ProofReplayed, ProofMissing}

// What a ProofError is, for the table of statuses.
var (
	ErrProofForm = errors.New("malformed poll proof") // 400
	ErrProof     = errors.New("poll proof refused")   // 401
)

// ProofError says why a poll's proof is refused, and what to do about it. It
// is an ErrProofForm if its Code is ProofMalformed, and else an ErrProof.
type ProofError struct {
	Code   Code
	Detail string
}

func (e *ProofError) Error() string { return e.Unwrap().Error() + ": " + e.Detail }

// Unwrap is ErrProofForm or ErrProof.
func (e *ProofError) Unwrap() error {
	if e.Code == ProofMalformed {
		return ErrProofForm
	}
	return ErrProof
}

// ErrorCode is e.Code.
func (e *ProofError) ErrorCode() Code { return e.Code }

func badProof(format string, args ...any) error {
	return &ProofError{ProofMalformed, fmt.Sprintf(format, args...)}
}

// ReplayedProof is the error of a proof that is no newer than last, the time of
// the worker's last proven poll.
func ReplayedProof(last time.Time) error {
	return &ProofError{ProofReplayed, fmt.Sprintf("a poll of %s has been proven already; sign a new time and nonce for each poll, and let one program at a time poll for a wallet",
		last.UTC().Format("2006-01-02T15:04:05.000Z"))}
}

// MissingProof is the error of a poll without a proof for an address that has
// proven one before: it may be anybody's.
func MissingProof() error {
	return &ProofError{ProofMissing, "earlier polls of this address were proven, so it may be somebody else who asks; use a worker that signs its polls"}
}

// PollProof proves that whoever polls holds the key of the address that it
// polls for. A poll without one is served, too, but as one that anybody could
// have made.
type PollProof struct {
	Time      int64 // ms since 1970
	Nonce     string
	Signature string
}

// PollMessage is what is signed for a poll with this address and region, both
// as spelled in the query (region "" when it is left out): the UTF-8 bytes of
// JavaScript's
//
//	JSON.stringify({method, path, address, region, time, nonce})
//
// where method is "GET" and path is TasksPath, whatever stands before it under
// the base. Its first key keeps it apart from the message of a result.
func PollMessage(address, region string, p PollProof) []byte {
	b := make([]byte, 0, 2*messageRoom+len(region))
	b = append(b, `{"method":"GET","path":"`+TasksPath+`","address":`...)
	b = appendString(b, address)
	b = append(b, `,"region":`...)
	b = appendString(b, region)
	b = append(b, `,"time":`...)
	b = strconv.AppendInt(b, p.Time, 10)
	b = append(b, `,"nonce":`...)
	return append(appendString(b, p.Nonce), '}')
}

// SignPoll proves a poll at now. nonce is to be unguessable and new. address
// must be the key's, as in Sign.
func SignPoll(address, region string, now time.Time, nonce string, key *ecdsa.PrivateKey) (PollProof, error) {
	p := PollProof{Time: now.UnixMilli(), Nonce: nonce}
	worker, err := ParseAddress(address)
	if err != nil {
		return PollProof{}, fmt.Errorf("api: prove a poll: address %q: %w", address, err)
	}
	if own := crypto.PubkeyToAddress(key.PublicKey); own != worker {
		return PollProof{}, fmt.Errorf("api: prove a poll: address is %s, but the key's address is %s", address, own)
	}
	if p.Signature, err = PersonalSign(PollMessage(address, region, p), key); err != nil {
		return PollProof{}, fmt.Errorf("api: prove a poll: %w", err)
	}
	return p, nil
}

// SetHeaders gives the proof's headers to set, such as http.Header.Set.
func (p PollProof) SetHeaders(set func(name, value string)) {
	set(TimeHeader, strconv.FormatInt(p.Time, 10))
	set(NonceHeader, p.Nonce)
	set(SignatureHeader, p.Signature)
}

// ReadPollProof reads the headers of a request with values, such as
// http.Header.Values. It is nil when there is none of them. What is there but
// cannot be a proof is a ProofError.
func ReadPollProof(values func(name string) []string) (*PollProof, error) {
	at, nonce, signature := values(TimeHeader), values(NonceHeader), values(SignatureHeader)
	if len(at)+len(nonce)+len(signature) == 0 {
		return nil, nil
	}
	if len(at) != 1 || len(nonce) != 1 || len(signature) != 1 {
		return nil, badProof("send %s, %s and %s, once each, or none of them", TimeHeader, NonceHeader, SignatureHeader)
	}
	p := &PollProof{Nonce: nonce[0], Signature: signature[0]}
	var err error
	if p.Time, err = strconv.ParseInt(at[0], 10, 64); err != nil || p.Time < 1 || p.Time > MaxTimestamp || strconv.FormatInt(p.Time, 10) != at[0] {
		return nil, badProof("%s must be in milliseconds since 1970", TimeHeader)
	}
	if !isNonce(p.Nonce) {
		return nil, badProof("%s must be %d to %d letters, digits, - and _", NonceHeader, MinNonceLen, MaxNonceLen)
	}
	if _, err := ParseSignature(p.Signature); err != nil {
		return nil, badProof("%s: %v", SignatureHeader, err)
	}
	return p, nil
}

func isNonce(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return len(s) >= MinNonceLen && len(s) <= MaxNonceLen
}

// Verify checks that p was signed by address for a poll with just this address
// and region, and that its time fits now. That it is newer than the worker's
// last one is for the database to see (ReplayedProof). Errors are ProofErrors,
// but for an address that is none: ErrAddress.
func (p PollProof) Verify(address, region string, now time.Time) error {
	worker, err := ParseAddress(address)
	if err != nil {
		return err
	}
	off := now.Sub(time.UnixMilli(p.Time))
	if side := "behind"; off > MaxAge || off < -MaxAhead {
		if off < 0 {
			side = "ahead of"
		}
		return &ProofError{ProofClock, fmt.Sprintf("its time is %v %s the network's, %s; set the clock of this machine, and sign each poll when it is sent",
			off.Abs().Round(time.Second), side, now.UTC().Format(time.RFC3339))}
	}
	signer, err := Recover(PollMessage(address, region, p), p.Signature)
	if err != nil {
		return &ProofError{ProofSignature, err.Error()}
	}
	if signer != worker {
		return &ProofError{ProofSignature, "not made by this address over this method, path, address, region, time and nonce"}
	}
	return nil
}
