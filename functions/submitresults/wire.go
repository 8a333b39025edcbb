package submitresults

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/schema"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// Handler is the function as it is deployed: made on the first request, from
// the environment.
func Handler() http.HandlerFunc { return web.Deployed(Build) }

// Build makes the function of config.SubmitResults.
func Build(ctx context.Context, lookup config.Lookup) (http.Handler, error) {
	var c config.SubmitResults
	if err := config.Load(ctx, lookup, &c); err != nil {
		return nil, err
	}
	policy, err := c.Policy()
	if err != nil {
		return nil, err
	}
	publisher, err := hint.NewPublisher(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	db, err := spannerdb.OpenConfig(ctx, spannerdb.Config{Database: c.Database.Name, TaskShards: c.Database.TaskShards})
	if err != nil {
		publisher.Close()
		return nil, err
	}
	store, err := db.Crediter(policy)
	if err != nil {
		publisher.Close()
		db.Close()
		return nil, err
	}
	log := telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project)
	return schema.Checked(New(Deps{
		Store: store, Publisher: publisher, Now: time.Now,
		Log: log,
	}), db, log), nil
}
