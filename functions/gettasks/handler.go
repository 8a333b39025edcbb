// Package gettasks is the function behind GET /v1/worker/tasks: task ->
// assignment. What it returns is assigned to the address that asked.
package gettasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// Store keeps tasks and assignments. Both calls refuse polls as
// schedule.Standing.Admit does.
type Store interface {
	// FindOffers lists about limit tasks that could be handed to who polls, and
	// those that it has in hand. It locks nothing, and what it saw may have
	// changed.
	FindOffers(ctx context.Context, now time.Time, poll schedule.Poll, limit int) (schedule.Offers, error)
	// ClaimTasks assigns at most limit of the offers, all in one transaction, and
	// returns those. That others were quicker is no error.
	ClaimTasks(ctx context.Context, now time.Time, poll schedule.Poll, offers schedule.Offers, limit int) ([]schedule.Task, error)
}

// Deps are what the function works with.
type Deps struct {
	Store        Store
	Now          func() time.Time
	TasksPerPoll int // assigned to one poll at most
	Log          *slog.Logger

	turns *web.Turns
}

// pollsAtOnce is how many polls an instance works on; others wait waitForTurn.
// Spanner takes some 10 ms for each, so that an instance answers over a thousand
// a second.
const (
	pollsAtOnce = 16
	waitForTurn = 2 * time.Second
)

// unknownRegion is the region of a worker that does not say where it is.
const unknownRegion = "unknown"

// New is the function. Query: address (api.ParseAddress), and region, which
// may be left out. It answers 200 with a JSON array of api.Task, which may be
// empty; 400 for a bad address or region; 400 or 401 for a proof that is there
// but wrong, used before, or missing where there was one (api.ProofError); 429
// for a wallet that polls too often; 503 when the database took too long, or
// when many other polls are at work; 405 for any method but GET, HEAD included,
// because a poll assigns.
func New(d Deps) http.Handler {
	d.turns = web.NewTurns(pollsAtOnce, waitForTurn)
	return web.Endpoint{Name: "GetTasks", Method: http.MethodGet, Log: d.Log, Serve: d.poll}
}

func (d Deps) poll(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), web.AnswerWithin)
	defer cancel()
	query := r.URL.Query()
	worker, err := api.ParseAddress(query.Get("address"))
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	region, err := parseRegion(query.Get("region"))
	if err != nil {
		return nil, err
	}
	proof, err := readProof(r, query.Get("address"), query.Get("region"), d.Now())
	if err != nil {
		return nil, err
	}
	leave, err := d.turns.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return d.assign(ctx, schedule.Poll{Worker: worker, Region: region, ProvenAt: proof.At})
}

// assign finds tasks for a poll that is in order, and assigns them.
func (d Deps) assign(ctx context.Context, poll schedule.Poll) (any, error) {
	offers, err := d.Store.FindOffers(ctx, d.Now(), poll, d.TasksPerPoll)
	if err != nil {
		return nil, refusal(ctx, "find tasks", err)
	}
	// Judged as of now: the search may have waited.
	claimed, err := d.Store.ClaimTasks(ctx, d.Now(), poll, offers, d.TasksPerPoll)
	if err != nil {
		return nil, refusal(ctx, "assign tasks", err)
	}
	tasks := []api.Task{} // [] and not null
	for i := range claimed {
		tasks = append(tasks, toWire(&claimed[i]))
	}
	telemetry.ChecksAssigned.Add(ctx, len(tasks))
	d.Log.DebugContext(ctx, "tasks assigned", slog.String("worker", poll.Worker.Hex()), slog.String("region", poll.Region), slog.Int("tasks", len(tasks)))
	return tasks, nil
}

// refusal is err with what failed; or, when the poll is refused, only why.
func refusal(ctx context.Context, what string, err error) error {
	if e, ok := errors.AsType[*api.ProofError](err); ok {
		return e
	}
	if e, ok := errors.AsType[schedule.TooManyPollsError](err); ok {
		return e
	}
	if ctx.Err() != nil { // Spanner's client has errors of its own for that
		return fmt.Errorf("%w: %s: %w", web.ErrUnavailable, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
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
