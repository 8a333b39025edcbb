package resultlog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// ErrCycleTwice means that two results of one task's cycle were accepted: a
// cycle has one winner (product.md).
var ErrCycleTwice = errors.New("the cycle was won twice")

// OneHistory is the time within which two results of one cycle must not both be
// accepted. What was made before a cycle was won is refused after api.MaxAge,
// so what wins a cycle twice does it within that. A database that was restored
// to an earlier hour gives numbers of cycles again, rightly, and a restore takes
// longer.
const OneHistory = api.MaxAge

// Cycles finds cycles that were won twice. It keeps about 40 bytes of each line.
type Cycles struct {
	won map[[16]byte]uint32 // by task, cycle and the OneHistory in which it was accepted; seconds since 1970
}

// NewCycles has seen no line.
func NewCycles() *Cycles { return &Cycles{won: map[[16]byte]uint32{}} }

// Add takes a line, each once, in any order. The error is ErrCycleTwice, of the
// second line that is added.
func (c *Cycles) Add(l Line) error {
	at := l.AcceptedAt.Unix()
	slot := at / int64(OneHistory/time.Second)
	for near := slot - 1; near <= slot+1; near++ {
		before, won := c.won[cycleKey(l, near)]
		if apart := time.Duration(at-int64(before)) * time.Second; won && apart.Abs() <= OneHistory {
			return fmt.Errorf("result %s of payout %s: %w: cycle %d of task %s, accepted %v after another result of it",
				l.ResultID, l.Payout, ErrCycleTwice, l.Cycle, l.Result.TaskID, apart)
		}
	}
	c.won[cycleKey(l, slot)] = uint32(at)
	return nil
}

func cycleKey(l Line, slot int64) [16]byte {
	key := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", l.Cycle, slot, l.Result.TaskID))
	return [16]byte(key[:16])
}
