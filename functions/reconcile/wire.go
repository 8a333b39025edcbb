package reconcile

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/purse"
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
	d, db, _, err := Open(ctx, lookup)
	if err != nil {
		return nil, err
	}
	return schema.Checked(New(d), db, d.Log), nil
}

// Open connects what the function works with; closing gives it back.
func Open(ctx context.Context, lookup config.Lookup) (d Deps, db *spannerdb.DB, closing func(), err error) {
	var c config.Reconcile
	if err := config.Load(ctx, lookup, &c); err != nil {
		return Deps{}, nil, nil, err
	}
	network, err := c.Money.Network()
	if err != nil {
		return Deps{}, nil, nil, err
	}
	node, err := chain.Dial(ctx, c.RPC.Reveal(), network.ChainID)
	if err != nil {
		return Deps{}, nil, nil, err
	}
	db, err = spannerdb.OpenConfig(ctx, spannerdb.Config{Database: c.Database.Name, TaskShards: c.Database.TaskShards})
	if err != nil {
		node.Close()
		return Deps{}, nil, nil, err
	}
	treasury := common.Address(c.Money.Treasury)
	return Deps{
		Store: db, Payouts: db, Books: db, Leases: db, Chain: node, Transactions: node,
		Accounts: purse.Deps{Store: db, Chain: node, Accounts: purse.Accounts{
			Token: network.Token, Treasury: treasury, LogSender: c.Senders()[0], Relayer: common.Address(c.Relayer),
		}},
		LowDays: int64(c.LowDays),
		Scope: Scope{
			ChainID: network.ChainID, Token: network.Token, Treasury: treasury,
			LogAddress: common.Address(c.LogAddress), Senders: c.Senders(), FromBlock: c.FromBlock,
		},
		Pace: pace(c),
		Now:  time.Now, NewID: rand.Text, Log: telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project),
	}, db, func() { node.Close(); db.Close() }, nil
}

func pace(c config.Reconcile) Pace {
	return Pace{
		Budget: c.Budget, Step: 2_000, Page: 500, LagBlocks: uint64(c.Lag / blockTime), Lag: c.Lag,
		LateAfter: c.LateAfter, BooksEvery: c.BooksEvery, BooksRows: c.BooksRows, BooksTime: c.BooksTime,
	}
}
