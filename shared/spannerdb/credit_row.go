package spannerdb

import (
	"strings"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// creditRow is WorkerCredits as it is read.
type creditRow struct {
	Worker            string
	PendingMicros     int64
	InFlightMicros    int64
	TotalEarnedMicros int64
	TotalPaidMicros   int64
	PayoutSeq         int64
	PendingResults    int64
	LastPayoutAt      spanner.NullTime
	LastPayoutTx      spanner.NullString
}

var creditColumns = []string{"Worker", "PendingMicros", "InFlightMicros", "TotalEarnedMicros", "TotalPaidMicros",
	"PayoutSeq", "PendingResults", "LastPayoutAt", "LastPayoutTx"}

var selectCredits = strings.Join(creditColumns, ", ")

func (r *creditRow) credits() ledger.Credits {
	return ledger.Credits{
		Pending: ledger.Micros(r.PendingMicros), InFlight: ledger.Micros(r.InFlightMicros),
		TotalEarned: ledger.Micros(r.TotalEarnedMicros), TotalPaid: ledger.Micros(r.TotalPaidMicros),
		PayoutSeq: r.PayoutSeq, PendingResults: r.PendingResults,
	}
}

// creditChanges are a worker's books as they are written. The last payout is
// left as it is.
func creditChanges(worker common.Address, c ledger.Credits, now time.Time) map[string]any {
	return map[string]any{
		"Worker": addressText(worker), "PendingMicros": int64(c.Pending), "InFlightMicros": int64(c.InFlight),
		"TotalEarnedMicros": int64(c.TotalEarned), "TotalPaidMicros": int64(c.TotalPaid),
		"PayoutSeq": c.PayoutSeq, "PendingResults": c.PendingResults, "UpdatedAt": now.UTC(),
	}
}
