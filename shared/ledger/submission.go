package ledger

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// SubmittedResult is a result whose fields and signature have been found
// good. Whether it is credited is still to be judged.
type SubmittedResult struct {
	Worker   common.Address // who signed it; equal to Result.WorkerAddress in any spelling
	TaskID   string         // Result.TaskID
	At       time.Time      // Result.Timestamp
	Result   api.Result     // as signed
	ResultID string         // api.ResultID(Result)
}

// JudgedResult is what became of a submitted result.
type JudgedResult struct {
	Status   api.Status
	Code     api.Code // empty when accepted
	Reward   Micros   // credited, multiplier included; 0 unless accepted
	ResultID string   // of an accepted result, or of one that was before; else empty
	Credited Micros   // with which this very result was credited before; 0 if it was not
}
