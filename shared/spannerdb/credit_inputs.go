package spannerdb

import (
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// creditQuery fetches all that a batch is judged by, in one round trip. Every
// part looks rows up by their keys.
var creditQuery = `SELECT
  ` + selectTasks + `,
  ARRAY(SELECT AS STRUCT a.TaskId, a.Worker, a.Cycle, a.AssignedAt, a.ExpiresAt, a.ResultAt
    FROM UNNEST(@holds) AS k ` + seek + ` Assignments AS a
    ON a.TaskId = k.TaskId AND a.Worker = k.Worker) AS Held,
  ARRAY(SELECT AS STRUCT r.Worker, r.TaskId, r.TimestampMs, r.ResultId, r.RewardMicros
    FROM UNNEST(@results) AS k ` + seek + ` WorkerResults AS r
    ON r.Worker = k.Worker AND r.TaskId = k.TaskId AND r.TimestampMs = k.TimestampMs) AS Stored,
  ARRAY(SELECT AS STRUCT ` + selectCredits + `
    FROM WorkerCredits WHERE Worker IN UNNEST(@workers)) AS Credits,
  ` + selectStandings + `,
  ` + selectSpend

type creditInputs struct {
	Tasks []*taskRow
	Held  []*struct {
		TaskId     string
		Worker     string
		Cycle      int64
		AssignedAt time.Time
		ExpiresAt  time.Time
		ResultAt   spanner.NullTime
	}
	Stored []*struct {
		Worker       string
		TaskId       string
		TimestampMs  int64
		ResultId     string
		RewardMicros int64
	}
	Credits   []*creditRow
	Standings []*standingRow
	Spend     []*spendRow
}

// holdKey and resultKey are primary keys, and parameters of the query.
type holdKey struct{ TaskId, Worker string }

type resultKey struct {
	Worker      string
	TaskId      string
	TimestampMs int64
}

func keysOf(r ledger.SubmittedResult) (holdKey, resultKey) {
	worker := addressText(r.Worker)
	return holdKey{r.TaskID, worker}, resultKey{worker, r.TaskID, r.At.UnixMilli()}
}

func creditStatement(batch []ledger.SubmittedResult) spanner.Statement {
	var tasks, workers set[string]
	var holds set[holdKey]
	var results set[resultKey]
	for _, r := range batch {
		hold, result := keysOf(r)
		tasks.add(hold.TaskId)
		workers.add(hold.Worker)
		holds.add(hold)
		results.add(result)
	}
	return spanner.Statement{SQL: creditQuery, Params: map[string]any{
		"tasks": tasks.list, "workers": workers.list, "holds": holds.list, "results": results.list,
	}}
}

// set is a list without repetitions, in the order of adding.
type set[T comparable] struct {
	list []T
	has  map[T]bool
}

func (s *set[T]) add(v T) {
	if s.has == nil {
		s.has = map[T]bool{}
	}
	if !s.has[v] {
		s.has[v] = true
		s.list = append(s.list, v)
	}
}
