package web

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/mod/semver"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// MinimumVersion answers workers that are older than minimum, such as v1.2.0,
// with 426 and an api.ErrorBody that names it; all others are next's. Only
// worker-cli tells its version, in its User-Agent (worker-cli/v1.2.3): other
// workers have versions of their own, and a build that has none, or only that
// of a commit before the first release, is taken for new. Empty is no minimum.
func MinimumVersion(minimum string, next http.Handler) http.Handler {
	if minimum == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version := workerVersion(r.UserAgent())
		if version == "" || semver.Compare(version, minimum) >= 0 {
			next.ServeHTTP(w, r)
			return
		}
		_ = writeJSON(w, http.StatusUpgradeRequired, api.ErrorBody{ // strings can always be encoded
			Error:          fmt.Sprintf("worker-cli %s is too old; the network takes %s and newer", version, minimum),
			MinimumVersion: minimum,
		})
	})
}

var inUserAgent = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^| )worker-cli/(v?[0-9][^ ]{0,63})(?: |$)`) })

// workerVersion is the version that a worker-cli names, or "".
func workerVersion(userAgent string) string {
	m := inUserAgent().FindStringSubmatch(userAgent)
	if m == nil {
		return ""
	}
	version := "v" + strings.TrimPrefix(m[1], "v")
	if !semver.IsValid(version) || strings.HasPrefix(version, "v0.0.0-") {
		return ""
	}
	return version
}
