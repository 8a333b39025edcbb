package receipt

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// The compact form, field by field. A varint is an unsigned LEB128 (as in
// protobuf and WebAssembly): seven bits a byte, the lowest first, the highest
// bit set on all but the last byte, and no more bytes than needed.
//
//	bytes    field
//	3        magic: b7 57 50. JSON is UTF-8, which never begins with b7
//	1        version: 01
//	varint   n, the number of receipts, at least 1
//	varint   base: the earliest ts of them, ms since 1970
//	then n times:
//	20         worker
//	varint     seq: the payout's number; payoutId is worker, "-", seq
//	varint     amountMicros
//	varint     resultCount
//	32         resultsHash
//	32         payoutTxHash
//	varint     ts - base, ms
//
// Nothing follows. Calldata costs 40 gas for a byte that is not zero, and of a
// receipt the worker and the two hashes alone are 84 bytes; fields of fixed
// width would end above 4,000 gas once their numbers grow.
var magic = [4]byte{0xb7, 'W', 'P', 1}

// A receipt has at least this many bytes.
const minCompact = 20 + 32 + 32 + 4

// EncodeCompact writes receipts in the compact form.
func EncodeCompact(rs []Receipt) ([]byte, error) {
	if err := check(rs); err != nil {
		return nil, err
	}
	base := rs[0].TS
	for _, r := range rs {
		base = min(base, r.TS)
	}
	out := binary.AppendUvarint(magic[:], uint64(len(rs)))
	out = binary.AppendUvarint(out, uint64(base))
	for _, r := range rs {
		results, err := hex.DecodeString(r.ResultsHash)
		if err != nil {
			return nil, fmt.Errorf("%w: results hash: %w", ErrInvalid, err)
		}
		worker := r.Worker()
		out = append(out, worker[:]...)
		out = binary.AppendUvarint(out, uint64(r.PayoutID.Seq))
		out = binary.AppendUvarint(out, uint64(r.AmountMicros))
		out = binary.AppendUvarint(out, uint64(r.ResultCount))
		out = append(out, results...)
		out = append(out, r.PayoutTxHash[:]...)
		out = binary.AppendUvarint(out, uint64(r.TS-base))
	}
	return bounded(out)
}

func decodeCompact(calldata []byte) ([]Receipt, error) {
	in := reader{rest: calldata}
	if head := [4]byte(in.take(4)); head != magic {
		return nil, fmt.Errorf("%w: begins with %x, not %x: another version?", ErrInvalid, head, magic)
	}
	n, base := in.number(), in.number()
	if n < 1 || n > int64(len(in.rest)/minCompact) {
		return nil, fmt.Errorf("%w: %d receipts in %d bytes", ErrInvalid, n, len(in.rest))
	}
	rs := make([]Receipt, n)
	for i := range rs {
		rs[i] = Receipt{
			PayoutID:     ledger.PayoutID{Worker: common.Address(in.take(20)), Seq: in.number()},
			AmountMicros: ledger.Micros(in.number()),
			ResultCount:  in.number(),
			ResultsHash:  hex.EncodeToString(in.take(32)),
			PayoutTxHash: common.Hash(in.take(32)),
			TS:           base + in.number(),
		}
	}
	if in.bad || len(in.rest) > 0 {
		return nil, fmt.Errorf("%w: cut short, too long, or a number of more than 53 bits", ErrInvalid)
	}
	// Whatever else is amiss (longer varints than needed, another base) comes out otherwise.
	if again, err := EncodeCompact(rs); err != nil {
		return nil, err
	} else if !bytes.Equal(again, calldata) {
		return nil, fmt.Errorf("%w: not spelled as this version writes it", ErrInvalid)
	}
	return rs, nil
}

// reader takes fields off the front. Once it is bad it stays so and yields zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.rest) < n {
		r.bad = true
		return make([]byte, n)
	}
	field := r.rest[:n]
	r.rest = r.rest[n:]
	return field
}

func (r *reader) number() int64 {
	n, size := binary.Uvarint(r.rest)
	if r.bad || size <= 0 || n > maxNumber {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return int64(n)
}
