package reconcile

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/schema"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// blockTime is Base's.
const blockTime = 2 * time.Second

// Handler is the function as it is deployed: made on the first request, from
// the environment.
func Handler() http.HandlerFunc { return web.Deployed(Build) }

// Build makes the function of config.Reconcile.
func Build(ctx context.Context, lookup config.Lookup) (http.Handler, error) {
	var c config.Reconcile
	if err := config.Load(ctx, lookup, &c); err != nil {
		return nil, err
	}
	network, err := c.Money.Network()
	if err != nil {
		return nil, err
	}
	node, err := chain.Dial(ctx, c.RPC.Reveal(), network.ChainID)
	if err != nil {
		return nil, err
	}
	db, err := spannerdb.OpenConfig(ctx, spannerdb.Config{Database: c.Database.Name, TaskShards: c.Database.TaskShards})
	if err != nil {
		node.Close()
		return nil, err
	}
	log := telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project)
	return schema.Checked(New(Deps{
		Store: db, Payouts: db, Books: db, Leases: db, Chain: node, Transactions: node,
		Scope: Scope{
			ChainID: network.ChainID, Token: network.Token, Treasury: common.Address(c.Money.Treasury),
			LogAddress: common.Address(c.LogAddress), Senders: c.Senders(), FromBlock: c.FromBlock,
		},
		Pace: pace(c),
		Now:  time.Now, NewID: rand.Text, Log: log,
	}), db, log), nil
}

func pace(c config.Reconcile) Pace {
	return Pace{
		Budget: c.Budget, Step: 2_000, Page: 500, LagBlocks: uint64(c.Lag / blockTime), Lag: c.Lag,
		LateAfter: c.LateAfter, BooksEvery: c.BooksEvery, BooksRows: c.BooksRows, BooksTime: c.BooksTime,
	}
}
