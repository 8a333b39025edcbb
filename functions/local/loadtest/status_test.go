package loadtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// A network that was running before tells each worker's account, and no more.
func TestStatusBooks(t *testing.T) {
	worker := common.Address{7}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.StatusPath || r.URL.Query().Get("address") != worker.Hex() {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(api.WorkerStatus{Pending: api.Amount{Micros: 1}, InFlight: api.Amount{Micros: 2}, Paid: api.Amount{Micros: 3}, Earned: api.Amount{Micros: 6}})
	}))
	defer server.Close()
	b := statusBooks{base: server.URL, http: newHTTP(1)}
	a, err := b.account(t.Context(), worker)
	if want := (ledger.Credits{Pending: 1, InFlight: 2, TotalPaid: 3, TotalEarned: 6}); err != nil || a.credits != want || a.results != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := b.account(t.Context(), common.Address{8}); err == nil {
		t.Error("a status of 404 is an account")
	}
	if all, err := b.books(t.Context()); all != nil || err != nil {
		t.Errorf("%+v, %v", all, err)
	}
}
