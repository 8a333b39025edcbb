package workerbench

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/release"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain/gasbench"
)

// Figure is one line of make bench.
type Figure = gasbench.Figure

// The promises (the worker's part of the README).
const (
	maxIdleMB      = 25
	maxBinaryMB    = 20
	maxFirstPollMs = 100
	maxCPURatio    = 2
	maxBytes       = 8000 // what run says at its start rests on it
)

// Sizes of the measurements. What a start costs is taken off by measuring few
// checks and many.
const (
	few, many = 100, 900
	rounds    = 5
	starts    = 11
	settle    = 5 * time.Second
)

// Measure builds the worker as a release is built, from the repository in
// root, and measures it; notes gets what was left out, and the figures' parts.
func Measure(ctx context.Context, root string, notes io.Writer) ([]Figure, error) {
	dir, err := os.MkdirTemp("", "worker-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &bench{root: root, dir: dir, notes: notes}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	if b.net, err = newNetwork(ctx, dir); err != nil {
		return nil, err
	}
	defer b.net.close()
	figures := []Figure{{Name: "worker.binary_largest", Value: b.largest, Unit: "MB", Max: maxBinaryMB}}
	for _, part := range []func(context.Context) ([]Figure, error){b.starts, b.memory, b.cpu} {
		f, err := part(ctx)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

type bench struct {
	root, dir   string
	notes       io.Writer
	net         *network
	worker, get string // programs
	largest     float64
	homes       int
}

// build makes the six programs of a release, and the bare GET.
func (b *bench) build(ctx context.Context) error {
	config, err := release.Load(b.root)
	if err != nil {
		return err
	}
	for _, t := range config.Targets() {
		file := filepath.Join(b.dir, t.OS+"-"+t.Arch)
		if err := config.Make(ctx, b.root, file, t, release.Stamp{Version: "0.0.0-bench", Commit: "bench"}); err != nil {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		mb := float64(info.Size()) / 1e6
		fmt.Fprintf(b.notes, "worker: %s %.1f MB\n", t, mb)
		b.largest = max(b.largest, mb)
		if t.OS == runtime.GOOS && t.Arch == runtime.GOARCH {
			b.worker = file
			continue
		}
		os.Remove(file)
	}
	return b.buildGet(ctx)
}

func (b *bench) buildGet(ctx context.Context) error {
	b.get = filepath.Join(b.dir, "get")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.get, "./functions/local/bench/workerbench/get")
	cmd.Dir, cmd.Env = b.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the bare GET: %w: %s", err, out)
	}
	return nil
}

// home is a home directory that nobody has worked in.
func (b *bench) home() string {
	b.homes++
	return filepath.Join(b.dir, fmt.Sprintf("home-%d", b.homes))
}

func (b *bench) nodeDir() string {
	return filepath.Join(b.root, "functions", "local", "bench", "workerbench", "node")
}

// withNode measures in Node too, where that can be done, as NAME_node.
func (b *bench) withNode(ctx context.Context, f Figure, intervalMs string, measure func(peer) (float64, error)) ([]Figure, error) {
	figures := []Figure{f}
	p, err := b.net.node(b.nodeDir(), b.home(), intervalMs)
	if err != nil {
		fmt.Fprintf(b.notes, "worker: left out %s_node: %v\n", f.Name, err)
		return figures, nil
	}
	value, err := measure(p)
	if err != nil || value <= 0 { // of a peer's trouble, the worker's figures are not to blame
		fmt.Fprintf(b.notes, "worker: left out %s_node: measured %.2f, %v\n", f.Name, value, err)
		return figures, ctx.Err()
	}
	return append(figures, Figure{Name: f.Name + "_node", Value: value, Unit: f.Unit}), nil
}

// starts is the median time from the start of the process to its first poll.
func (b *bench) starts(ctx context.Context) ([]Figure, error) {
	median := func(p peer) (float64, error) {
		var ms []float64
		for range starts {
			took, err := b.net.firstPoll(ctx, p)
			if err != nil {
				return 0, err
			}
			ms = append(ms, float64(took.Microseconds())/1000)
		}
		return middle(ms), nil
	}
	value, err := median(b.net.worker(b.worker, b.home(), "1s"))
	if err != nil {
		return nil, err
	}
	return b.withNode(ctx, Figure{Name: "worker.first_poll", Value: value, Unit: "ms", Max: maxFirstPollMs}, "1000", median)
}

// memory is what stays resident while there is nothing to do.
func (b *bench) memory(ctx context.Context) ([]Figure, error) {
	rss := func(p peer) (float64, error) { return b.net.idleRSS(ctx, p, settle) }
	value, err := rss(b.net.worker(b.worker, b.home(), "1s"))
	if err != nil {
		return nil, err
	}
	if value == 0 {
		fmt.Fprintln(b.notes, "worker: left out worker.idle_rss: there is no /proc here")
		return nil, nil
	}
	return b.withNode(ctx, Figure{Name: "worker.idle_rss", Value: value, Unit: "MB", Max: maxIdleMB}, "1000", rss)
}

// cpu is what a check takes, polling, signing and submitting included, against
// a bare GET, in turns; and what it moves.
func (b *bench) cpu(ctx context.Context) ([]Figure, error) {
	var ratios, bytes []float64
	for range rounds {
		get, _, err := b.perCheck(ctx, func(n int) peer { return b.net.get(b.get, b.home(), n) })
		if err != nil {
			return nil, err
		}
		worker, moved, err := b.perCheck(ctx, func(int) peer { return b.net.worker(b.worker, b.home(), "10ms") })
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b.notes, "worker: CPU per check %.0f us, per bare GET %.0f us\n", worker, get)
		ratios, bytes = append(ratios, worker/get), append(bytes, moved)
	}
	figures := []Figure{
		{Name: "worker.bytes_per_check", Value: middle(bytes), Unit: "bytes", Max: maxBytes},
		{Name: "worker.cpu_per_check_ratio", Value: middle(ratios), Unit: "x of a GET", Max: maxCPURatio},
	}
	more, err := b.withNode(ctx, figures[1], "10", func(p peer) (float64, error) {
		get, _, err := b.perCheck(ctx, func(n int) peer { return b.net.get(b.get, b.home(), n) })
		if err != nil {
			return 0, err
		}
		node, _, err := b.perCheck(ctx, func(int) peer { return p })
		fmt.Fprintf(b.notes, "worker: CPU per check in Node %.0f us\n", node)
		return node / get, err
	})
	return append(figures[:1], more...), err
}

// perCheck is the CPU time in microseconds, and the bytes on the wire, of one
// check more.
func (b *bench) perCheck(ctx context.Context, of func(n int) peer) (us, bytes float64, err error) {
	less, err := b.net.checks(ctx, of(few), few)
	if err != nil {
		return 0, 0, err
	}
	before := b.net.bytes.Load()
	more, err := b.net.checks(ctx, of(many), many)
	moved := b.net.bytes.Load() - before
	return float64((more - less).Microseconds()) / (many - few), float64(moved) / (many - few), err
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
