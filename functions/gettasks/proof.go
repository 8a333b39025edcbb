package gettasks

import (
	"net/http"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// proof is whether the poll was signed with the key of its address, and when
// it says so.
type proof struct {
	Proven bool
	At     time.Time // in UTC, to the millisecond; to be newer than the worker's last one
}

// readProof verifies the poll's proof. A poll without one is unproven, and no
// error: workers of the first protocol send none. One that is there but wrong
// is an api.ProofError, lest a worker believe itself proven. address and region
// are as spelled in the query.
func readProof(r *http.Request, address, region string, now time.Time) (proof, error) {
	p, err := api.ReadPollProof(r.Header.Values)
	if p == nil || err != nil {
		return proof{}, err
	}
	if err := p.Verify(address, region, now); err != nil {
		return proof{}, err
	}
	return proof{Proven: true, At: time.UnixMilli(p.Time).UTC()}, nil
}
