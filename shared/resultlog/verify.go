package resultlog

import (
	"errors"
	"fmt"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ErrFalse means that a line contradicts itself: what it says was not signed
// by that worker, or could not have been accepted so.
var ErrFalse = errors.New("the line contradicts itself")

// Verify checks what a line proves by itself: the worker's signature over the
// result, the result's id over all that the worker sent, that the payout is
// that worker's, and that the result was accepted within the time that the
// protocol allows. Every error is an ErrFalse.
//
// The reward is the operator's word: the log holds neither the task's price
// nor the wallet's tier. Nor does the signature cover responseTimeMs,
// statusCode, error, errorClass and timings (protocol.md); the id does, and
// with it the payout's resultsHash.
func Verify(l Line) error {
	if l.Lost != nil {
		return nil // there is nobody's signature; whether the payout was made, the chain says
	}
	v := api.Verify(l.Result)
	if v.Code != "" {
		return fmt.Errorf("result %s: %w: %s", l.ResultID, ErrFalse, v.Detail)
	}
	if id := api.ResultID(l.Result); id != l.ResultID {
		return fmt.Errorf("result %s: %w: the id of these fields is %s", l.ResultID, ErrFalse, id)
	}
	if v.Address != l.Payout.Worker {
		return fmt.Errorf("result %s: %w: worker %s signed it, and payout %s collects it",
			l.ResultID, ErrFalse, ledger.CanonicalAddress(v.Address), l.Payout)
	}
	age := l.AcceptedAt.UnixMilli() - l.Result.Timestamp
	if age > api.MaxAge.Milliseconds() || -age > api.MaxAhead.Milliseconds() {
		return fmt.Errorf("result %s: %w: accepted %d ms after it was made", l.ResultID, ErrFalse, age)
	}
	return nil
}
