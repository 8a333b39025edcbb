// Package receipt is what is written on chain about a payout, as the calldata
// of a transaction to the log address (product.md, Payout receipts on chain).
// It is pure.
//
// There are two forms, and Decode reads both. JSON is for people: one object,
// or an array of them. Compact is for cost, at a third of the calldata. Every
// list of receipts has exactly one spelling in each, and Decode takes no other.
package receipt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Receipt says that a payout was paid, by which transfer and for what.
type Receipt struct {
	PayoutID     ledger.PayoutID // names the worker, too
	AmountMicros ledger.Micros
	ResultCount  int64
	ResultsHash  string      // as ledger.ResultsHash makes it: 64 lower-case hex digits
	PayoutTxHash common.Hash // the transaction that holds the Transfer
	TS           int64       // when the transfer was booked, ms since 1970
}

// Worker is who was paid.
func (r Receipt) Worker() common.Address { return r.PayoutID.Worker }

// ErrInvalid means that something is no receipt.
var ErrInvalid = errors.New("receipt: invalid")

// Of is the receipt of a confirmed payout.
func Of(p ledger.Payout) (Receipt, error) {
	if p.State != ledger.Confirmed {
		return Receipt{}, fmt.Errorf("%w: payout %s is %s, not confirmed", ErrInvalid, p.ID, p.State)
	}
	r := Receipt{p.ID, p.Amount, p.ResultCount, p.ResultsHash, p.UsdcTx, p.ConfirmedAt.UnixMilli()}
	return r, r.Check()
}

// Time is TS as a time.
func (r Receipt) Time() time.Time { return time.UnixMilli(r.TS) }

// maxNumber is the largest whole number that every reader of JSON can hold.
const maxNumber = 1<<53 - 1

// Check refuses what cannot be a receipt.
func (r Receipt) Check() error {
	number := func(n int64) bool { return n >= 1 && n <= maxNumber }
	switch {
	case r.PayoutID.Worker == common.Address{}:
		return fmt.Errorf("%w: no worker", ErrInvalid)
	case !number(r.PayoutID.Seq) || !number(int64(r.AmountMicros)) || !number(r.ResultCount) || !number(r.TS):
		return fmt.Errorf("%w: a number is below 1 or above 2^53 - 1: %+v", ErrInvalid, r)
	case r.PayoutTxHash == common.Hash{}:
		return fmt.Errorf("%w: no transfer", ErrInvalid)
	}
	if raw, err := hex.DecodeString(r.ResultsHash); err != nil || len(raw) != 32 || r.ResultsHash != strings.ToLower(r.ResultsHash) {
		return fmt.Errorf("%w: results hash %q is not 64 lower-case hex digits", ErrInvalid, r.ResultsHash)
	}
	return nil
}

// check refuses lists that Encode and Decode must not see: empty ones, and
// those with a payout twice.
func check(rs []Receipt) error {
	if len(rs) == 0 {
		return fmt.Errorf("%w: no receipts", ErrInvalid)
	}
	seen := make(map[ledger.PayoutID]bool, len(rs))
	for _, r := range rs {
		if err := r.Check(); err != nil {
			return err
		}
		if seen[r.PayoutID] {
			return fmt.Errorf("%w: payout %s twice", ErrInvalid, r.PayoutID)
		}
		seen[r.PayoutID] = true
	}
	return nil
}

// MaxCalldata is the most that Decode reads and Encode writes: what nodes
// accept as a transaction is 128 KB.
const MaxCalldata = 120 << 10

// Decode reads the receipts in a transaction's calldata. The error is an
// ErrInvalid for anything but what EncodeJSON or EncodeCompact wrote.
func Decode(calldata []byte) ([]Receipt, error) {
	switch {
	case len(calldata) == 0 || len(calldata) > MaxCalldata:
		return nil, fmt.Errorf("%w: %d bytes", ErrInvalid, len(calldata))
	case calldata[0] == magic[0]:
		return decodeCompact(calldata)
	}
	return decodeJSON(calldata)
}

func bounded(calldata []byte) ([]byte, error) {
	if len(calldata) > MaxCalldata {
		return nil, fmt.Errorf("%w: %d bytes of calldata, at most %d fit a transaction: write fewer receipts at once", ErrInvalid, len(calldata), MaxCalldata)
	}
	return calldata, nil
}
