package schedule

import (
	"cmp"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// Order sorts what a worker of this tier could be given into the order in
// which it is given: the class that its tier stands for first, then the lower
// ones, downwards; then those above it, upwards. So a tier has precedence.
// Within a class, what fewer workers hold goes first. Equals stay as they were.
func Order(tier reputation.Tier, tasks []*Task, now time.Time) {
	own := tier.Rank()
	slices.SortStableFunc(tasks, func(a, b *Task) int {
		return cmp.Or(
			cmp.Compare(preference(own, a.Class), preference(own, b.Class)),
			cmp.Compare(len(a.live(now)), len(b.live(now))),
		)
	})
}

func preference(own int, c Class) int {
	if r := c.rank(); r > own {
		return r
	}
	return own - c.rank()
}

// rank is the tier that a class stands for: standard 0 (bronze) to enterprise
// 3 (platinum). An unknown class counts as standard.
func (c Class) rank() int {
	return max(0, slices.Index([]Class{Standard, Priority, HighValue, Enterprise}, c))
}

// ClassOf is the class that a tier stands for.
func ClassOf(tier reputation.Tier) Class {
	return []Class{Standard, Priority, HighValue, Enterprise}[tier.Rank()]
}
