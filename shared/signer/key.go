// Package signer holds the keys that move money: a private key in memory
// (KeySigner) or one in Cloud KMS that never leaves it (KMSSigner). Both have
//
//	Address() common.Address
//	SignHash(ctx, hash) ([]byte, error)
//
// where a signature is 65 bytes, r || s || v, with v 0 or 1 and s in the lower
// half of the curve's order (EIP-2). Consumers declare the interface they need.
package signer

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// KeySigner signs with a secp256k1 key held in memory. However it is printed
// or logged, only its address shows.
type KeySigner struct {
	key     *ecdsa.PrivateKey
	address common.Address
}

// errKeyText deliberately leaves out what was found: it may be most of a key.
var errKeyText = errors.New("signer: a private key is 0x and 64 hex digits, not zero and below the order of secp256k1")

// FromHex makes a signer of 0x and 64 hex digits.
func FromHex(text string) (*KeySigner, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || len(digits) != 64 {
		return nil, errKeyText
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return nil, errKeyText
	}
	key, err := crypto.ToECDSA(raw)
	clear(raw)
	if err != nil {
		return nil, errKeyText
	}
	return FromKey(key), nil
}

// FromKey makes a signer of a key that is already in memory.
func FromKey(key *ecdsa.PrivateKey) *KeySigner {
	return &KeySigner{key: key, address: crypto.PubkeyToAddress(key.PublicKey)}
}

// maxKeyFile is far more than a key needs, and little enough for a path that
// was meant for something else.
const maxKeyFile = 1 << 10

// FromFile makes a signer of a file that holds one line, 0x and 64 hex digits,
// such as a mounted secret.
func FromFile(path string) (*KeySigner, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("signer: reading the key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("signer: reading the key file: %w", err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("key file %s is longer than %d bytes: %w", path, maxKeyFile, errKeyText)
	}
	s, err := FromHex(strings.TrimSpace(string(text)))
	clear(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return s, nil
}

// Address is the account whose key this is.
func (s *KeySigner) Address() common.Address { return s.address }

// SignHash signs a 32-byte digest. The nonce is deterministic (RFC 6979).
func (s *KeySigner) SignHash(ctx context.Context, hash common.Hash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("signer: not signed: %w", err)
	}
	sig, err := crypto.Sign(hash[:], s.key)
	if err != nil {
		return nil, fmt.Errorf("signer: signing for %s: %w", s.address, err)
	}
	return sig, nil
}

// Format prints the address whatever the verb; fmt has ways around String and
// GoString (%d, %x), none around this.
func (s *KeySigner) Format(f fmt.State, _ rune) {
	if s == nil {
		_, _ = io.WriteString(f, "signer(nil)")
		return
	}
	_, _ = io.WriteString(f, s.String())
}

// String is "signer(0x...)", with the address.
func (s *KeySigner) String() string { return "signer(" + s.address.Hex() + ")" }

// GoString is String.
func (s *KeySigner) GoString() string { return s.String() }

// LogValue is the address.
func (s *KeySigner) LogValue() slog.Value { return slog.StringValue(s.address.Hex()) }

// MarshalText is String, for encoders that look inside.
func (s *KeySigner) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
