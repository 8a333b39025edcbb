package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/tether"
)

// workerPackage is the program that workers run.
const workerPackage = "github.com/BlockRunAI/worker-network/worker-cli"

// buildWorker makes the worker's program, once for all.
func buildWorker(ctx context.Context, dir string) (program string, err error) {
	program = filepath.Join(dir, "worker-cli")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, workerPackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the worker (go build %s, from the project's folder): %w\n%s", workerPackage, err, bytes.TrimSpace(out))
	}
	return program, nil
}

// worker is one run of that program, with a wallet of its own.
type worker struct {
	name    string
	address common.Address
	process *tether.Process

	mu     sync.Mutex
	checks int64
	earned ledger.Micros
	last   string // line of its stderr, or its latest problem
}

// event is a line of `worker-cli --json run`, as far as it is read here.
type event struct {
	Event    string `json:"event"`
	Accepted int64  `json:"accepted"`
	Earned   string `json:"earned"` // USD with six decimals
	Error    string `json:"error"`
}

// startWorker makes a fresh wallet in dir and starts to work with it.
func startWorker(ctx context.Context, program, dir, name, apiBase string, poll time.Duration, targetPort int) (*worker, error) {
	wallet := filepath.Join(dir, name+".key")
	out, err := exec.CommandContext(ctx, program, "--json", "wallet", "new", "--wallet", wallet).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: making a wallet: %w", name, err)
	}
	var made struct{ Address string }
	if err := json.Unmarshal(out, &made); err != nil {
		return nil, fmt.Errorf("%s: making a wallet: %w", name, err)
	}
	w := &worker{name: name}
	if w.address, err = api.ParseAddress(made.Address); err != nil {
		return nil, fmt.Errorf("%s: making a wallet: %w", name, err)
	}
	events, complaints := w.lines(w.readEvent), w.lines(w.readError)
	w.process, err = tether.Start(tether.Program{
		Path: program,
		Args: []string{
			"--json", "run", "--api", apiBase, "--wallet", wallet, "--interval", poll.String(),
			"--region", "demo", "--allow-private", "--allow-port", strconv.Itoa(targetPort),
		},
		Env: workerEnv(os.Environ(), dir), Stdout: events, Stderr: complaints,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		<-w.process.Done()
		events.Close()
		complaints.Close()
	}()
	return w, nil
}

// workerEnv is environ without what its user set for a worker of their own;
// what the demo's workers keep goes into dir, which does not outlive them.
func workerEnv(environ []string, dir string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		return strings.HasPrefix(v, "WORKER_") || strings.HasPrefix(v, "BLOCKRUN_")
	})
	return append(env, "WORKER_STATE_DIR="+dir)
}

// lines is a writer that hands each line to read.
func (w *worker) lines(read func(line []byte)) io.WriteCloser {
	r, pipe := io.Pipe()
	go func() {
		sc := bufio.NewScanner(r)
		for sc.Scan() {
			read(sc.Bytes())
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	return pipe
}

func (w *worker) readEvent(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.Event {
	case "submitted":
		w.checks += e.Accepted
		if micros, err := api.ParseUSD(e.Earned); err == nil {
			w.earned += ledger.Micros(micros)
		}
	case "error":
		w.last = e.Error
	}
}

func (w *worker) readError(line []byte) {
	// The warning about private addresses is meant for others.
	if bytes.HasPrefix(line, []byte("WARNING:")) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = string(line)
}

// seen is what the worker has said so far.
func (w *worker) seen() (checks int64, earned ledger.Micros, last string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.checks, w.earned, w.last
}
