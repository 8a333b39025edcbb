// Package mnemonic derives the two wallets that ClawRouter derives from its
// mnemonic. It is pure; keys and words are in none of its errors.
package mnemonic

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/tyler-smith/go-bip39"
)

// ErrMnemonic means that a text is no mnemonic.
var ErrMnemonic = errors.New("not a BIP-39 mnemonic")

// Keys are the wallets' keys.
type Keys struct {
	EVM    *ecdsa.PrivateKey  // m/44'/60'/0'/0/0
	Solana ed25519.PrivateKey // SLIP-0010, m/44'/501'/0'/0'
}

// Derive reads 12 to 24 English words, in any case and with any white space
// between them, and no passphrase (BIP-39). Error: ErrMnemonic, which says
// what is wrong without repeating a word.
func Derive(text string) (Keys, error) {
	words := strings.Fields(strings.ToLower(text))
	if n := len(words); n < 12 || n > 24 || n%3 != 0 {
		return Keys{}, fmt.Errorf("%w: it has %d words; want 12, 15, 18, 21 or 24", ErrMnemonic, n)
	}
	for i, w := range words {
		if _, ok := bip39.GetWordIndex(w); !ok {
			return Keys{}, fmt.Errorf("%w: word %d is not in BIP-39's English list", ErrMnemonic, i+1)
		}
	}
	seed, err := bip39.NewSeedWithErrorChecking(strings.Join(words, " "), "")
	if err != nil {
		return Keys{}, fmt.Errorf("%w: its checksum is wrong, so a word is wrong or out of place", ErrMnemonic)
	}
	return fromSeed(seed)
}

func fromSeed(seed []byte) (Keys, error) {
	evm := secp256k1Curve.derive(seed, hardened+44, hardened+60, hardened, 0, 0)
	key, err := crypto.ToECDSA(evm.key[:])
	if err != nil {
		return Keys{}, fmt.Errorf("%w: it gives no EVM key", ErrMnemonic) // cannot be: derive gives valid keys only
	}
	solana := ed25519Curve.derive(seed, hardened+44, hardened+501, hardened, hardened)
	return Keys{key, ed25519.NewKeyFromSeed(solana.key[:])}, nil
}

// String hides the keys.
func (Keys) String() string { return "keys" }

// GoString hides the keys.
func (Keys) GoString() string { return "keys" }
