package receipt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// The JSON form: what JavaScript's JSON.stringify makes of these fields in this
// order, without spaces.
type wire struct {
	V            int    `json:"v"`    // 1
	Type         string `json:"type"` // "worker_payout"
	Worker       string `json:"worker"`
	AmountMicros int64  `json:"amountMicros"`
	ResultCount  int64  `json:"resultCount"`
	ResultsHash  string `json:"resultsHash"`
	PayoutID     string `json:"payoutId"`     // worker, hyphen, number
	PayoutTxHash string `json:"payoutTxHash"` // 0x + 64 lower-case hex
	TS           int64  `json:"ts"`           // ms
}

const (
	version  = 1
	wireType = "worker_payout"
)

// EncodeJSON writes one receipt as an object, several as an array.
func EncodeJSON(rs []Receipt) ([]byte, error) {
	if err := check(rs); err != nil {
		return nil, err
	}
	return encodeJSON(rs, len(rs) > 1)
}

func encodeJSON(rs []Receipt, array bool) ([]byte, error) {
	out := make([]wire, len(rs))
	for i, r := range rs {
		out[i] = wire{
			version, wireType, ledger.CanonicalAddress(r.Worker()), int64(r.AmountMicros), r.ResultCount,
			r.ResultsHash, r.PayoutID.String(), strings.ToLower(r.PayoutTxHash.Hex()), r.TS,
		}
	}
	var v any = out
	if !array {
		v = out[0]
	}
	calldata, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("receipt: encode: %w", err)
	}
	return bounded(calldata)
}

// decodeJSON takes only what encodeJSON would write: so fields that are
// missing, double, unknown or spelled otherwise are all refused at once.
func decodeJSON(calldata []byte) ([]Receipt, error) {
	array := calldata[0] == '['
	var in []wire
	var err error
	if array {
		err = json.Unmarshal(calldata, &in)
	} else {
		in = make([]wire, 1)
		err = json.Unmarshal(calldata, &in[0])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	rs := make([]Receipt, len(in))
	for i, w := range in {
		id, err := ledger.ParsePayoutID(w.PayoutID)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		rs[i] = Receipt{id, ledger.Micros(w.AmountMicros), w.ResultCount, w.ResultsHash, common.HexToHash(w.PayoutTxHash), w.TS}
	}
	if err := check(rs); err != nil {
		return nil, err
	}
	if again, err := encodeJSON(rs, array); err != nil || !bytes.Equal(again, calldata) {
		return nil, fmt.Errorf("%w: not spelled as this version writes it", ErrInvalid)
	}
	return rs, nil
}
