package refreshreputation

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

func callOf(t *testing.T, h http.Handler) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
	if rec.Code != http.StatusOK {
		t.Errorf("answer %d %s", rec.Code, rec.Body)
	}
}

// readStandings also finds that days add up to the lifetime total.
func readStandings(t *testing.T, database string, into map[string]reputation.Standing) error {
	stmt := spanner.Statement{SQL: `SELECT Wallet, TotalPaidNano, Tier,
  (SELECT CAST(LEAST(9223372036854775807, IFNULL(SUM(CAST(d.Nano AS NUMERIC)), 0)) AS INT64) FROM WalletSpendDays AS d WHERE d.Wallet = r.Wallet) FROM WalletReputation AS r`}
	return spannertest.Client(t, database).Single().Query(t.Context(), stmt).Do(func(row *spanner.Row) error {
		var s reputation.Standing
		var total, days int64
		var tier string
		err := row.Columns(&s.Wallet, &total, &tier, &days)
		if total != days {
			t.Errorf("%s: days %d, lifetime %d", s.Wallet, days, total)
		}
		s.Total, s.Tier = reputation.NanoUSD(total), reputation.Tier(tier)
		into[s.Wallet] = s
		return err
	})
}
