package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var now = time.Date(2026, 8, 3, 12, 0, 0, 0, time.UTC)

// store holds due payouts, and a count of receipts.
type store struct {
	payouts            []ledger.PayoutID
	receipts           int64
	oldest             time.Time
	failDue, failCount error
	exported           Exported
	failExport         error
}

// exporter is what became of a store's results.
type exporter struct{ *store }

func (e exporter) Export(context.Context) (Exported, error) { return e.exported, e.failExport }

func (s *store) DuePayouts(_ context.Context, _ time.Time, limit int) ([]ledger.PayoutID, error) {
	return s.payouts[:min(limit, len(s.payouts))], s.failDue
}

func (s *store) ReceiptsDue(context.Context, time.Time) (int64, time.Time, error) {
	return s.receipts, s.oldest, s.failCount
}

// topic counts hints by their text; those in refuse are not taken.
type topic struct {
	mu     sync.Mutex
	taken  map[string]int
	refuse map[string]bool
}

func (p *topic) Publish(_ context.Context, hints ...hint.Hint) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, h := range hints {
		if p.refuse[h.String()] {
			errs = append(errs, errors.New("not taken: "+h.String()))
			continue
		}
		p.taken[h.String()]++
	}
	return errors.Join(errs...)
}

func payouts(n int64) []ledger.PayoutID {
	ids := make([]ledger.PayoutID, n)
	for i := range ids {
		ids[i] = ledger.PayoutID{Worker: common.HexToAddress("0xaa"), Seq: int64(i) + 1}
	}
	return ids
}

func call(t *testing.T, s *store, p *topic) (int, Summary) {
	t.Helper()
	h := New(Deps{Store: s, Publisher: p, Exporter: exporter{s}, Now: func() time.Time { return now }, Limit: 5, Log: slog.New(slog.DiscardHandler)})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
	var sum Summary
	if err := json.Unmarshal(rec.Body.Bytes(), &sum); err != nil {
		t.Fatalf("answer %q: %v", rec.Body, err)
	}
	return rec.Code, sum
}

func newTopic() *topic { return &topic{taken: map[string]int{}, refuse: map[string]bool{}} }

func TestSweep(t *testing.T) {
	tests := []struct {
		name  string
		store store
		want  Summary
	}{
		{"nothing due", store{}, Summary{}},
		{"some due", store{payouts: payouts(3)}, Summary{Payouts: 3}},
		{"more than one sweep takes", store{payouts: payouts(9)}, Summary{Payouts: 5, More: true}},
		{"results exported", store{exported: Exported{Parts: 1, Results: 9, More: true}}, Summary{ResultLog: Exported{Parts: 1, Results: 9, More: true}}},
		{"receipts due", store{receipts: 7, oldest: now.Add(-90 * time.Second)}, Summary{Receipts: 7, OldestReceiptSeconds: 90}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newTopic()
			code, sum := call(t, &tt.store, p)
			if code != http.StatusOK || sum != tt.want {
				t.Errorf("answer %d %+v, want 200 %+v", code, sum, tt.want)
			}
			want := map[string]int{"receipts": 1}
			for _, id := range tt.store.payouts[:min(5, len(tt.store.payouts))] {
				want[id.String()] = 1
			}
			if !maps.Equal(p.taken, want) {
				t.Errorf("published %v, want %v", p.taken, want)
			}
		})
	}
}

func TestSweepFails(t *testing.T) {
	lost := errors.New("connection lost")
	t.Run("one hint is not taken", func(t *testing.T) {
		p, s := newTopic(), &store{payouts: payouts(3)}
		second := s.payouts[1].String()
		p.refuse[second] = true
		if code, _ := call(t, s, p); code != http.StatusInternalServerError {
			t.Errorf("answer %d, want 500", code)
		}
		if p.taken[s.payouts[0].String()] != 1 || p.taken[s.payouts[2].String()] != 1 || p.taken["receipts"] != 1 {
			t.Errorf("its neighbours were not published: %v", p.taken)
		}
		delete(p.refuse, second)
		if code, _ := call(t, s, p); code != http.StatusOK || p.taken[second] != 1 {
			t.Errorf("the next sweep answered %d and published %v", code, p.taken)
		}
	})
	t.Run("payouts not readable", func(t *testing.T) {
		p := newTopic()
		if code, _ := call(t, &store{failDue: lost}, p); code != http.StatusInternalServerError || p.taken["receipts"] != 1 {
			t.Errorf("answer %d, published %v; want 500, and receipts all the same", code, p.taken)
		}
	})
	t.Run("receipts not countable", func(t *testing.T) {
		p := newTopic()
		if code, _ := call(t, &store{payouts: payouts(1), failCount: lost}, p); code != http.StatusInternalServerError || len(p.taken) != 2 {
			t.Errorf("answer %d, published %v; want 500, and both hints", code, p.taken)
		}
	})
	t.Run("results not exported", func(t *testing.T) {
		p := newTopic()
		if code, _ := call(t, &store{payouts: payouts(1), failExport: lost}, p); code != http.StatusInternalServerError || len(p.taken) != 2 {
			t.Errorf("answer %d, published %v; want 500, and both hints", code, p.taken)
		}
	})
}

// Ten at once publish ten hints for the same work, which is harmless, and
// leave out none.
func TestTenAtOnce(t *testing.T) {
	p, s := newTopic(), &store{payouts: payouts(5)}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if code, sum := call(t, s, p); code != http.StatusOK || sum.Payouts != 5 {
				t.Errorf("answer %d %+v", code, sum)
			}
		})
	}
	all.Wait()
	if len(p.taken) != 6 || slices.ContainsFunc(slices.Collect(maps.Values(p.taken)), func(n int) bool { return n != 10 }) {
		t.Errorf("published %v, want six hints ten times each", p.taken)
	}
}
