package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cloud.google.com/go/storage"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Open connects what it works with, beside the database; closing gives it back.
// since is the time of the backup.
func Open(ctx context.Context, c config.OperatorRecover, db *spannerdb.DB, since time.Time, log *slog.Logger) (d Deps, closing func(), err error) {
	network, err := c.Money.Network()
	if err != nil {
		return Deps{}, nil, err
	}
	policy := ledger.PayoutPolicy{ChainID: network.ChainID, Token: network.Token, Treasury: common.Address(c.Money.Treasury), Threshold: c.Threshold}
	if err := policy.Validate(); err != nil {
		return Deps{}, nil, err
	}
	files, err := storage.NewClient(ctx)
	if err != nil {
		return Deps{}, nil, fmt.Errorf("connect to Cloud Storage: %w", err)
	}
	node, err := chain.Dial(ctx, c.RPC.Reveal(), network.ChainID)
	if err != nil {
		return Deps{}, nil, errors.Join(err, files.Close())
	}
	d = Deps{
		Books: db, Parts: db, Store: db, Chain: node, History: node, Results: NewBucket(files, c.ResultLog),
		Policy: recovery.Policy{PayoutPolicy: policy, Since: since}, LogAddress: common.Address(c.LogAddress), FromBlock: c.FromBlock,
		Now: time.Now, Log: log,
	}
	closing = func() { node.Close(); files.Close() }
	if c.RPC2 != "" {
		second, err := chain.Dial(ctx, c.RPC2.Reveal(), network.ChainID)
		if err != nil {
			closing()
			return Deps{}, nil, fmt.Errorf("BASE_RPC_URL_2: %w", err)
		}
		d.Second, closing = second, func() { second.Close(); node.Close(); files.Close() }
	}
	for _, a := range c.LogSenders {
		d.Senders = append(d.Senders, common.Address(a))
	}
	return d, closing, nil
}
