package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/metrics"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/view"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

// showFlags say how run shows what it does.
type showFlags struct {
	Plain   bool   `help:"Print lines, also on a terminal."`
	Metrics string `placeholder:"[HOST:]PORT" help:"Serve metrics for Prometheus, on 127.0.0.1 unless HOST says otherwise."`
}

// booksEvery is how often the live view may ask what is pending.
const booksEvery = time.Minute

// front is what the user of run sees. What happens goes to the printer, or to
// the view when there is a terminal for one; and is counted, when asked for.
type front struct {
	show   *printer
	counts *metrics.Counts // or nil
	live   *view.Live      // or nil
	news   chan struct{}   // there may be news of the books
	books  *books
	stop   context.CancelFunc
	last   []runner.Event // what is told again when the view is gone
}

// openFront sees what there is to show on. What it starts ends with ctx; stop
// ends ctx.
func openFront(ctx context.Context, stop context.CancelFunc, r runCmd, show *printer, w *wallet.Wallet, network *client.Client) (*front, error) {
	f := &front{show: show, stop: stop, books: newBooks(booksEvery/2, func(ctx context.Context) (api.WorkerStatus, error) {
		return network.Status(ctx, client.StatusQuery{Payouts: 20})
	})}
	if r.Show.Metrics != "" {
		f.counts = metrics.New(readBuild().Version, time.Now())
		if err := serveMetrics(ctx, r.Show.Metrics, f.counts, show.console); err != nil {
			return nil, err
		}
	}
	if r.Once || r.Show.Plain || show.json || !isTerminal(show.out) || !isTerminal(show.in) || show.getenv("TERM") == "dumb" {
		return f, nil
	}
	worker := view.Worker{Address: w.Address, Wallet: w.Source, API: r.API, Region: r.Region, Interval: r.Interval, Started: time.Now()}
	if r.AllowPrivate {
		worker.Warnings = []string{"WARNING: --allow-private is on: tasks can reach this machine and its network."}
	}
	f.live = view.NewLive(worker, view.Terminal{In: show.in, Out: show.out, Stop: stop})
	f.news = make(chan struct{}, 1)
	f.books.told = f.live.Books
	return f, nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && f != nil && term.IsTerminal(int(f.Fd()))
}

// event shows and counts one event.
func (f *front) event(e runner.Event) {
	if f.counts != nil {
		f.counts.Event(e, time.Now())
	}
	if f.live == nil {
		f.show.event(e)
		return
	}
	f.live.Event(e)
	switch e.(type) {
	case runner.Submitted:
		select {
		case f.news <- struct{}{}:
		default: // it is known already
		}
	case runner.Stopped:
		f.last = append(f.last, e)
	}
}

// stopping says that the worker submits what it has and then ends.
func (f *front) stopping() {
	if f.live != nil {
		f.live.Stopping()
		return
	}
	fmt.Fprintln(f.show.err, "stopping; once more to stop at once")
}

// run shows work until it is done. It ends earlier, with view.ErrAtOnce, when
// the user does not want to wait for that.
func (f *front) run(ctx context.Context, work func(context.Context)) error {
	if f.live == nil {
		work(ctx)
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(ctx)
		f.live.Close()
	}()
	go view.Follow(ctx, f.news, booksEvery, func(ctx context.Context) { _, _ = f.books.ask(ctx) }) // the view is told by them
	err := f.live.Run()
	if errors.Is(err, view.ErrAtOnce) {
		return err
	}
	f.stop()
	<-done
	for _, e := range f.last {
		f.show.event(e)
	}
	return err
}
