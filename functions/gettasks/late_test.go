package gettasks

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// stuckStore waits until its caller gives up, and then fails as Spanner's
// client does: with an error of its own.
type stuckStore struct{ find, claim time.Duration }

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errors.New("spanner: code = DeadlineExceeded")
	}
}

func (s stuckStore) FindOffers(ctx context.Context, _ time.Time, _ schedule.Poll, _ int) (schedule.Offers, error) {
	return schedule.Offers{IDs: []string{"t"}}, wait(ctx, s.find)
}

func (s stuckStore) ClaimTasks(ctx context.Context, now time.Time, _ schedule.Poll, _ schedule.Offers, _ int) ([]schedule.Task, error) {
	if age := time.Since(now); age > 0 {
		return nil, errors.New("judged as of earlier")
	}
	return nil, wait(ctx, s.claim)
}

// A poll is answered while its worker still listens, and judged as of when it
// is its turn.
func TestSlowDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		store  stuckStore
		status int
	}{
		"slow":            {stuckStore{3 * time.Second, 3 * time.Second}, 200},
		"finding stuck":   {stuckStore{time.Hour, 0}, 503},
		"claiming stuck":  {stuckStore{0, time.Hour}, 503},
		"both a bit late": {stuckStore{8 * time.Second, 8 * time.Second}, 503},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			h := New(Deps{Store: c.store, Now: time.Now, TasksPerPoll: 10, Log: slog.New(slog.DiscardHandler)})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/worker/tasks?address="+address, nil))
			if w.Code != c.status || time.Since(began) > web.AnswerWithin {
				t.Errorf("%s: %d after %v, want %d within %v", name, w.Code, time.Since(began), c.status, web.AnswerWithin)
			}
		})
	}
}
