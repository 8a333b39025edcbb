package network

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What replaces a part is tried before it is relied on.
func TestCheckFacilitator(t *testing.T) {
	answers := func(body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		t.Cleanup(s.Close)
		return s.URL
	}
	for name, c := range map[string]struct{ url, want string }{
		"settles here":   {answers(`{"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:84532"}]}`), ""},
		"elsewhere":      {answers(`{"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:8453"}]}`), "on eip155:84532"},
		"version 1 only": {answers(`{"kinds":[{"x402Version":1,"scheme":"exact","network":"eip155:84532"}]}`), "version 2"},
		"something else": {answers(`<html>`), "/supported"},
		"nobody":         {"http://127.0.0.1:1", "unset the variable"},
		"no URL":         {"facilitator", "X402_FACILITATOR_URL: "},
	} {
		err := checkFacilitator(t.Context(), func(name string) string {
			if name == "X402_FACILITATOR_URL" {
				return c.url
			}
			return ""
		}, 84532)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestDistinctPorts(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, ""},
		{Options{Port: 8080, RPCPort: 8545}, ""},
		{Options{Port: 8080, RPCPort: 8080}, "--port and --rpc-port are both 8080"},
		{Options{Port: 1, RPCPort: 2, FacilitatorPort: 2}, "--rpc-port and --facilitator-port are both 2"},
	} {
		if err := distinctPorts(c.o); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}
