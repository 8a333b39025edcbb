package ledger

import (
	"errors"
	"time"
)

// PayoutSwitch is the operator's switch for payouts as a whole. The zero value
// is that of a database in which it was never touched: payouts go out.
type PayoutSwitch struct {
	Paused    bool
	Reason    string // for the last change
	ChangedBy string
	ChangedAt time.Time
}

// ErrPaused means that the operator has paused payouts: nothing is signed or
// sent until they are resumed. Record the reason, and acknowledge.
var ErrPaused = errors.New("payouts are paused by the operator")
