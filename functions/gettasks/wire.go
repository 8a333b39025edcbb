package gettasks

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/schema"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// Handler is the function as it is deployed: made on the first request, from
// the environment.
func Handler() http.HandlerFunc { return web.Deployed(Build) }

// Build makes the function of config.GetTasks.
func Build(ctx context.Context, lookup config.Lookup) (http.Handler, error) {
	var c config.GetTasks
	if err := config.Load(ctx, lookup, &c); err != nil {
		return nil, err
	}
	log := telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project)
	db := database{web.NewOnce(func(ctx context.Context) (*spannerdb.DB, error) {
		db, err := spannerdb.OpenConfig(ctx, spannerdb.Config{Database: c.Database.Name, TaskShards: c.Database.TaskShards})
		if err != nil { // the operator is woken, as by a function that fails before it has a handler
			log.ErrorContext(ctx, "function cannot start", slog.Any("error", err))
		}
		return db, err
	})}
	return web.MinimumVersion(c.MinWorkerVersion, schema.Checked(New(Deps{
		Store: db, Now: time.Now, TasksPerPoll: c.TasksPerPoll,
		Log: log,
	}), db, log)), nil
}
