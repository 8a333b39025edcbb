// Package x402 pays workers through an x402 facilitator, protocol version 2
// (payments.md): the treasury signs an EIP-3009 authorization, and a
// facilitator brings it onto the chain.
//
// An answer of a facilitator is never proof of payment. Classify sorts answers
// into Settled, Refused and Unknown; the chain alone decides.
package x402

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

// Authorization is what the payer signs: EIP-3009's TransferWithAuthorization.
// USDC executes it at most once per (From, Nonce), at a block time strictly
// between ValidAfter and ValidBefore, whoever brings it.
type Authorization struct {
	From        common.Address
	To          common.Address
	Value       ledger.Micros
	ValidAfter  int64 // unix seconds
	ValidBefore int64 // unix seconds
	Nonce       common.Hash
}

// ErrAuthorization means that an authorization must not be signed or sent. No
// retry mends it.
var ErrAuthorization = errors.New("x402: authorization refused")

// Check refuses what USDC would revert or what would pay nobody: the zero
// address, the token itself or the payer as recipient, nothing to pay, an
// empty time window, no nonce. The error is an ErrAuthorization.
func (a Authorization) Check(domain usdc.Domain) error {
	none := common.Address{}
	switch {
	case a.From == none:
		return fmt.Errorf("%w: no payer", ErrAuthorization)
	case a.To == none:
		return fmt.Errorf("%w: the recipient is the zero address", ErrAuthorization)
	case a.To == domain.Contract:
		return fmt.Errorf("%w: the recipient is the token itself", ErrAuthorization)
	case a.To == a.From:
		return fmt.Errorf("%w: the recipient is the payer", ErrAuthorization)
	case a.Value <= 0:
		return fmt.Errorf("%w: the value is %d", ErrAuthorization, a.Value)
	case a.ValidAfter < 0 || a.ValidBefore <= a.ValidAfter:
		return fmt.Errorf("%w: valid between %d and %d", ErrAuthorization, a.ValidAfter, a.ValidBefore)
	case a.Nonce == common.Hash{}:
		return fmt.Errorf("%w: no nonce", ErrAuthorization)
	}
	return nil
}

var authorizationTypeHash = crypto.Keccak256([]byte("TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"))

// Digest is what is signed (EIP-712): keccak256(0x1901, the domain's
// separator, the authorization's struct hash). Its numbers must not be
// negative, which Check sees to.
func Digest(domain usdc.Domain, a Authorization) common.Hash {
	structHash := crypto.Keccak256(
		authorizationTypeHash,
		common.LeftPadBytes(a.From[:], 32),
		common.LeftPadBytes(a.To[:], 32),
		word(int64(a.Value)),
		word(a.ValidAfter),
		word(a.ValidBefore),
		a.Nonce[:],
	)
	separator := domain.Separator()
	return crypto.Keccak256Hash([]byte{0x19, 0x01}, separator[:], structHash)
}

// word is n >= 0 as a uint256.
func word(n int64) []byte {
	var w [32]byte
	binary.BigEndian.PutUint64(w[24:], uint64(n))
	return w[:]
}

// Recover is the address that signed the authorization. A signature is r, s, v
// in 65 bytes; v may be 27 and 28 or 0 and 1; a high s is refused, as USDC does.
func Recover(domain usdc.Domain, a Authorization, signature []byte) (common.Address, error) {
	if len(signature) != crypto.SignatureLength {
		return common.Address{}, fmt.Errorf("x402: a signature has 65 bytes, not %d", len(signature))
	}
	sig := [crypto.SignatureLength]byte(signature)
	v := &sig[crypto.RecoveryIDOffset]
	if *v >= 27 {
		*v -= 27
	}
	r, s := common.BytesToHash(sig[:32]).Big(), common.BytesToHash(sig[32:64]).Big()
	if !crypto.ValidateSignatureValues(*v, r, s, true) {
		return common.Address{}, errors.New("x402: r, s or v of the signature is out of range, or s is high")
	}
	digest := Digest(domain, a)
	public, err := crypto.SigToPub(digest[:], sig[:])
	if err != nil {
		return common.Address{}, fmt.Errorf("x402: recovering the signer: %w", err)
	}
	return crypto.PubkeyToAddress(*public), nil
}

// Signer holds the payer's key. Its signatures are r, s, v in 65 bytes, v 0 or 1.
type Signer interface {
	Address() common.Address
	SignHash(ctx context.Context, hash common.Hash) ([]byte, error)
}

// Sign makes a payment of an authorization. The signature is what USDC and the
// wire take, with v 27 or 28, and is known to be good. Signing the same
// authorization again is always safe (payments.md, rule 3).
func Sign(ctx context.Context, signer Signer, domain usdc.Domain, a Authorization) (Payment, error) {
	if err := a.Check(domain); err != nil {
		return Payment{}, err
	}
	if signer.Address() != a.From {
		return Payment{}, fmt.Errorf("%w: the payer is %s, the key is that of %s", ErrAuthorization, a.From, signer.Address())
	}
	signature, err := signer.SignHash(ctx, Digest(domain, a))
	if err != nil {
		return Payment{}, fmt.Errorf("x402: signing the authorization of nonce %s: %w", a.Nonce, err)
	}
	p := Payment{Domain: domain, Authorization: a, Signature: bytes.Clone(signature)}
	if err := p.Check(); err != nil {
		return Payment{}, err
	}
	if v := &p.Signature[crypto.RecoveryIDOffset]; *v < 27 {
		*v += 27
	}
	return p, nil
}
