package api

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// ErrSignature means that a signature is malformed or not the worker's: the
// result is rejected as InvalidSignature.
var ErrSignature = errors.New("invalid signature")

// halfOrder is half the order of secp256k1, rounded down: the highest s that is
// accepted (EIP-2). For every signature with a higher one there is a twin with
// a lower one, so both would stand for the same result.
var halfOrder = [32]byte{
	0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
}

// Verified is what a result's own fields and signature prove.
type Verified struct {
	Address common.Address // who signed; zero unless Code is empty
	Code    Code           // empty, Malformed or InvalidSignature
	Detail  string         // what exactly is wrong, for the worker's eyes; empty when Code is
}

// Verify checks r's fields and that r.Signature is the signature of
// r.WorkerAddress over Message(r). Age, task and assignment are for the
// scheduler to judge. The other fields (responseTimeMs, statusCode, error,
// errorClass, timings) are checked but not signed: the protocol's message
// leaves them out.
func Verify(r Result) Verified {
	worker, err := checkFields(&r)
	if err != nil {
		return Verified{Code: Malformed, Detail: err.Error()}
	}
	var room [2 * messageRoom]byte
	signer, err := Recover(appendMessage(room[:0], &r), r.Signature)
	if err != nil {
		return Verified{Code: InvalidSignature, Detail: err.Error()}
	}
	if signer != worker {
		return Verified{Code: InvalidSignature, Detail: "invalid signature: not made by workerAddress over these fields"}
	}
	return Verified{Address: worker}
}

// Recover is the address whose key made signature over message with
// personal_sign (EIP-191). A signature that ParseSignature refuses, or that
// belongs to no key, is ErrSignature.
func Recover(message []byte, signature string) (common.Address, error) {
	sig, err := ParseSignature(signature)
	if err != nil {
		return common.Address{}, err
	}
	hash := PersonalHash(message)
	pub, err := crypto.Ecrecover(hash[:], sig[:])
	if err != nil {
		return common.Address{}, fmt.Errorf("%w: it belongs to no key", ErrSignature)
	}
	return common.BytesToAddress(crypto.Keccak256(pub[1:])[12:]), nil
}

// ParseSignature reads 0x and 130 hex digits: r, s and v, of which v may be 27
// and 28 or 0 and 1; it returns them with v as 0 or 1. Zero r or s and an s
// above half the curve's order are refused. Every error is an ErrSignature.
func ParseSignature(s string) ([SignatureLen]byte, error) {
	var sig [SignatureLen]byte
	if len(s) != 2+2*SignatureLen || s[:2] != "0x" {
		return sig, fmt.Errorf("%w: want 0x and %d hex digits", ErrSignature, 2*SignatureLen)
	}
	if !decodeHex(sig[:], s[2:]) {
		return sig, fmt.Errorf("%w: not hex", ErrSignature)
	}
	if v := sig[64]; v == 27 || v == 28 {
		sig[64] -= 27
	}
	var zero [32]byte
	switch {
	case sig[64] > 1:
		return sig, fmt.Errorf("%w: v must be 27, 28, 0 or 1", ErrSignature)
	case [32]byte(sig[:32]) == zero || [32]byte(sig[32:64]) == zero:
		return sig, fmt.Errorf("%w: r and s must not be zero", ErrSignature)
	case bytes.Compare(sig[32:64], halfOrder[:]) > 0:
		return sig, fmt.Errorf("%w: high s", ErrSignature)
	}
	return sig, nil
}
