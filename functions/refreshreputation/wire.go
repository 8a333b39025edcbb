package refreshreputation

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"time"

	"cloud.google.com/go/storage"

	"github.com/BlockRunAI/worker-network/functions/internal/schema"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// leaseTTL outlives the longest that an HTTP function may run (Cloud Run: an
// hour), so that no second run begins while one still may go on.
const leaseTTL = time.Hour + time.Minute

// Together these keep a run below 256 MB whatever the logs' sizes: each log
// being read takes 1 MB for its lines and at most some 20 MB for a piece's
// wallets and what is being stored of them.
const parallel = 3

var piece = reputation.Limit{Bytes: 512 << 20, Wallets: 20_000}

// Handler is the function as it is deployed: made on the first request, from
// the environment.
func Handler() http.HandlerFunc { return web.Deployed(Build) }

// Build makes the function of config.RefreshReputation.
func Build(ctx context.Context, lookup config.Lookup) (http.Handler, error) {
	var c config.RefreshReputation
	if err := config.Load(ctx, lookup, &c); err != nil {
		return nil, err
	}
	client, err := storage.NewClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to Cloud Storage: %w", err)
	}
	db, err := spannerdb.OpenConfig(ctx, spannerdb.Config{Database: c.Database.Name, TaskShards: c.Database.TaskShards})
	if err != nil {
		client.Close()
		return nil, err
	}
	adapter, err := c.Adapter()
	if err != nil {
		client.Close()
		db.Close()
		return nil, err
	}
	log := telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project)
	return schema.Checked(New(Deps{
		Leases: db, Staging: db, Totals: db, Logs: NewBucket(client, c.Bucket), Adapter: adapter,
		Now: time.Now, NewID: rand.Text, LeaseTTL: leaseTTL, Budget: c.Budget, Parallel: parallel, Piece: piece,
		Log: log,
	}), db, log), nil
}
