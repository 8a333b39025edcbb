package schedule

import (
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// Verdict is the judgement of one result.
type Verdict struct {
	Status api.Status
	Code   api.Code // empty when accepted
}

// Judge decides on a result whose fields and signature are already known to
// be good. at is its timestamp; task and held are nil when there is none;
// stored says that a result with the same task, worker and timestamp was
// accepted before. An accepted result wins the cycle: Judge changes task and
// held in place, and the caller stores both in the same transaction.
func Judge(at, now time.Time, task *Task, held *Assignment, stored bool) Verdict {
	reject := func(c api.Code) Verdict { return Verdict{api.Rejected, c} }
	switch {
	case task == nil:
		return reject(api.UnknownTask)
	case stored:
		return reject(api.AlreadySubmitted)
	case now.Sub(at) > api.MaxAge:
		return reject(api.Stale)
	case at.Sub(now) > api.MaxAhead:
		return reject(api.Future)
	case held == nil:
		return reject(api.NotAssigned)
	case !held.ResultAt.IsZero() && !at.After(held.ResultAt):
		return reject(api.AlreadySubmitted)
	case at.Before(held.AssignedAt.Add(-api.MaxAhead)):
		// Made before the task was handed out; a worker's clock may be slow by as
		// much as it may be fast.
		return reject(api.NotAssigned)
	}
	held.ResultAt = at
	if held.Cycle != task.Cycle {
		return Verdict{api.Discarded, api.CycleWon}
	}
	task.win(now)
	return Verdict{Status: api.Accepted}
}
