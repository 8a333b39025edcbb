package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/api"
)

func TestMinimumVersion(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, c := range []struct {
		minimum, userAgent string
		refused            bool
	}{
		{"", "BlockRun-Worker/1.0 worker-cli/v0.1.0 (linux/amd64)", false},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/v1.1.9 (linux/amd64)", true},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/1.1.9 (linux/amd64)", true},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/v1.2.0-rc.1 (linux/amd64)", true},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/v1.2.0 (linux/amd64)", false},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/v1.10.0 (linux/amd64)", false},
		{"v1.2.0", "worker-cli/v1.1.0", true},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/(devel) (linux/amd64)", false},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/v0.0.0-20261122100000-0123456789ab (linux/amd64)", false},
		{"v1.2.0", "BlockRun-Worker/1.0 worker-cli/v1.1.1-0.20261122100000-0123456789ab+dirty (linux/amd64)", true},
		{"v1.2.0", "BlockRun-Worker/1.0", false}, // another worker
		{"v1.2.0", "my-worker-cli/v0.1.0", false},
		{"v1.2.0", "worker-cli/v1.x", false},
		{"v1.2.0", "", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User-Agent", c.userAgent)
		w := httptest.NewRecorder()
		MinimumVersion(c.minimum, next).ServeHTTP(w, r)
		if !c.refused {
			if w.Code != http.StatusNoContent {
				t.Errorf("%q, %q: status %d", c.minimum, c.userAgent, w.Code)
			}
			continue
		}
		var body api.ErrorBody
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != http.StatusUpgradeRequired || body.MinimumVersion != c.minimum || body.Error == "" {
			t.Errorf("%q, %q: status %d, %s", c.minimum, c.userAgent, w.Code, w.Body)
		}
	}
}
