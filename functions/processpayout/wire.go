package processpayout

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/functions/internal/schema"
	"github.com/BlockRunAI/worker-network/functions/internal/web"
	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/telemetry"
	"github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// leaseMargin is how much longer a lease lasts than an attempt.
const leaseMargin = 30 * time.Second

// Handler is the function as it is deployed: made on the first request, from
// the environment.
func Handler() http.HandlerFunc { return web.Deployed(Build) }

// Build makes the function of config.ProcessPayout. It reads the keys, and
// asks the chain whether they and the token are fit to be used: ErrUnsafe if
// they are not.
func Build(ctx context.Context, lookup config.Lookup) (_ http.Handler, err error) {
	var c config.ProcessPayout
	if err := config.Load(ctx, lookup, &c); err != nil {
		return nil, err
	}
	network, err := c.Money.Network()
	if err != nil {
		return nil, err
	}
	rail, err := facilitator(&c)
	if err != nil {
		return nil, err
	}
	node, err := chain.Dial(ctx, c.RPC.Reveal(), network.ChainID)
	if err != nil {
		return nil, err
	}
	undo := []func(){node.Close}
	defer func() {
		if err != nil {
			for _, f := range undo {
				f()
			}
		}
	}()
	k, err := openKeys(ctx, &c)
	if err != nil {
		return nil, err
	}
	db, err := spannerdb.OpenConfig(ctx, spannerdb.Config{Database: c.Database.Name, TaskShards: c.Database.TaskShards})
	if err != nil {
		return nil, err
	}
	undo = append(undo, db.Close)
	d := deps(&c, network, db, node, k)
	d.Rails = []Rail{rail}
	if k.relayer != nil {
		d.Rails = append(d.Rails, relayer(&c, d, db, node, k.relayer))
	}
	if c.RPC2 != "" {
		second, err := chain.Dial(ctx, c.RPC2.Reveal(), network.ChainID)
		if err != nil {
			return nil, fmt.Errorf("BASE_RPC_URL_2: %w", err)
		}
		undo = append(undo, second.Close)
		d.Chain = Witnessed{First: d.Chain, Second: Base{Node: second, Token: second}}
	}
	if err := d.CheckStart(ctx, node); err != nil {
		return nil, err
	}
	return schema.Checked(New(d), db, d.Log), nil
}

func deps(c *config.ProcessPayout, network usdc.Network, db *spannerdb.DB, node *chain.Client, k keys) Deps {
	log := telemetry.NewProjectLogger(os.Stderr, c.Log.Level, c.Log.Project)
	lease := c.AttemptTime + leaseMargin
	return Deps{
		Payouts: db, Cheques: db, Switch: db, Outcomes: db,
		Chain:  Base{Node: node, Token: node},
		Signer: k.treasury, Domain: network.Domain(), Caps: c.Caps(), Policy: policy(c.Payouts),
		Receipts: &Receipts{
			Batches: db, Outcomes: db, Leases: db, Account: node, History: node, Mempool: node,
			Signer: k.logSender, ChainID: network.ChainID, Address: common.Address(c.LogAddress),
			Encode: encoder(c.Receipts.Form), Policy: logPolicy(c.Receipts),
			Now: time.Now, NewID: rand.Text, Log: log, LeaseTTL: lease,
		},
		Now: time.Now, NewID: rand.Text, Log: log,
		AttemptTime: c.AttemptTime, LeaseTTL: lease,
	}
}

// facilitator is the rail of X402_FACILITATOR_URL, with CDP's credentials if
// there are any.
func facilitator(c *config.ProcessPayout) (*Facilitator, error) {
	// What is left of an attempt after a settlement is for looking at the chain.
	o := x402.Options{URL: c.Facilitator, SettleTimeout: min(x402.DefaultSettleTimeout, c.AttemptTime*5/6)}
	if c.CDPKeyID != "" {
		auth, err := x402.NewCDP(c.CDPKeyID, c.CDPSecret.Reveal(), time.Now)
		if err != nil {
			return nil, fmt.Errorf("CDP_API_KEY_SECRET: %w", err)
		}
		o.Auth = auth
	}
	client, err := x402.NewClient(o)
	if err != nil {
		return nil, fmt.Errorf("X402_FACILITATOR_URL: %w", err)
	}
	return NewFacilitator(client), nil
}

// relayer is the rail of RELAYER_KEY.
func relayer(c *config.ProcessPayout, d Deps, db *spannerdb.DB, node *chain.Client, key x402.Signer) *Relayer {
	p := DefaultRelayPolicy()
	p.Within = min(p.Within, c.AttemptTime/4)
	p.StuckAfter = min(p.StuckAfter, p.Within/2)
	return &Relayer{
		Sendables: db, Leases: db, Account: node, Mempool: node, Rehearsal: node,
		Signer: key, Multicall: common.Address(c.Multicall), Policy: p, Companion: d.Policy.RailTries,
		Now: d.Now, Sleep: sleep, NewID: d.NewID, Log: d.Log, LeaseTTL: p.Within + leaseMargin,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func encoder(form string) func([]receipt.Receipt) ([]byte, error) {
	if form == "json" {
		return receipt.EncodeJSON
	}
	return receipt.EncodeCompact
}

func policy(c config.PayoutTimes) Policy {
	p := DefaultPolicy()
	override(&p.Validity, c.Validity)
	override(&p.SafeLag, c.SafeLag)
	override(&p.SafePoll, c.SafePoll)
	override(&p.RetryMin, c.RetryMin)
	override(&p.RetryMax, c.RetryMax)
	return p
}

func logPolicy(c config.ReceiptBatches) LogPolicy {
	p := DefaultLogPolicy()
	override(&p.BatchMin, c.Min)
	override(&p.BatchWait, c.Wait)
	override(&p.BatchMax, c.Max)
	return p
}

func override[T any](value *T, by *T) {
	if by != nil {
		*value = *by
	}
}
