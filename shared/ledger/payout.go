package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// PayoutID names a payout for ever: the worker and that worker's payout
// number, from 1. It is the same again after a database was restored to an
// earlier hour (payments.md, rule 2).
type PayoutID struct {
	Worker common.Address
	Seq    int64
}

// String is the id as it stands on chain and in messages:
// the lower-case address, a hyphen, the number: "0xab...cd-17".
func (id PayoutID) String() string {
	return CanonicalAddress(id.Worker) + "-" + strconv.FormatInt(id.Seq, 10)
}

// ParsePayoutID reads what String writes, and nothing else.
func ParsePayoutID(s string) (PayoutID, error) {
	addr, num, ok := strings.Cut(s, "-")
	seq, err := strconv.ParseInt(num, 10, 64)
	if !ok || err != nil || seq < 1 || len(addr) != 42 || !common.IsHexAddress(addr) {
		return PayoutID{}, fmt.Errorf("ledger: %q is no payout id (0x + 40 hex, -, number)", s)
	}
	id := PayoutID{Worker: common.HexToAddress(addr), Seq: seq}
	if id.String() != s {
		return PayoutID{}, fmt.Errorf("ledger: payout id %q is not in its canonical form %q", s, id)
	}
	return id, nil
}

// CanonicalAddress is the one spelling under which an address is stored and
// compared: 0x and 40 lower-case hex digits.
func CanonicalAddress(a common.Address) string {
	return "0x" + hex.EncodeToString(a[:])
}

const nonceTag = "blockrun.worker-payout.v1"

// PayoutNonce is the EIP-3009 nonce of a payout:
// keccak256(tag, chainId, treasury, worker, sequence), with the tag in ASCII,
// chainId and sequence as 32-byte big-endian numbers and the addresses as 20
// bytes each. It depends on nothing else, so every signature ever made for
// the payout can be executed once in all.
func PayoutNonce(chainID int64, treasury common.Address, id PayoutID) common.Hash {
	var n [64]byte
	binary.BigEndian.PutUint64(n[24:32], uint64(chainID))
	binary.BigEndian.PutUint64(n[56:64], uint64(id.Seq))
	return crypto.Keccak256Hash([]byte(nonceTag), n[:32], treasury[:], id.Worker[:], n[32:])
}

// ResultsHash is SHA-256 over the ids, sorted, joined with ",", in lower-case
// hex (product.md, Tables). It leaves ids as they are.
func ResultsHash(ids []string) string {
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	sum := sha256.Sum256([]byte(strings.Join(sorted, ",")))
	return hex.EncodeToString(sum[:])
}
