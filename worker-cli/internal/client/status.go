package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// StatusQuery says how much of a worker's history to fetch, as the query of
// api.WorkerStatus does.
type StatusQuery struct {
	Payouts int   // at most; 0 to api.MaxStatusEntries
	Results int   // as well
	Before  int64 // only payouts with lower numbers; 0: from the latest on
}

// Status fetches what the network knows of the worker.
func (c *Client) Status(ctx context.Context, q StatusQuery) (api.WorkerStatus, error) {
	u := c.base.JoinPath(api.StatusPath)
	values := url.Values{"address": {c.address}, "payouts": {strconv.Itoa(q.Payouts)}, "results": {strconv.Itoa(q.Results)}}
	if q.Before > 0 {
		values.Set("before", strconv.FormatInt(q.Before, 10))
	}
	u.RawQuery = values.Encode()
	body, err := c.do(ctx, http.MethodGet, u, http.Header{}, nil)
	if err != nil {
		return api.WorkerStatus{}, err
	}
	var s api.WorkerStatus
	if err := json.Unmarshal(body, &s); err != nil || !strings.EqualFold(s.Address, c.address) || s.Time.IsZero() || !inOrder(s, q.Before) {
		return api.WorkerStatus{}, garbage("the status of "+c.address, body)
	}
	return s, nil
}

// inOrder reports whether the payouts' numbers fall from before on, and go on
// below the last one: so whoever follows NextBefore comes to an end.
func inOrder(s api.WorkerStatus, before int64) bool {
	for _, p := range s.Payouts {
		if p.Seq < 1 || before > 0 && p.Seq >= before {
			return false
		}
		before = p.Seq
	}
	return s.NextBefore == 0 || len(s.Payouts) > 0 && s.NextBefore == before
}
