package gettasks

import (
	"context"
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// database connects when it is first asked: a poll that is refused by itself
// waits for no client, and no start pays for one before its answer.
type database struct{ *web.Once[*spannerdb.DB] }

func (d database) connected(ctx context.Context) (*spannerdb.DB, error) {
	db, err := d.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: connect to the database: %w", web.ErrUnavailable, err)
	}
	return db, nil
}

// FindOffers implements Store.
func (d database) FindOffers(ctx context.Context, now time.Time, poll schedule.Poll, limit int) (schedule.Offers, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return schedule.Offers{}, err
	}
	return db.FindOffers(ctx, now, poll, limit)
}

// ClaimTasks implements Store.
func (d database) ClaimTasks(ctx context.Context, now time.Time, poll schedule.Poll, offers schedule.Offers, limit int) ([]schedule.Task, error) {
	db, err := d.connected(ctx)
	if err != nil {
		return nil, err
	}
	return db.ClaimTasks(ctx, now, poll, offers, limit)
}

// CheckSchema implements schema.Checker.
func (d database) CheckSchema(ctx context.Context) error {
	db, err := d.connected(ctx)
	if err != nil {
		return err
	}
	return db.CheckSchema(ctx)
}
