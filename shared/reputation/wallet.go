package reputation

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrNoWallet means that a text is neither an EVM nor a Solana address.
var ErrNoWallet = errors.New("reputation: not a wallet address")

// CanonicalWallet is the one spelling under which a wallet's spend is kept:
// an EVM address in lower case, whatever its case was, and a Solana address
// (32 bytes in base58, where case matters) as it is.
func CanonicalWallet(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) == 42 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		lower := strings.ToLower(s)
		if _, err := hex.DecodeString(lower[2:]); err == nil {
			return lower, nil
		}
	}
	if isSolana(s) {
		return s, nil
	}
	return "", fmt.Errorf("%w: %q", ErrNoWallet, clip(s))
}

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// isSolana reports whether s is base58 for exactly 32 bytes.
func isSolana(s string) bool {
	if len(s) < 32 || len(s) > 44 {
		return false
	}
	var out [33]byte // big-endian; the first byte overflows when s is for more than 32
	for _, c := range []byte(s) {
		carry := strings.IndexByte(base58Alphabet, c)
		if carry < 0 {
			return false
		}
		for i := len(out) - 1; i >= 0; i-- {
			carry += 58 * int(out[i])
			out[i] = byte(carry)
			carry >>= 8
		}
		if out[0] != 0 {
			return false
		}
	}
	ones := len(s) - len(strings.TrimLeft(s, "1")) // each stands for a zero byte in front
	zeros := 0
	for zeros < 32 && out[1+zeros] == 0 {
		zeros++
	}
	return ones == zeros
}
