package sweep

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
	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

const (
	// exportTime leaves the next minute's sweep nothing to wait for.
	exportTime = 30 * time.Second
	// partBytes holds about 8,000 results. With one more submission it is still
	// below the 10 MiB that Spanner takes in one value.
	partBytes = 4 << 20
)

// Handler is the function as it is deployed: made on the first request, from
// the environment.
func Handler() http.HandlerFunc { return web.Deployed(Build) }

// Build makes the function of config.Sweep.
func Build(ctx context.Context, lookup config.Lookup) (http.Handler, error) {
	var c config.Sweep
	if err := config.Load(ctx, lookup, &c); err != nil {
		return nil, err
	}
	files, err := storage.NewClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to Cloud Storage: %w", err)
	}
	publisher, err := hint.NewPublisher(ctx, c.Topic)
	if err != nil {
		files.Close()
		return nil, err
	}
	db, err := spannerdb.OpenConfig(ctx, spannerdb.Config{Database: c.Database.Name, TaskShards: c.Database.TaskShards})
	if err != nil {
		publisher.Close()
		files.Close()
		return nil, err
	}
	log := telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project)
	return schema.Checked(New(Deps{
		Store: db, Publisher: publisher, Now: time.Now, Limit: c.Limit, Log: log,
		Exporter: ResultLog{
			Parts: db, Leases: db, Archive: NewBucket(files, c.ResultLog), Now: time.Now, NewID: rand.Text,
			LeaseTTL: exportTime + 2*writeTime, Budget: exportTime, PartBytes: partBytes, Log: log,
		},
	}), db, log), nil
}
