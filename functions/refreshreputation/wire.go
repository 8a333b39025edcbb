package refreshreputation

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"cloud.google.com/go/storage"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// leaseTTL outlives the longest that an HTTP function may run (Cloud Run: an
// hour), so that no second run begins while one still may go on.
const leaseTTL = time.Hour + time.Minute

// Handler is the function as it is deployed: made on the first request, from
// the environment.
func Handler() http.HandlerFunc {
	return web.Lazy(telemetry.NewLogger(os.Stderr, slog.LevelInfo), func(ctx context.Context) (http.Handler, error) {
		return Build(ctx, os.LookupEnv)
	})
}

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
	adapter := reputation.DefaultAdapter()
	if len(c.WalletFields) > 0 {
		adapter.Wallet = c.WalletFields
	}
	if len(c.CostFields) > 0 {
		adapter.Cost = c.CostFields
	}
	return New(Deps{
		Store: db, Logs: NewBucket(client, c.Bucket), Adapter: adapter,
		Now: time.Now, NewID: rand.Text, LeaseTTL: leaseTTL,
		Log: telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project),
	}), nil
}
