package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/chain"
	networks "github.com/BlockRunAI/worker-network/shared/usdc"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/auditor"
)

type auditCmd struct {
	RPC        string   `required:"" placeholder:"URL" env:"BASE_RPC_URL" help:"A node of the chain. One can lie, so choose one you trust, or ask two."`
	ChainID    int64    `name:"chain-id" default:"8453" env:"CHAIN_ID" help:"8453 is Base, 84532 Base Sepolia and a local network."`
	Treasury   string   `required:"" placeholder:"0x..." env:"TREASURY_ADDRESS" help:"Who pays."`
	LogAddress string   `required:"" placeholder:"0x..." env:"BLOCKRUN_LOG_ADDRESS" help:"Where receipts are sent."`
	Sender     []string `required:"" placeholder:"0x..." env:"LOG_SENDER_ADDRESSES" help:"Whose receipts count; can be repeated. Anybody can send some."`
	USDC       string   `name:"usdc" placeholder:"0x..." env:"USDC_ADDRESS" help:"The token, if it is not the chain's own USDC."`

	From  uint64  `required:"" placeholder:"BLOCK" help:"The first block: the one of the treasury's first payout, or before."`
	To    *uint64 `placeholder:"BLOCK" help:"The last one, instead of the latest that is safe."`
	Scan  string  `enum:"blocks,senders" default:"blocks" help:"blocks: read every block. senders: only those in which a sender did something; much quicker, blind to strangers, needs an archive node."`
	Grace uint64  `default:"900" help:"How many blocks old a transfer may be without a receipt; 900 of Base are half an hour."`

	Results []string `placeholder:"PLACE" sep:"none" help:"The result log, too: a directory or file of it, or a public bucket's https URL; can be repeated."`
	State   string   `type:"path" placeholder:"FILE" help:"Keep what was read here, and go on from it."`

	Rate     uint          `default:"10" help:"At most so many requests a second; 0 is no limit. A node on this machine has none."`
	Batch    int           `default:"10" help:"Blocks asked for in one request; fewer when the node refuses."`
	Progress time.Duration `default:"10s" help:"How often to say how far it is; 0s for never."`

	SaveEvery time.Duration `hidden:"" default:"5s" help:"How much work a kill may cost."`
}

// Help is shown below the command's own line.
func (auditCmd) Help() string {
	return `It walks the chain, decodes every receipt, and matches each with its USDC transfer. With --results it also
recomputes each payout's count, amount and results hash from the results themselves, and verifies their signatures.
It needs no wallet and no account. Example, of all that a treasury has paid since block 30000000:

  worker-cli audit --rpc https://mainnet.base.org --from 30000000 --state audit.json \
    --treasury 0x... --log-address 0x... --sender 0x... --results https://storage.googleapis.com/BUCKET

A result log in a bucket that is not public is fetched first, with Google's tools:

  gcloud storage cp --recursive gs://BUCKET/results .     # or: gsutil -m cp -r gs://BUCKET/results .
  worker-cli audit ... --results results

Ctrl-C loses nothing when there is a --state: the same command goes on where it stopped.
Exit status: 0 all agree, 5 something disagrees, 6 not finished, 1 and 2 as ever.`
}

// What an audit can end with, beside success.
var (
	errDisagree   = errors.New("the audit found disagreements")
	errUnfinished = errors.New("the audit is not finished")
)

// Run audits.
func (a auditCmd) Run(c console) error {
	scope, err := a.scope()
	if err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	node, err := a.dial(ctx)
	if err != nil {
		return a.unfinished(err)
	}
	defer node.Close()
	show := auditPrinter{printer: printer{console: c, now: time.Now}, every: a.Progress}
	trail, err := auditor.Scan{
		Node: node, Scope: scope, From: a.From, To: a.To, State: a.State, SaveEvery: a.SaveEvery,
		Told: show.progress, Retry: show.retry,
	}.Run(ctx)
	if err != nil {
		return a.unfinished(err)
	}
	var results *audit.Results
	if len(a.Results) > 0 {
		if results, err = (auditor.Log{Sources: a.Results, Told: show.parts}).Read(ctx); err != nil {
			return a.unfinished(err)
		}
	}
	report := trail.ReportWith(results)
	if err := show.report(a, scope, report); err != nil {
		return err
	}
	requests, calls := node.Asked()
	show.note("read with %d requests to the node (%d calls)", requests, calls)
	if !report.OK() {
		return fmt.Errorf("%w: %d", errDisagree, found(report))
	}
	return nil
}

// dial connects to the node. An address where nobody answers is told soon;
// only then an audit is patient.
func (a auditCmd) dial(ctx context.Context) (*chain.Client, error) {
	probe, err := chain.Dial(ctx, a.RPC, a.ChainID)
	if errors.Is(err, chain.ErrWrongChain) {
		return nil, fmt.Errorf("%w (--rpc, --chain-id)", err)
	}
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: is this a node's address (--rpc)?", err)
	}
	probe.Close()
	return chain.DialWith(ctx, a.RPC, a.ChainID, a.limits())
}

// unfinished says what to do about an audit that did not come to its end.
func (a auditCmd) unfinished(err error) error {
	again := "; run the same command again"
	if a.State != "" {
		again += ", it goes on where it stopped"
	} else {
		again += ", with --state FILE to go on where it stops"
	}
	switch {
	case errors.Is(err, chain.ErrWrongChain), errors.Is(err, auditor.ErrRange), errors.Is(err, auditor.ErrSource):
		return usageError{err}
	case errors.Is(err, auditor.ErrState):
		return usageError{fmt.Errorf("%w; name another file with --state, or delete that one", err)}
	case errors.Is(err, auditor.ErrPruned):
		return fmt.Errorf("%w: %w; ask an archive node, or use --scan blocks", errUnfinished, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: stopped%s", errUnfinished, again)
	}
	return fmt.Errorf("%w: %w%s", errUnfinished, err, again)
}

// scope is whose payouts are verified.
func (a auditCmd) scope() (audit.Scope, error) {
	if u, err := url.Parse(a.RPC); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return audit.Scope{}, errors.New("--rpc must be of the form https://host/path")
	}
	s := audit.Scope{ChainID: a.ChainID, SendersOnly: a.Scan == "senders", Grace: a.Grace}
	network, known := networks.ByChainID(a.ChainID)
	if !known && a.USDC == "" {
		return s, fmt.Errorf("chain %d is neither Base (%d) nor Base Sepolia (%d): say with --usdc where the token is", a.ChainID, networks.Base, networks.BaseSepolia)
	}
	s.Token = network.Token
	parse := func(flag, text string, to *common.Address) error {
		var err error
		if *to, err = api.ParseAddress(strings.TrimSpace(text)); err != nil {
			return fmt.Errorf("%s %s: %w", flag, text, err)
		}
		if *to == (common.Address{}) {
			return fmt.Errorf("%s must not be the zero address", flag)
		}
		return nil
	}
	errs := []error{parse("--treasury", a.Treasury, &s.Treasury), parse("--log-address", a.LogAddress, &s.LogAddress)}
	if a.USDC != "" {
		errs = append(errs, parse("--usdc", a.USDC, &s.Token))
	}
	s.Senders = make([]common.Address, len(a.Sender))
	for i, text := range a.Sender {
		errs = append(errs, parse("--sender", text, &s.Senders[i]))
	}
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	if slices.Contains([]common.Address{s.Treasury, s.LogAddress}, s.Token) || s.Treasury == s.LogAddress {
		return s, errors.New("--treasury, --log-address and the token must be three different addresses")
	}
	return s, nil
}

// limits are more patient than those of a function: an audit has time.
func (a auditCmd) limits() chain.Limits {
	l := chain.DefaultLimits()
	l.Timeout, l.Tries, l.Backoff, l.MaxWait = 30*time.Second, 8, 500*time.Millisecond, time.Minute
	l.Batch = max(a.Batch, 1)
	if a.Rate > 0 && !isLocal(a.RPC) {
		l.Gap = time.Second / time.Duration(a.Rate)
	}
	return l
}
