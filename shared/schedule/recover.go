package schedule

import "time"

// Won closes a cycle that was won at that time, when the task has not come so
// far: its database was restored to an earlier hour. So the cycle is not given
// again, and its window counts as delivered. Cycles are told in their order. It
// reports whether anything changed.
func (t *Task) Won(cycle int64, at time.Time) bool {
	if cycle < t.Cycle {
		return false
	}
	t.Cycle = cycle
	t.win(at)
	return true
}
