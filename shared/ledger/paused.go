package ledger

import (
	"errors"
	"strings"
	"time"
)

// PayoutSwitch is the operator's switch for payouts as a whole. The zero value
// is that of a database in which it was never touched: payouts go out.
type PayoutSwitch struct {
	Paused    bool
	Reason    string // of a pause, each that was given
	ChangedBy string
	ChangedAt time.Time
}

// Set is the switch once somebody has paused or resumed payouts, and whether
// that changes anything. To pause what is paused changes neither since when nor
// by whom; a reason that is not there yet is added, with the name of who gives
// it: who resumes has to see all that there are.
func (s PayoutSwitch) Set(paused bool, reason, by string, now time.Time) (PayoutSwitch, bool) {
	if paused != s.Paused {
		return PayoutSwitch{Paused: paused, Reason: reason, ChangedBy: by, ChangedAt: now}, true
	}
	there := func(r string) bool { return strings.Contains(reasonEnd+s.Reason+reasonEnd, reasonEnd+r+reasonEnd) }
	added := by + ": " + reason
	if !paused || reason == "" || there(reason) || there(added) {
		return s, false
	}
	if s.Reason != "" {
		added = s.Reason + reasonEnd + added
	}
	s.Reason = added
	return s, true
}

// reasonEnd stands between two reasons.
const reasonEnd = "; "

// ErrPaused means that the operator has paused payouts: nothing is signed or
// sent until they are resumed. Record the reason, and acknowledge.
var ErrPaused = errors.New("payouts are paused by the operator")
