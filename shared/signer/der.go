package signer

import (
	"crypto/ecdsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/crypto"
)

// Object identifiers of RFC 5480 and SEC 2.
var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

// parsePublicKey reads a PEM SubjectPublicKeyInfo (RFC 5280) with an
// uncompressed secp256k1 point. crypto/x509 refuses the curve.
func parsePublicKey(text string) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("no PEM block PUBLIC KEY")
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(block.Bytes, &spki); err != nil {
		return nil, fmt.Errorf("no SubjectPublicKeyInfo: %w", err)
	} else if len(rest) > 0 {
		return nil, errors.New("bytes after the SubjectPublicKeyInfo")
	}
	if !spki.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return nil, fmt.Errorf("algorithm %s is not elliptic curve", spki.Algorithm.Algorithm)
	}
	var curve asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(spki.Algorithm.Parameters.FullBytes, &curve); err != nil || len(rest) > 0 {
		return nil, errors.New("the curve is not named")
	}
	if !curve.Equal(oidSecp256k1) {
		return nil, fmt.Errorf("curve %s is not secp256k1", curve)
	}
	// UnmarshalPubkey checks the length and that the point is on the curve.
	return crypto.UnmarshalPubkey(spki.Key.RightAlign())
}

// parseSignature reads an ECDSA-Sig-Value (RFC 3279): SEQUENCE { r, s }, both
// from 1 to the order of secp256k1 less one.
func parseSignature(der []byte) (r, s *big.Int, err error) {
	var sig struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &sig)
	if err != nil {
		return nil, nil, fmt.Errorf("no DER signature: %w", err)
	}
	if len(rest) > 0 {
		return nil, nil, errors.New("bytes after the DER signature")
	}
	order := crypto.S256().Params().N
	for _, n := range []*big.Int{sig.R, sig.S} {
		if n.Sign() <= 0 || n.Cmp(order) >= 0 {
			return nil, nil, errors.New("r or s out of range")
		}
	}
	return sig.R, sig.S, nil
}
