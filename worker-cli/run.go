package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

type runCmd struct {
	API      string        `placeholder:"URL" default:"https://blockrun.ai/api" env:"BLOCKRUN_API_BASE" help:"The network's API."`
	Wallet   string        `placeholder:"FILE" type:"path" help:"The wallet file, instead of ~/.openclaw/blockrun/wallet.key."`
	Region   string        `default:"unknown" env:"WORKER_REGION" help:"Where this machine stands, such as US-West."`
	Interval time.Duration `default:"30s" help:"Time between two polls; less than 10s only for an API on this machine."`
	Once     bool          `help:"Poll and check once, then stop."`

	Show showFlags `embed:""`

	AllowPort    []uint16 `placeholder:"PORT" help:"Check targets on this port, too, beside 80, 443, 8080 and 8443."`
	AllowPrivate bool     `help:"Let tasks reach this machine and its network. Only for local development!"`
}

// The interval's bounds.
const (
	minInterval      = 10 * time.Second
	minLocalInterval = 10 * time.Millisecond
	maxInterval      = time.Hour
)

// Run works until a signal stops it. The first one lets it submit what it has;
// the second stops it at once.
func (r runCmd) Run(c console) error {
	if err := r.validate(); err != nil {
		return usageError{err}
	}
	w, err := wallet.Find(r.Wallet, c.getenv)
	if err != nil {
		return err
	}
	network, err := client.New(r.API, w.Address, r.Region, userAgent())
	if err != nil {
		return usageError{err}
	}
	network.Prove(w.SignPoll)
	checker := check.New(check.Options{Ports: append(check.DefaultPorts, r.AllowPort...), AllowPrivate: r.AllowPrivate})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	show := printer{console: c, now: time.Now}
	show.start(r, w)
	front, err := openFront(ctx, stop, r, &show, w, network)
	if err != nil {
		return err
	}
	worker := runner.New(runner.Config{API: network, Check: checker.Check, Sign: w.Sign, Interval: r.Interval, Emit: front.event})
	defer context.AfterFunc(ctx, func() {
		stop() // from here on a signal ends the process
		front.stopping()
	})()
	if !r.Once {
		return front.run(ctx, func(ctx context.Context) { worker.Run(ctx) })
	}
	if err := worker.Once(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (r runCmd) validate() error {
	lowest := minInterval
	if isLocal(r.API) {
		lowest = minLocalInterval
	}
	if r.Interval < lowest || r.Interval > maxInterval {
		return fmt.Errorf("--interval %v is not between %v and %v", r.Interval, lowest, maxInterval)
	}
	return nil
}

// isLocal reports whether the API is on this machine.
func isLocal(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}
