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

// KnownPart is what the books know of a file of the result log.
type KnownPart int

// A file is unknown unless it is one of these.
const (
	OwnPart       KnownPart = iota + 1 // the books wrote it, or will
	RecoveredPart                      // of the lost time, and they have been told of all of it
)
