// Package network runs the whole worker network in this process, on real
// parts: the Spanner emulator, Pub/Sub with push delivery, a bucket, a chain
// with USDC on it, an x402 facilitator, and the functions, served by the
// functions framework exactly as in the cloud.
package network

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// Options say what to start.
type Options struct {
	// Ports of the loopback address; 0 takes any free one.
	Port, RPCPort, FacilitatorPort int

	Tasks      []schedule.Task  // loaded into the database
	Fund       []common.Address // get ETH and USDC on the local chain
	SecondRail bool             // ProcessPayout has a relayer of its own on the local chain

	SweepEvery time.Duration     // default 15 s; Cloud Scheduler's shortest is a minute
	Settings   map[string]string // further environment of the functions
	Copies     func(id string) int

	Getenv func(string) string // default os.Getenv; BASE_RPC_URL and others replace local parts
	Notice func(string)        // told in one line before something slow; may be nil
	Log    *slog.Logger
}

// Network is a running network.
type Network struct {
	API         string // base of the worker API: http://127.0.0.1:8080/api
	Facilitator string
	Spanner     string // one line: which emulator
	Storage     string // base of Cloud Storage's API
	Database    string // projects/P/instances/I/databases/D
	Money       Money
	Tasks       int

	DB *spannerdb.DB // a connection of its own, for those who look in

	relayer *ecdsa.PrivateKey // of the local chain
	serving bool              // the functions have been reached and keep what they are configured by
	log     *slog.Logger
	stops   []func() error // in reverse order
	failed  chan error
	once    sync.Once
	stopErr error
}

// Money is where payouts are made.
type Money struct {
	Local      bool // the chain is this network's own
	ChainID    int64
	RPC        string
	Token      common.Address // USDC
	Treasury   common.Address
	LogAddress common.Address
	LogSender  common.Address
	Relayer    common.Address // of the second rail, or zero
	Since      uint64         // the safe block when it began; 0 of a chain of its own
}

// only is held by the network of this process, for ever once its functions are
// served: they keep their clients for the life of the process.
var only sync.Mutex

// ErrStarted means that this process has had its network.
var ErrStarted = errors.New("network: only one can run in a process")

// Start starts everything. ctx bounds the start alone. After an error nothing
// is left running.
func Start(ctx context.Context, o Options) (*Network, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if !only.TryLock() {
		return nil, ErrStarted
	}
	n := &Network{log: o.Log, failed: make(chan error, 4), Tasks: len(o.Tasks)}
	if err := n.start(ctx, o); err != nil {
		err = errors.Join(err, n.Stop())
		if !n.serving {
			only.Unlock()
		}
		return nil, err
	}
	return n, nil
}

// start brings up the parts in the order in which they need each other. The
// ports that a user chose come first, so that a busy one is told at once.
func (n *Network) start(ctx context.Context, o Options) error {
	if err := distinctPorts(o); err != nil {
		return err
	}
	front, err := listen(ctx, "--port", o.Port)
	if err != nil {
		return err
	}
	n.onStop(func() error { front.Close(); return nil })

	env := environment{}
	parts := []func(context.Context, Options, environment) error{
		n.startChain, n.startFacilitator, n.startSpanner, n.startBucket,
	}
	for _, part := range parts {
		if err := part(ctx, o, env); err != nil {
			return err
		}
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	functions := &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	if err := n.startQueue(ctx, o, env, functions); err != nil {
		return err
	}
	n.tune(o, env)
	env.merge(o.Settings)
	if err := checkSettings(ctx, env); err != nil {
		return err
	}
	undo, err := env.export()
	n.onStop(undo)
	if err != nil {
		return err
	}
	if err := n.serveFunctions(ctx, port); err != nil {
		return err
	}
	n.API = "http://" + front.Addr().String() + base
	n.serve("the API", front, newRouter(functions, o.Log))
	n.startScheduler(o, functions)
	return nil
}

// Failed yields an error when a part ends that should not have.
func (n *Network) Failed() <-chan error { return n.failed }

// Stop ends all parts, in the reverse order of their start. What the network
// held is gone. It may be called more than once.
func (n *Network) Stop() error {
	n.once.Do(func() {
		var errs []error
		for i := len(n.stops) - 1; i >= 0; i-- {
			errs = append(errs, n.stops[i]())
		}
		n.stopErr = errors.Join(errs...)
	})
	return n.stopErr
}

func (n *Network) onStop(f func() error) { n.stops = append(n.stops, f) }

// reconcileEvery is how often the books are compared with the chain: every few
// minutes in production.
const reconcileEvery = time.Minute

// startScheduler runs the jobs that Cloud Scheduler has in production.
func (n *Network) startScheduler(o Options, functions *url.URL) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &scheduler{functions: functions.String(), http: &http.Client{}, log: n.log}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(ctx, o.jobs())
	}()
	n.onStop(func() error { cancel(); <-done; return nil })
}

func (o Options) jobs() []job {
	every := o.SweepEvery
	if every <= 0 {
		every = 15 * time.Second
	}
	return []job{
		{function: "Sweep", every: every},
		{function: "Reconcile", every: reconcileEvery},
		{function: "RefreshReputation", every: 24 * time.Hour, atStart: true},
	}
}

// tune sets what the functions do not know by themselves, unless the user has.
// A local chain has no two minutes until a block is safe, and its receipts are
// for people to read.
func (n *Network) tune(o Options, env environment) {
	values := map[string]string{
		"PAYOUT_MAX_MICROS": "10000000", "PAYOUT_DAILY_MAX_MICROS": "1000000000", "RECEIPT_FORM": "json",
		"LOG_SENDER_ADDRESSES": n.Money.LogSender.Hex(),
		// The database is new: of what was paid before it knows nothing.
		"RECONCILE_FROM_BLOCK": strconv.FormatUint(n.Money.Since, 10),
	}
	if n.Money.Local {
		values["PAYOUT_SAFE_LAG"], values["PAYOUT_SAFE_POLL"], values["PAYOUT_RETRY_MIN"] = "0s", "2s", "2s"
		values["RECONCILE_LAG"], values["RECONCILE_BOOKS_EVERY"] = "30s", "1m"
		// Whatever else is set is of other chains.
		env["LOG_SENDER_ADDRESSES"], env["RECONCILE_FROM_BLOCK"] = values["LOG_SENDER_ADDRESSES"], values["RECONCILE_FROM_BLOCK"]
	}
	for name, value := range values {
		if o.Getenv(name) == "" {
			env[name] = value
		}
	}
}

// environment is what the functions are configured by, as in the cloud.
type environment map[string]string

func (e environment) merge(more map[string]string) {
	for k, v := range more {
		e[k] = v
	}
}

// export puts it into the process' environment, where the functions and
// Google's clients look for it. undo brings back what was there.
func (e environment) export() (undo func() error, err error) {
	before := environment{}
	undo = func() error {
		var errs []error
		for k, v := range before {
			errs = append(errs, setOrUnset(k, v))
		}
		return errors.Join(errs...)
	}
	for k, v := range e {
		before[k] = os.Getenv(k)
		if err := setOrUnset(k, v); err != nil {
			return undo, fmt.Errorf("setting %s for the functions: %w", k, err)
		}
	}
	return undo, nil
}

func setOrUnset(k, v string) error {
	if v == "" {
		return os.Unsetenv(k)
	}
	return os.Setenv(k, v)
}
