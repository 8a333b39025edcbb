package recovery

import (
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// Won is a cycle of a task that had a result.
type Won struct {
	Cycle int64
	At    time.Time
}

// Cycles are the cycles that the results of the log have won, by task, in their
// order.
func Cycles(lines []resultlog.InPart) map[string][]Won {
	out := map[string][]Won{}
	for _, l := range lines {
		if l.Lost == nil {
			out[l.Result.TaskID] = append(out[l.Result.TaskID], Won{l.Cycle, l.AcceptedAt})
		}
	}
	for _, all := range out {
		slices.SortFunc(all, func(a, b Won) int { return int(a.Cycle - b.Cycle) })
	}
	return out
}
