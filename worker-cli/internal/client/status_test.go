package client

import (
	"net/http"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/api"
)

func TestStatus(t *testing.T) {
	const head = `{"address":"` + address + `","chainId":84532,"time":"2026-10-20T12:00:00Z",`
	for _, c := range []struct {
		query StatusQuery
		sent  string
	}{
		{StatusQuery{Payouts: 3, Results: 5}, "address=" + address + "&payouts=3&results=5"},
		{StatusQuery{Payouts: 100, Before: 8}, "address=" + address + "&before=8&payouts=100&results=0"},
	} {
		s, err := to(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" || r.URL.Path != "/api/v1/worker/status" || r.URL.RawQuery != c.sent {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			says(200, head+`"pending":{"micros":240,"usd":"0.000240"},"payouts":[{"seq":7,"state":"new"},{"seq":3}],"nextBefore":3,"later":{}}`)(w, r)
		}).Status(t.Context(), c.query)
		if err != nil || s.ChainID != 84532 || s.Pending.Micros != 240 || len(s.Payouts) != 2 || s.Payouts[0].State != api.PayoutState("new") || s.NextBefore != 3 {
			t.Errorf("%+v, %v", s, err)
		}
	}
	for name, body := range map[string]string{
		"not JSON":               "<html>",
		"null":                   "null",
		"a list":                 "[]",
		"no address":             "{}",
		"another's":              strings.Replace(head, "0xf3", "0xe3", 1) + `"tier":"gold"}`,
		"no time":                `{"address":"` + address + `"}`,
		"money as text":          head + `"pending":"0.000240"}`,
		"money as a fraction":    head + `"pending":{"micros":0.5}}`,
		"a payout twice":         head + `"payouts":[{"seq":7},{"seq":7}]}`,
		"payouts upside down":    head + `"payouts":[{"seq":3},{"seq":7}]}`,
		"a payout without one":   head + `"payouts":[{"seq":0}]}`,
		"a page that came":       head + `"payouts":[{"seq":8}]}`,
		"the same page for ever": head + `"payouts":[{"seq":7}],"nextBefore":8}`,
		"more after nothing":     head + `"payouts":[],"nextBefore":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := to(t, says(200, body)).Status(t.Context(), StatusQuery{Payouts: 9, Before: 8})
			check(t, err, 0, "is not the status of "+address)
		})
	}
	_, err := to(t, says(500, `{"error":"database is away"}`)).Status(t.Context(), StatusQuery{})
	check(t, err, 500, "database is away")
}
