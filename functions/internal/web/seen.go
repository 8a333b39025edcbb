package web

import (
	"net"
	"net/http"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// seenFrom is the value of api.SeenFromHeader. Which of X-Forwarded-For's
// addresses is the caller's depends on what stands in front; so all of them are
// told, for it knows what is not its own. What a caller has put there itself it
// is told back, and nobody else.
func seenFrom(r *http.Request) string {
	list := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		list += "," + host
	}
	var out []string
	for _, a := range api.PublicAddrs(list) {
		out = append(out, a.String())
	}
	return strings.Join(out, ",")
}
