package processpayout

import (
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Nobody waits longer than a minute until the receipt of a booked payout is
// sent, however few or many payouts there are: with a sweep each minute, blocks
// that are safe after two, and as many payouts as batches have room for.
func TestReceiptsWaitAMinuteAtMost(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opens func(round int) int // payouts opened in that quarter of a minute
	}{
		{"one now and then", func(round int) int {
			if round%11 == 0 {
				return 1
			}
			return 0
		}},
		{"one each half a minute", func(round int) int { return round % 2 }},
		{"a batch each quarter of a minute", func(round int) int { return 2 * max(0, min(1, 20-round)) }},
		{"in bursts", func(round int) int {
			if round%8 == 0 {
				return 10
			}
			return 0
		}},
		{"more at once than four batches hold", func(round int) int {
			if round%16 == 0 {
				return 60
			}
			return 0
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.chain.safeDepth = 8
			w.logPolicy.BatchMin, w.logPolicy.BatchMax = 2, 10 // a tenth of what is usual
			n := int64(0)
			for round := range 60 {
				if round < 36 {
					for range tt.opens(round) {
						n++
						w.open(simWorker(n))
					}
				}
				w.now = w.now.Add(15 * time.Second)
				w.chain.tick(w.now)
				hints := w.queue
				w.queue = nil
				for _, id := range w.store.due(w.now) {
					hints = append(hints, hint.Payout(id))
				}
				if round%4 == 0 {
					hints = append(hints, hint.Receipts())
				}
				w.deliver(hints...)
			}
			var most time.Duration
			for id, p := range w.store.payouts {
				if p.State != ledger.Confirmed || p.ReceiptBatch == nil {
					t.Fatalf("payout %s is %s, without a receipt %t: %s", id, p.State, p.ReceiptBatch == nil, p.Reason)
				}
				most = max(most, w.store.batches[*p.ReceiptBatch].SentAt.Sub(p.ConfirmedAt))
			}
			if most > time.Minute {
				t.Errorf("of %d payouts one waited for %v", n, most)
			}
			t.Logf("%d payouts in %d log transactions; the longest wait was %v", n, len(w.store.batches), most)
		})
	}
}
