package spannerdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// A queue is what waits in one shard for one region, oldest first; offersQuery
// reads the heads of a few. Which queues it reads depends on who asks, which
// the same query looks up: so a poll that gets nothing takes one round trip.
//
// Open is what any worker may have, Early what this one may have before others,
// AtRisk what is for backups, who get nothing else.
var offersQuery = `SELECT me.Standings, me.Spend, me.Backup,
  ARRAY(SELECT AS STRUCT s AS Shard, r AS Region, ARRAY(
      SELECT TaskId FROM Tasks@{FORCE_INDEX=TasksByOffer, ` + skipNullCheck + `}
      WHERE Shard = s AND Region = r AND OfferAt IS NOT NULL AND OfferAt <= @now ORDER BY OfferAt LIMIT @share) AS TaskIds
    FROM UNNEST(@shards) AS s, UNNEST(@regions) AS r WHERE NOT me.Backup AND NOT me.Rests) AS Open,
  ARRAY(SELECT AS STRUCT s AS Shard, r AS Region, ARRAY(
      SELECT TaskId FROM Tasks@{FORCE_INDEX=TasksByLane, ` + skipNullCheck + `}
      WHERE Shard = s AND Region = r AND Lane = l.Lane AND EarlyAt IS NOT NULL AND EarlyAt <= @now ORDER BY EarlyAt LIMIT @laneShare) AS TaskIds
    FROM UNNEST(@lanes) AS l, UNNEST(@laneShards) AS s, UNNEST(@regions) AS r
    WHERE NOT me.Backup AND NOT me.Rests AND me.Paid >= l.Paid AND (me.Trusted OR NOT l.Trusted)) AS Early,
  ARRAY(SELECT AS STRUCT s AS Shard, r AS Region, ARRAY(
      SELECT TaskId FROM Tasks@{FORCE_INDEX=TasksByBackup, ` + skipNullCheck + `}
      WHERE Shard = s AND Region = r AND BackupAt IS NOT NULL AND BackupAt <= @now ORDER BY BackupAt LIMIT @backupShare) AS TaskIds
    FROM UNNEST(@backupShards) AS s, UNNEST(@regions) AS r WHERE me.Backup AND @proven) AS AtRisk
FROM (SELECT *,
    IFNULL((SELECT SUM(s.TotalPaidNano) FROM UNNEST(Spend) AS s), 0) AS Paid,
    EXISTS(SELECT 1 FROM UNNEST(Standings) AS s WHERE s.RestUntil > @now) AS Rests,
    @proven AND EXISTS(SELECT 1 FROM UNNEST(Standings) AS s WHERE s.Reliable) AS Trusted
  FROM (SELECT ` + selectStandings + `, ` + selectSpend + `,
    EXISTS(SELECT 1 FROM BackupWorkers WHERE Worker IN UNNEST(@workers)) AS Backup)) AS me`

// How many entries are read of a queue, so that no poll reads more than four
// for each task that it is given (ARCHITECTURE.md, The due queues).
const (
	shardsPerPoll     = 2 // tasks may lie unevenly, and two polls at one moment should not want the same ones
	headsPerProofless = 5 // all that a poll without proof is surely given
	headsPerBackup    = 4 // at most so many queues for each task wanted: few tasks are at risk, anywhere
)

type queue struct {
	Shard   int64
	Region  string
	TaskIds []string
}

type offersRow struct {
	Standings           []*standingRow
	Spend               []*spendRow
	Backup              bool
	Open, Early, AtRisk []*queue
}

// laneParam is who may read a lane, as offersQuery can tell.
type laneParam struct {
	Lane    string
	Paid    int64 // nano USD in a wallet's life, at least
	Trusted bool
}

// FindOffers lists about limit tasks that the worker who polls could be given at
// now: from random shards, those of its lanes and its region first, in a queue
// the longest waiting first. It is one read without locks, and what it returns
// may be gone a moment later: ClaimTasks decides. Errors are those of
// schedule.Standing.Admit.
func (db *DB) FindOffers(ctx context.Context, now time.Time, poll schedule.Poll, limit int) (schedule.Offers, error) {
	if limit <= 0 {
		return schedule.Offers{}, nil
	}
	var found offersRow
	if err := queryOne(ctx, db.single(), db.offersStatement(now, poll, limit), &found); err != nil {
		return schedule.Offers{}, fmt.Errorf("spannerdb: find offers: %w", err)
	}
	standing, err := standingOf(found.Standings)
	if err != nil {
		return schedule.Offers{}, err
	}
	if err := standing.Admit(now, poll.ProvenAt); err != nil {
		return schedule.Offers{}, fmt.Errorf("spannerdb: find offers: %w", err)
	}
	out := schedule.Offers{Held: standing.Live(now)}
	most := limit + limit/4 + 1
	for _, queues := range [][]*queue{found.AtRisk, found.Early, found.Open} {
		slices.SortStableFunc(queues, func(a, b *queue) int { // own region first
			return len(b.Region) - len(a.Region)
		})
		for _, q := range queues {
			for _, id := range q.TaskIds {
				if len(out.IDs) < most && !slices.Contains(out.IDs, id) && !slices.Contains(out.Held, id) {
					out.IDs = append(out.IDs, id)
				}
			}
		}
	}
	return out, nil
}

func (db *DB) offersStatement(now time.Time, poll schedule.Poll, limit int) spanner.Statement {
	if poll.ProvenAt.IsZero() {
		limit = min(limit, headsPerProofless)
	}
	shards := make([]int64, db.shards)
	for i, s := range rand.Perm(int(db.shards)) {
		shards[i] = int64(s)
	}
	regions := slices.Compact([]string{poll.Region, ""})
	some := shards[:min(shardsPerPoll, len(shards))]
	forBackup := shards[:min(max(1, headsPerBackup*limit/len(regions)), len(shards))]
	return spanner.Statement{SQL: offersQuery, Params: map[string]any{
		"workers": []string{addressText(poll.Worker)}, "proven": !poll.ProvenAt.IsZero(), "now": now.UTC(), "regions": regions,
		"shards": some, "share": share(6*limit, 5*len(some)),
		"lanes": lanes, "laneShards": shards[:1], "laneShare": share(limit, 6),
		"backupShards": forBackup, "backupShare": share(2*limit, len(forBackup)*len(regions)),
	}}
}

// share is n / of, rounded up.
func share(n, of int) int64 { return int64((n + of - 1) / of) }

// lanes are all lanes, and who may read each.
var lanes = func() []laneParam {
	out := []laneParam{{Lane: string(schedule.TrustedLane), Paid: -1 << 63, Trusted: true}}
	tier := reputation.Bronze
	for {
		above, from, ok := tier.Next()
		if !ok {
			return out
		}
		tier = above
		out = append(out, laneParam{Lane: string(schedule.ClassOf(tier)), Paid: int64(from)})
	}
}()
