// Command picture makes docs/worker.svg: it runs the network on this machine
// with a few targets, lets a worker earn for a while, and has the worker's own
// view drawn of what came out. `make picture` runs it from the repository's
// folder.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/network"
	"github.com/BlockRunAI/worker-network/shared/taskfile"
)

// works is how long the worker does.
const works = 45 * time.Second

// tasks are the pilot's names on targets of this machine's.
const tasks = `tasks:
  - {id: task_br_health, url: http://TARGET/api/health, interval: 3s, timeoutMs: 2000, rewardMicros: 100}
  - {id: task_br_models, url: http://TARGET/api/v1/models, interval: 6s, timeoutMs: 2000, rewardMicros: 100}
  - {id: task_base_rpc, url: http://TARGET/rpc, interval: 3s, timeoutMs: 2000, rewardMicros: 150}
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, filepath.Join("docs", "worker.svg")); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string) (err error) {
	dir, err := os.MkdirTemp("", "worker-picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	target, err := serve(ctx)
	if err != nil {
		return err
	}
	defer target.Close()
	list, err := taskfile.ParseLocal([]byte(strings.ReplaceAll(tasks, "TARGET", target.Addr().String())))
	if err != nil {
		return err
	}
	n, err := network.Start(ctx, network.Options{
		Tasks: list, Settings: map[string]string{"PAYOUT_THRESHOLD_MICROS": "2000", "PAYOUT_SAFE_LAG": "0s", "PAYOUT_SAFE_POLL": "1s", "LOG_LEVEL": "ERROR"},
		Log: slog.New(slog.DiscardHandler), Notice: func(s string) { fmt.Fprintln(os.Stderr, s) },
	})
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := n.Stop(); err == nil {
			err = stopErr
		}
	}()
	printed, err := work(ctx, dir, n.API)
	if err != nil {
		return err
	}
	return draw(ctx, printed, file)
}

// serve answers like a site: some pages slower than others, one down at times.
func serve(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	slow := map[string]int{"/api/health": 40, "/api/v1/models": 120, "/rpc": 70}
	site := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(slow[r.URL.Path]+rand.IntN(60)) * time.Millisecond)
		if r.URL.Path == "/rpc" && rand.IntN(6) == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}
	go func() { _ = site.Serve(l) }() // ends when the listener is closed
	return l, nil
}

// work lets a worker earn, and returns what it printed, and then its status.
func work(ctx context.Context, dir, base string) ([]byte, error) {
	program, wallet := filepath.Join(dir, "worker-cli"), filepath.Join(dir, "wallet.key")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./worker-cli").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the worker: %w: %s", err, out)
	}
	worker := func(ctx context.Context, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "USERPROFILE="+dir, "WORKER_REGION=US-West", "BLOCKRUN_API_BASE="+base)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 20 * time.Second
		return cmd
	}
	if out, err := worker(ctx, "wallet", "new", "--wallet", wallet).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make a wallet: %w: %s", err, out)
	}
	limited, cancel := context.WithTimeout(ctx, works)
	defer cancel()
	var printed, said bytes.Buffer
	run := worker(limited, "--json", "run", "--allow-private", "--wallet", wallet, "--interval", "1s")
	run.Stdout, run.Stderr = &printed, &said
	if err := run.Run(); limited.Err() == nil || ctx.Err() != nil {
		return nil, fmt.Errorf("the worker ended: %w: %s", err, said.String())
	}
	status, err := worker(ctx, "--json", "status", "--wallet", wallet).Output()
	if err != nil {
		return nil, fmt.Errorf("its status: %w", err)
	}
	// What stands in the picture is what a user's machine shows.
	all := append(printed.Bytes(), status...)
	all = bytes.ReplaceAll(all, []byte(wallet), []byte("~/.openclaw/blockrun/wallet.key"))
	return all, nil
}

// draw has the worker's view drawn.
func draw(ctx context.Context, printed []byte, file string) error {
	cmd := exec.CommandContext(ctx, "go", "run", "./worker-cli/internal/view/picture")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(printed), os.Stderr
	picture, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return os.WriteFile(file, picture, 0o644)
}
