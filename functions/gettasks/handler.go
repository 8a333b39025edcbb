// Package gettasks is the function behind GET /v1/worker/tasks: task ->
// assignment. What it returns is assigned to the address that asked.
package gettasks

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// Store keeps tasks and assignments.
type Store interface {
	// FindOffers returns ids of at most limit tasks that could be handed out in
	// region at now. It locks nothing, and what it saw may have changed.
	FindOffers(ctx context.Context, now time.Time, region string, limit int) (ids []string, err error)
	// ClaimTasks assigns at most max of the tasks ids to worker, all in one
	// transaction, and returns those. That others were quicker is no error.
	ClaimTasks(ctx context.Context, worker common.Address, region string, now time.Time, ids []string, max int) ([]schedule.Task, error)
}

// Deps are what the function works with.
type Deps struct {
	Store        Store
	Now          func() time.Time
	TasksPerPoll int // assigned to one poll at most
	Log          *slog.Logger
}

// candidates is how many tasks are looked at for each that is wanted: others
// poll at the same moment, and some the worker may have had in this cycle.
const candidates = 3

// unknownRegion is the region of a worker that does not say where it is.
const unknownRegion = "unknown"

// New is the function. Query: address (api.ParseAddress), and region, which
// may be left out. It answers 200 with a JSON array of api.Task, which may be
// empty; 400 for a bad address or region; 400 or 401 for a proof that is there
// but wrong (api.ProofError); 405 for any method but GET, HEAD included, because
// a poll assigns.
func New(d Deps) http.Handler {
	return web.Endpoint{Name: "GetTasks", Method: http.MethodGet, Log: d.Log, Serve: d.poll}
}

func (d Deps) poll(r *http.Request) (any, error) {
	ctx, query, now := r.Context(), r.URL.Query(), d.Now()
	worker, err := api.ParseAddress(query.Get("address"))
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	region, err := parseRegion(query.Get("region"))
	if err != nil {
		return nil, err
	}
	if _, err := readProof(r, query.Get("address"), query.Get("region"), now); err != nil {
		return nil, err
	}
	tasks := []api.Task{} // [] and not null
	ids, err := d.Store.FindOffers(ctx, now, region, candidates*d.TasksPerPoll)
	if err != nil {
		return nil, fmt.Errorf("find tasks: %w", err)
	}
	if len(ids) == 0 {
		return tasks, nil
	}
	claimed, err := d.Store.ClaimTasks(ctx, worker, region, now, ids, d.TasksPerPoll)
	if err != nil {
		return nil, fmt.Errorf("assign tasks: %w", err)
	}
	for i := range claimed {
		tasks = append(tasks, toWire(&claimed[i]))
	}
	d.Log.DebugContext(ctx, "tasks assigned", slog.String("worker", worker.Hex()), slog.String("region", region), slog.Int("tasks", len(tasks)))
	return tasks, nil
}

func parseRegion(s string) (string, error) {
	switch {
	case s == "":
		return unknownRegion, nil
	case !utf8.ValidString(s) || utf8.RuneCountInString(s) > api.MaxRegionLen:
		return "", fmt.Errorf("%w: region must be a text of at most %d characters", web.ErrInput, api.MaxRegionLen)
	}
	return s, nil
}

func toWire(t *schedule.Task) api.Task {
	return api.Task{
		ID: t.ID, Type: api.HTTPCheck, URL: t.URL, ExpectedStatus: t.ExpectedStatus,
		TimeoutMs: t.Timeout.Milliseconds(), RewardMicros: int64(t.RewardMicros), Region: t.Region,
	}
}
