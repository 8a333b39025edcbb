package signer

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// KMS is what a KMSSigner asks of Cloud KMS; *kms.KeyManagementClient has it.
type KMS interface {
	GetPublicKey(context.Context, *kmspb.GetPublicKeyRequest, ...gax.CallOption) (*kmspb.PublicKey, error)
	AsymmetricSign(context.Context, *kmspb.AsymmetricSignRequest, ...gax.CallOption) (*kmspb.AsymmetricSignResponse, error)
}

// The ways in which Cloud KMS disappoints. None of them has produced a signature.
var (
	ErrWrongKey  = errors.New("signer: the KMS key cannot sign for Ethereum; create one with algorithm EC_SIGN_SECP256K1_SHA256 and protection level HSM")
	ErrCorrupted = errors.New("signer: an answer of Cloud KMS was damaged on the way; try again")
	ErrDisabled  = errors.New("signer: the KMS key version is not enabled; enable it or name another version")
)

// KMSSigner signs with a key version of Cloud KMS.
type KMSSigner struct {
	kms     KMS
	name    string
	public  *ecdsa.PublicKey
	address common.Address
}

// NewKMS reads the public key of the key version name
// (projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/1) and
// refuses any that is not secp256k1, with ErrWrongKey, ErrCorrupted or ErrDisabled.
func NewKMS(ctx context.Context, kms KMS, name string) (*KMSSigner, error) {
	answer, err := kms.GetPublicKey(ctx, &kmspb.GetPublicKeyRequest{Name: name})
	if err != nil {
		return nil, kmsError("reading the public key of "+name, err)
	}
	switch {
	case answer.GetName() != name:
		return nil, fmt.Errorf("%w: asked for %s, got %q", ErrCorrupted, name, answer.GetName())
	case !checks([]byte(answer.GetPem()), answer.GetPemCrc32C()):
		return nil, fmt.Errorf("%w: checksum of the public key of %s", ErrCorrupted, name)
	case answer.GetAlgorithm() != kmspb.CryptoKeyVersion_EC_SIGN_SECP256K1_SHA256:
		return nil, fmt.Errorf("%w: %s is %s", ErrWrongKey, name, answer.GetAlgorithm())
	}
	public, err := parsePublicKey(answer.GetPem())
	if err != nil {
		return nil, fmt.Errorf("%w: public key of %s: %w", ErrWrongKey, name, err)
	}
	return &KMSSigner{kms: kms, name: name, public: public, address: crypto.PubkeyToAddress(*public)}, nil
}

// Address is the account whose key this is.
func (s *KMSSigner) Address() common.Address { return s.address }

// String is "signer(0x..., name of the key version)".
func (s *KMSSigner) String() string {
	return "signer(" + s.address.Hex() + ", " + s.name + ")"
}

// SignHash has Cloud KMS sign a 32-byte digest. KMS calls the field sha256 but
// signs any 32 bytes, so a keccak256 goes there. Both ways are covered by
// CRC32C, and a signature that does not recover to Address is never returned.
func (s *KMSSigner) SignHash(ctx context.Context, hash common.Hash) ([]byte, error) {
	answer, err := s.kms.AsymmetricSign(ctx, &kmspb.AsymmetricSignRequest{
		Name:         s.name,
		Digest:       &kmspb.Digest{Digest: &kmspb.Digest_Sha256{Sha256: hash[:]}},
		DigestCrc32C: checksum(hash[:]),
	})
	if err != nil {
		return nil, kmsError("signing with "+s.name, err)
	}
	switch {
	case answer.GetName() != s.name:
		return nil, fmt.Errorf("%w: asked %s to sign, %q answered", ErrCorrupted, s.name, answer.GetName())
	case !answer.GetVerifiedDigestCrc32C():
		return nil, fmt.Errorf("%w: %s did not verify the digest's checksum", ErrCorrupted, s.name)
	case !checks(answer.GetSignature(), answer.GetSignatureCrc32C()):
		return nil, fmt.Errorf("%w: checksum of a signature of %s", ErrCorrupted, s.name)
	}
	sig, err := s.recoverable(hash, answer.GetSignature())
	if err != nil {
		return nil, fmt.Errorf("signature of %s: %w", s.name, err)
	}
	return sig, nil
}

// recoverable turns KMS's DER signature into r || s || v: s into the lower
// half, and v by trial, since DER does not carry it.
func (s *KMSSigner) recoverable(hash common.Hash, der []byte) ([]byte, error) {
	r, sv, err := parseSignature(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupted, err)
	}
	order := crypto.S256().Params().N
	if sv.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		sv.Sub(order, sv)
	}
	sig := make([]byte, crypto.SignatureLength)
	r.FillBytes(sig[:32])
	sv.FillBytes(sig[32:64])
	for v := range byte(2) {
		sig[crypto.RecoveryIDOffset] = v
		if got, err := crypto.SigToPub(hash[:], sig); err == nil && got.Equal(s.public) {
			return sig, nil
		}
	}
	return nil, fmt.Errorf("%w: it is not one of %s", ErrCorrupted, s.address)
}

func kmsError(doing string, err error) error {
	if status.Code(err) == codes.FailedPrecondition {
		return fmt.Errorf("%s: %w: %w", doing, ErrDisabled, err)
	}
	return fmt.Errorf("signer: %s: %w", doing, err)
}

func checksum(data []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))))
}

// checks reports whether sum is there and is data's: a missing checksum
// counts as a wrong one.
func checks(data []byte, sum *wrapperspb.Int64Value) bool {
	return sum != nil && sum.GetValue() == checksum(data).GetValue()
}
