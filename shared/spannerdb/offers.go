package spannerdb

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"cloud.google.com/go/spanner"
)

// offersQuery seeks the head of each queue, a queue being what waits in one
// shard for one region, and reads @share index entries of it at most.
const offersQuery = `SELECT a_shard AS Shard, a_region AS Region, ARRAY(
  SELECT TaskId FROM Tasks@{FORCE_INDEX=TasksByOffer, ` + skipNullCheck + `}
  WHERE Shard = a_shard AND Region = a_region AND OfferAt IS NOT NULL AND OfferAt <= @now
  ORDER BY OfferAt LIMIT @share) AS TaskIds
FROM UNNEST(@shards) AS a_shard, UNNEST(@regions) AS a_region`

// readPerOffer is how many index entries are read for each id asked for. More
// than one, so that many are found although the queues are unevenly filled.
const readPerOffer = 2

// FindOffers lists up to limit tasks that a worker of this region could be
// given at now: those for its region first, then those for any, each from the
// shards in random order, so that polls at one time do not all want the same
// tasks; in a shard, longest waiting first. It is one read without locks, and
// what it returns may be gone a moment later: ClaimTasks decides. Ask for
// about twice as many as are to be claimed: the worker itself may hold some.
func (db *DB) FindOffers(ctx context.Context, now time.Time, region string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, nil
	}
	shards := make([]int64, db.shards)
	for i, s := range rand.Perm(int(db.shards)) {
		shards[i] = int64(s)
	}
	regions := slices.Compact([]string{region, ""})
	queues := len(shards) * len(regions)
	share := min(limit, (readPerOffer*limit+queues-1)/queues)
	type queue struct {
		Shard   int64
		Region  string
		TaskIds []string
	}
	var found []queue
	err := db.single().Query(ctx, spanner.Statement{SQL: offersQuery, Params: map[string]any{
		"shards": shards, "regions": regions, "now": now.UTC(), "share": int64(share),
	}}).Do(func(row *spanner.Row) error {
		var q queue
		err := row.ToStruct(&q)
		found = append(found, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: find offers: %w", err)
	}
	slices.SortFunc(found, func(a, b queue) int {
		return cmp.Or(
			cmp.Compare(slices.Index(regions, a.Region), slices.Index(regions, b.Region)),
			cmp.Compare(slices.Index(shards, a.Shard), slices.Index(shards, b.Shard)),
		)
	})
	ids := make([]string, 0, limit)
	for _, q := range found {
		ids = append(ids, q.TaskIds[:min(len(q.TaskIds), limit-len(ids))]...)
	}
	return ids, nil
}
