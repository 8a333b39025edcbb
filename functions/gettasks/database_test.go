package gettasks

import (
	"context"
	"errors"
	"testing"

	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// What is refused by itself connects to no database, and a connection that
// fails is tried again by the next poll.
func TestOnlyAPollThatNeedsTheDatabaseConnects(t *testing.T) {
	var tried int
	db := database{web.NewOnce(func(context.Context) (*spannerdb.DB, error) {
		tried++
		return nil, errors.New("no credentials")
	})}
	for _, c := range []struct {
		method, query string
		status, tried int
	}{
		{"GET", "", 400, 0},
		{"POST", "address=" + address, 405, 0},
		{"GET", "address=" + address, 503, 1},
		{"GET", "address=" + address, 503, 2},
		{"GET", "address=0x", 400, 2},
	} {
		if status, body, _ := poll(db, c.method, c.query); status != c.status || tried != c.tried {
			t.Errorf("%s %q: %d %s, %d connections; want %d, %d", c.method, c.query, status, body, tried, c.status, c.tried)
		}
	}
}
