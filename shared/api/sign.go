package api

import (
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// SignatureLen is the length of a signature in bytes: r, s, v.
const SignatureLen = 65

// Sign puts the worker's signature on r. r.WorkerAddress must be the key's
// address, in any spelling that ParseAddress takes: another one is refused
// here, because it would be rejected later.
func Sign(r *Result, key *ecdsa.PrivateKey) error {
	worker, err := ParseAddress(r.WorkerAddress)
	if err != nil {
		return fmt.Errorf("api: sign result of task %q: workerAddress %q: %w", r.TaskID, r.WorkerAddress, err)
	}
	if own := crypto.PubkeyToAddress(key.PublicKey); own != worker {
		return fmt.Errorf("api: sign result of task %q: workerAddress is %s, but the key's address is %s", r.TaskID, r.WorkerAddress, own)
	}
	sig, err := PersonalSign(Message(*r), key)
	if err != nil {
		return fmt.Errorf("api: sign result of task %q: %w", r.TaskID, err)
	}
	r.Signature = sig
	return nil
}

// PersonalHash is the digest that personal_sign signs (EIP-191, version 0x45):
// keccak256 of 0x19, "Ethereum Signed Message:\n", the message's length in
// bytes in decimal, and the message.
func PersonalHash(message []byte) common.Hash {
	var prefix [48]byte
	p := append(prefix[:0], "\x19Ethereum Signed Message:\n"...)
	p = strconv.AppendInt(p, int64(len(message)), 10)
	return crypto.Keccak256Hash(p, message)
}

// PersonalSign signs message as personal_sign does: 0x and 130 hex digits, low
// s, v 27 or 28. The nonce is RFC 6979's, so that the same key and message
// give the same signature.
func PersonalSign(message []byte, key *ecdsa.PrivateKey) (string, error) {
	hash := PersonalHash(message)
	sig, err := crypto.Sign(hash[:], key)
	if err != nil {
		return "", err
	}
	sig[64] += 27
	return "0x" + hex.EncodeToString(sig), nil
}
