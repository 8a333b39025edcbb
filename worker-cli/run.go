package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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

	Show   showFlags   `embed:""`
	Bounds boundsFlags `embed:""`
	NoLock bool        `help:"Run although another worker runs for this wallet. Nothing is kept over a restart."`

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
	block, err := r.Bounds.blocklist()
	if err != nil {
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
	dir, release, err := r.claim(c, w.Address)
	if err != nil {
		return err
	}
	defer release()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	show := r.printer(c)
	show.start(r, w)
	front, err := openFront(ctx, stop, r, show, w, network)
	if err != nil {
		return err
	}
	emit, closeLog, err := r.logged(c, w, front.event)
	if err != nil {
		return usageError{err}
	}
	defer closeLog()
	limits := runner.NewLimits(r.Bounds.MaxChecks, int64(r.Bounds.MaxTraffic))
	checker := check.New(check.Options{
		Ports: append(check.DefaultPorts, r.AllowPort...), AllowPrivate: r.AllowPrivate, Block: block, Used: limits.Moved, Home: network.SeenFrom,
	})
	config := runner.Config{
		API: network, Check: checker.Check, Sign: w.Sign, Interval: r.Interval, Emit: emit,
		Line: network, Offset: network.ClockOffset, Limits: limits, Standing: front.books.ask,
	}
	if dir != nil {
		config.Keep = runner.File{Path: dir.Results(), Address: w.Address}
	}
	return r.work(ctx, stop, front, runner.New(config))
}

// work lets the worker work, until it is told to stop or may not go on.
func (r runCmd) work(ctx context.Context, stop context.CancelFunc, front *front, worker *runner.Runner) error {
	defer context.AfterFunc(ctx, func() {
		stop() // from here on a signal ends the process
		front.stopping()
	})()
	if !r.Once {
		err := front.run(ctx, func(ctx context.Context) { worker.Run(ctx) })
		return errors.Join(err, outdated(worker.Err()))
	}
	if err := worker.Once(ctx); !errors.Is(err, context.Canceled) {
		return outdated(hinted(err))
	}
	return nil
}

// errOutdated: the network takes newer workers only.
var errOutdated = errors.New("this worker is too old for the network")

// outdated explains an answer that means errOutdated; other errors it leaves
// as they are.
func outdated(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Status != http.StatusUpgradeRequired {
		return err
	}
	wanted := "a newer one"
	if e.Minimum != "" {
		wanted = e.Minimum + " or newer"
	}
	return fmt.Errorf("%w: it is %s, and the network wants %s; get the latest version the way you got this one, and start it again: what was earned stays yours",
		errOutdated, readBuild().Version, wanted)
}

func (r runCmd) printer(c console) *printer {
	return &printer{console: c, now: time.Now, local: isLocal(r.API)}
}

// logged also writes what happens to the log file, if there is to be one.
func (r runCmd) logged(c console, w *wallet.Wallet, emit func(runner.Event)) (both func(runner.Event), closeLog func(), err error) {
	file, err := r.Bounds.openLog()
	if file == nil {
		return emit, func() {}, err
	}
	c.out, c.err = file, file
	log := r.printer(c)
	log.dated = true
	log.start(r, w)
	return func(e runner.Event) { log.event(e); emit(e) }, func() { file.Close() }, nil
}

func (r runCmd) validate() error {
	lowest := minInterval
	if isLocal(r.API) {
		lowest = minLocalInterval
	}
	if r.Interval < lowest || r.Interval > maxInterval {
		return fmt.Errorf("--interval %v is not between %v and %v", r.Interval, lowest, maxInterval)
	}
	return r.Bounds.validate()
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
