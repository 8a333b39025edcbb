package submitresults

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// stuckStore answers when its caller gives up, and not before.
type stuckStore struct{ asked atomic.Int64 }

func (s *stuckStore) CreditResults(ctx context.Context, _ time.Time, _ []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
	s.asked.Add(1)
	<-ctx.Done()
	return nil, nil, ctx.Err()
}

// A worker that waits hears in time that its results are to be sent again; of
// those that wait for others the database is not asked.
func TestACrowdOfBatches(t *testing.T) {
	body := marshal(t, []api.Result{signed(t, 0, "t0")})
	synctest.Test(t, func(t *testing.T) {
		store := &stuckStore{}
		h := New(Deps{Store: store, Publisher: &hints{}, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
		began := time.Now()
		var all sync.WaitGroup
		var early, late atomic.Int64
		for range batchesAtOnce + 3 {
			all.Go(func() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
				if w.Code != 503 || w.Header().Get("Retry-After") == "" {
					t.Errorf("%d %s, want 503 and when to come back", w.Code, w.Body)
				}
				switch time.Since(began) {
				case waitForTurn:
					early.Add(1)
				case web.AnswerWithin:
					late.Add(1)
				}
			})
		}
		all.Wait()
		if early.Load() != 3 || late.Load() != batchesAtOnce || store.asked.Load() != batchesAtOnce {
			t.Errorf("%d answered after %v, %d after %v, and %d asked of the store", early.Load(), waitForTurn, late.Load(), web.AnswerWithin, store.asked.Load())
		}
	})
}
