// Package demo is the tour of the whole network in one command: a small
// target that is sometimes slow and sometimes down, three workers with fresh
// wallets, and a clock compressed from minutes to seconds. It is done when
// every worker has been paid, every payout has its receipt, and all of it has
// been verified from chain data alone.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/taskfile"
)

//go:embed tasks.yaml
var tasksFile string

const (
	workers   = 3
	threshold = ledger.Micros(10_000) // config's default; the demo compresses time, not money
	limit     = 110 * time.Second     // from the moment the network is up
	lookEvery = 500 * time.Millisecond

	// The compressed form of the 30 s between two polls; a little more for each
	// further worker, lest one always comes first.
	pollEvery = time.Second
	pollMore  = 70 * time.Millisecond
)

// compressed is the clock of the functions in the demo: what waits for minutes
// on Base waits for seconds on the local chain. Threshold, caps and rules are
// those of production.
var compressed = map[string]string{
	"PAYOUT_THRESHOLD_MICROS": strconv.FormatInt(int64(threshold), 10), "PAYOUT_PUBLISH_GRACE": "5s",
	"PAYOUT_SAFE_LAG": "0s", "PAYOUT_SAFE_POLL": "1s", "PAYOUT_RETRY_MIN": "1s", "RECEIPT_BATCH_WAIT": "3s",
	"TASKS_PER_POLL": "10", "TASK_SHARDS": "1",
}

// Options say where to show the tour.
type Options struct {
	Out   io.Writer
	Width func() int // of the terminal; nil when Out is none
	Log   *slog.Logger

	LogLevel string // of the functions
}

// tour is one run of the demo.
type tour struct {
	Options
	net     *network.Network
	site    net.Listener
	workers []*worker
	audit   *auditor
	view    view
	began   time.Time
}

// folder begins the name of each demo's own, in the directory for temporary
// files.
const folder = "worker-network-demo-"

// removeLeftovers removes the folders of demos that were killed hard, and could
// not do it themselves. A demo takes minutes; what is younger than an hour may
// be in use.
func removeLeftovers(temp string, now time.Time) {
	old, _ := filepath.Glob(filepath.Join(temp, folder+"*")) // fails for a bad pattern alone
	for _, dir := range old {
		if info, err := os.Stat(dir); err == nil && now.Sub(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir) // another user's; it is no business of this demo's
		}
	}
}

// Run gives the tour. It returns nil only when everything was seen that the
// package's comment says; otherwise the error says what was missing.
func Run(ctx context.Context, o Options) (err error) {
	t := &tour{Options: o, view: &plainView{out: o.Out}}
	if o.Width != nil {
		t.view = &liveView{out: o.Out, width: o.Width}
	}
	removeLeftovers(os.TempDir(), time.Now())
	dir, err := os.MkdirTemp("", folder)
	if err != nil {
		return fmt.Errorf("a folder for the demo's wallets: %w", err)
	}
	defer os.RemoveAll(dir)
	defer t.stop()
	if err := t.start(ctx, dir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLimit)
	defer cancel()
	if err := t.untilAllPaid(ctx); err != nil {
		return err
	}
	for _, w := range t.workers {
		w.process.Stop()
	}
	report, err := t.untilSettled(ctx)
	if err != nil {
		return err
	}
	return t.conclude(ctx, report)
}

var errLimit = fmt.Errorf("not done within %v", limit)

func (t *tour) start(ctx context.Context, dir string) error {
	t.say("Building the worker and starting the network...")
	built := make(chan error, 1)
	var program string
	go func() {
		var err error
		program, err = buildWorker(ctx, dir)
		built <- err
	}()
	err := t.startNetwork(ctx)
	if err := errors.Join(<-built, err); err != nil {
		return err
	}
	if t.audit, err = newAuditor(ctx, t.net.Money); err != nil {
		return err
	}
	port := t.site.Addr().(*net.TCPAddr).Port
	for i := range workers {
		w, err := startWorker(ctx, program, dir, fmt.Sprintf("worker-%d", i+1), t.net.API, pollEvery+time.Duration(i)*pollMore, port)
		if err != nil {
			return err
		}
		t.workers = append(t.workers, w)
	}
	t.began = time.Now()
	t.say("API %s   chain RPC %s   target http://%s", t.net.API, t.net.Money.RPC, t.site.Addr())
	t.say("%s\n", t.net.Spanner)
	return nil
}

// startNetwork starts the target and the network, on ports that nobody uses.
func (t *tour) startNetwork(ctx context.Context) error {
	var lc net.ListenConfig
	var err error
	if t.site, err = lc.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("the demo's target: %w", err)
	}
	site := &http.Server{Handler: newTarget(time.Now).handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = site.Serve(t.site) }() // ends when stop closes the listener
	tasks, err := taskfile.ParseLocal([]byte(strings.ReplaceAll(tasksFile, "TARGET", t.site.Addr().String())))
	if err != nil {
		return err
	}
	settings := maps.Clone(compressed)
	settings["LOG_LEVEL"] = t.LogLevel
	t.net, err = network.Start(ctx, network.Options{
		Tasks: tasks, SweepEvery: 2 * time.Second, Settings: settings, Log: t.Log, Notice: func(s string) { t.say("%s", s) },
	})
	return err
}

func (t *tour) stop() {
	for _, w := range t.workers {
		w.process.Stop()
	}
	if t.audit != nil {
		t.audit.node.Close()
	}
	if t.net != nil {
		if err := t.net.Stop(); err != nil {
			t.Log.Warn("stopping the network", slog.Any("error", err))
		}
	}
	if t.site != nil {
		t.site.Close()
	}
}

func (t *tour) say(format string, args ...any) { fmt.Fprintf(t.Out, format+"\n", args...) }

// untilAllPaid shows the progress until every worker has a verified payout.
func (t *tour) untilAllPaid(ctx context.Context) error {
	return t.each(ctx, func(ctx context.Context) (bool, error) {
		report, err := t.look(ctx)
		if err != nil {
			return false, err
		}
		for _, w := range t.workers {
			select {
			case <-w.process.Done():
				_, _, last := w.seen()
				return false, fmt.Errorf("%s ended before it was paid: %w: %s", w.name, w.process.Err(), last)
			default:
			}
		}
		return !slices.ContainsFunc(t.rows(report), func(r row) bool { return !r.verified() }), nil
	})
}

// untilSettled goes on, with the workers stopped, until nothing is on its way:
// no credit in flight, no transfer without its receipt.
func (t *tour) untilSettled(ctx context.Context) (report audit.Report, err error) {
	err = t.each(ctx, func(ctx context.Context) (bool, error) {
		if report, err = t.look(ctx); err != nil {
			return false, err
		}
		books, err := t.net.DB.Books(ctx)
		if err != nil {
			return false, err
		}
		return books.Credits.InFlight == 0 && len(report.Waiting) == 0 && int64(len(report.Payouts)) == books.Payouts, nil
	})
	return report, err
}

// each repeats step until it is done, and says what is missing when time is up.
func (t *tour) each(ctx context.Context, step func(context.Context) (done bool, err error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		done, err := step(ctx)
		if done || (err != nil && ctx.Err() == nil) {
			return err
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errLimit) {
				return fmt.Errorf("%w; missing:\n%s", errLimit, t.missing())
			}
			return ctx.Err()
		case err := <-t.net.Failed():
			return err
		case <-tick.C:
		}
	}
}

// look audits the chain once more and shows how things stand.
func (t *tour) look(ctx context.Context) (audit.Report, error) {
	report, err := t.audit.report(ctx)
	if err != nil {
		return report, err
	}
	t.view.show(time.Since(t.began), t.rows(report))
	if !report.OK() {
		return report, disagreement(report)
	}
	return report, nil
}
