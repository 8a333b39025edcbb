package schedule

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// Poll is what a worker says of itself when it asks for tasks.
type Poll struct {
	Worker   common.Address
	Region   string
	ProvenAt time.Time // when it signed the poll; zero: it did not, so anybody may have sent it
}

// Offers are ids of tasks that a poll may be given.
type Offers struct {
	Held []string // the worker has them in hand, and no result came: it is given them once more
	IDs  []string // in the order in which they are offered
}

// Worker is what is known of a worker when it polls.
type Worker struct {
	Address  common.Address
	Tier     reputation.Tier
	Region   string
	Proven   bool // this poll is signed with its key
	Backup   bool // one of the operator's, for windows at risk only
	Standing *Standing
}

// Kind is the kind of slot that it takes.
func (w *Worker) Kind() SlotKind {
	switch {
	case w.Backup:
		return BackupSlot
	case w.Trusted():
		return TrustedSlot
	}
	return UntrustedSlot
}

// Trusted says that it is who it says, and delivers what it takes. A key alone
// is no reason: anybody can make a thousand.
func (w *Worker) Trusted() bool { return w.Proven && w.Standing.Reliable() }

// Room is how many tasks more it may be given now.
func (w *Worker) Room(now time.Time) int {
	held := len(w.Standing.Open)
	switch {
	case w.Backup && w.Proven:
		return MaxOpen - held
	case w.Backup: // somebody else in a backup's name would leave windows to be missed
		return 0
	case w.Standing.RestUntil().After(now):
		return 0
	}
	return w.Standing.allowance(w.Proven) - held
}
