package api

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"

	"github.com/mr-tron/base58"
)

// ErrSolanaAddress means that a text is no address of a Solana wallet: 400.
var ErrSolanaAddress = errors.New("not a Solana wallet's address: want 32 bytes in base58, where upper and lower case are different digits")

// maxSolanaAddress is the length of the longest spelling of 32 bytes in base58.
const maxSolanaAddress = 44

// ParseSolanaAddress reads the address of a Solana wallet: an ed25519 public
// key in base58, of which there is one spelling. Keys of small order are
// refused: anybody can make signatures that fit them, and one of them, 32 ones,
// is the system program's address, which logs may hold where no wallet was
// known. Error: ErrSolanaAddress.
func ParseSolanaAddress(s string) (ed25519.PublicKey, error) {
	if len(s) > maxSolanaAddress {
		return nil, ErrSolanaAddress
	}
	key, err := base58.Decode(s)
	if err != nil || len(key) != ed25519.PublicKeySize || base58.Encode(key) != s || smallOrder(key) {
		return nil, ErrSolanaAddress
	}
	return key, nil
}

// SolanaAddress is how the address of that key is spelled.
func SolanaAddress(key ed25519.PublicKey) string { return base58.Encode(key) }

// smallOrderY are the y coordinates, little-endian, of the eight points of
// curve25519 whose order divides 8, and the two second spellings that fit into
// 255 bits (RFC 8032 lets a decoder take them).
var smallOrderY = [][32]byte{
	{},  // order 4
	{1}, // the neutral element
	{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	}, // order 8
	{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	}, // order 8
	nearPrime(0xec), // p - 1: order 2
	nearPrime(0xed), // p, for 0
	nearPrime(0xee), // p + 1, for 1
}

// nearPrime is 2^255 - 256 + low, little-endian; p is 2^255 - 19.
func nearPrime(low byte) (y [32]byte) {
	for i := range y {
		y[i] = 0xff
	}
	y[0], y[31] = low, 0x7f
	return y
}

func smallOrder(key []byte) bool {
	y := bytes.Clone(key)
	y[31] &= 0x7f // the sign of x
	return slices.Contains(smallOrderY, [32]byte(y))
}
