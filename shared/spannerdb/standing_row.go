package spannerdb

import (
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// standingRow is WorkerStandings as it is read.
type standingRow struct {
	Worker    string
	OpenTasks []string
	OpenUntil []time.Time
	Outcomes  int64
	Recent    int64
	LostAt    spanner.NullTime
	RestUntil spanner.NullTime
	Reliable  bool
	ProvenAt  spanner.NullTime
	PolledIn  spanner.NullTime
	Polls     int64
}

// selectStandings is a column of the standings of @workers.
var selectStandings = "ARRAY(SELECT AS STRUCT " + strings.Join([]string{"Worker", "OpenTasks", "OpenUntil", "Outcomes", "Recent",
	"LostAt", "RestUntil", "Reliable", "ProvenAt", "PolledIn", "Polls"}, ", ") + " FROM WorkerStandings WHERE Worker IN UNNEST(@workers)) AS Standings"

func (r *standingRow) standing() (*schedule.Standing, error) {
	if len(r.OpenTasks) != len(r.OpenUntil) {
		return nil, fmt.Errorf("spannerdb: worker %s has %d open assignments and %d times at which they end", r.Worker, len(r.OpenTasks), len(r.OpenUntil))
	}
	s := &schedule.Standing{
		Outcomes: int(r.Outcomes), Recent: r.Recent, LostAt: timeOf(r.LostAt),
		ProvenAt: timeOf(r.ProvenAt), Minute: timeOf(r.PolledIn), Polls: int(r.Polls),
	}
	for i, id := range r.OpenTasks {
		s.Open = append(s.Open, schedule.Hold{TaskID: id, ExpiresAt: r.OpenUntil[i].UTC()})
	}
	return s, nil
}

// standingOf is one worker's standing; that of a newcomer when none is known.
func standingOf(rows []*standingRow) (*schedule.Standing, error) {
	if len(rows) == 0 {
		return &schedule.Standing{}, nil
	}
	return rows[0].standing()
}

func putWorkerStanding(worker common.Address, s *schedule.Standing, now time.Time) *spanner.Mutation {
	tasks, until := make([]string, len(s.Open)), make([]time.Time, len(s.Open))
	for i, h := range s.Open {
		tasks[i], until[i] = h.TaskID, h.ExpiresAt.UTC()
	}
	return spanner.InsertOrUpdateMap("WorkerStandings", map[string]any{
		"Worker": addressText(worker), "OpenTasks": tasks, "OpenUntil": until,
		"Outcomes": int64(s.Outcomes), "Recent": s.Recent, "LostAt": nullTime(s.LostAt), "RestUntil": nullTime(s.RestUntil()),
		"Reliable": s.Reliable(), "ProvenAt": nullTime(s.ProvenAt), "PolledIn": nullTime(s.Minute), "Polls": int64(s.Polls),
		"ForgetAt": s.ForgetAt(now).UTC(), "UpdatedAt": now.UTC(),
	})
}
