package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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

// PayoutState is where a payout stands. Only these moves exist:
//
//	pending -> authorised -> unknown <-> settled -> confirmed
//	                      -> settled
//	pending, authorised, unknown -> failed (the nonce is known dead, or nothing was ever signed)
//	failed -> pending (an operator requeues it; same nonce)
type PayoutState string

// The states of a payout.
const (
	Pending    PayoutState = "pending"    // opened; nothing signed
	Authorised PayoutState = "authorised" // signed payload stored; perhaps sent
	Unknown    PayoutState = "unknown"    // sent, without a definite answer
	Settled    PayoutState = "settled"    // the transfer is on chain, in a block that is not safe yet
	Confirmed  PayoutState = "confirmed"  // the transfer is in a safe block and booked
	Failed     PayoutState = "failed"     // will not be paid; Reason says why; credit stays in flight
)

// Final reports whether ProcessPayout has nothing more to do.
func (s PayoutState) Final() bool { return s == Confirmed || s == Failed }

// Payout is one row of the payout table. Fields after Nonce are filled in as
// the payout moves on.
type Payout struct {
	ID          PayoutID
	Amount      Micros
	ResultCount int64
	ChainID     int64
	Token       common.Address
	Treasury    common.Address
	Nonce       common.Hash
	CreatedAt   time.Time

	State           PayoutState
	Reason          string // why it waits or failed; shown to the worker
	ResultsHash     string // hex; empty until authorised
	ValidBefore     int64  // unix seconds, of the stored authorization
	Signature       []byte // 65 bytes, of the stored authorization. A cheque: never log it
	AuthorizedBlock uint64 // chain head when first signed
	Attempts        int64
	WorkAt          time.Time // zero: nothing to do

	UsdcTx      common.Hash // its receipt holds the Transfer
	UsdcBlock   uint64
	ConfirmedAt time.Time
	LogTx       common.Hash // holds its receipt, in a safe block
}
