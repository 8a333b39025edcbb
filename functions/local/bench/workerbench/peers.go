package workerbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// key is of no account with anything on it.
const key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

// patience is as long as a measurement may take.
const patience = 2 * time.Minute

// peer is a program that checks: the worker, or what it is compared with.
type peer struct {
	name string
	args []string // the program first
	env  []string
	ends bool // by itself, when it has checked; else it is a worker
}

// worker polls as often as may be; idle, once a second.
func (n *network) worker(program, home, interval string) peer {
	return peer{name: "worker-cli", args: []string{program, "run", "--plain", "--api", n.api + "/api", "--interval", interval, "--allow-private"}, env: n.env(home)}
}

// node is the loop in Node, if it can be run here.
func (n *network) node(dir, home, intervalMs string) (peer, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return peer{}, errors.New("there is no node here")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "viem")); err != nil {
		return peer{}, fmt.Errorf("its packages are not here (npm ci, in %s)", dir)
	}
	env := append(n.env(home), "BLOCKRUN_API_BASE="+n.api+"/api", "INTERVAL_MS="+intervalMs)
	return peer{name: "node", args: []string{node, filepath.Join(dir, "worker.mjs")}, env: env}, nil
}

// get is the bare request, some times.
func (n *network) get(program, home string, times int) peer {
	return peer{name: "get", args: []string{program, n.target, fmt.Sprint(times)}, env: n.env(home), ends: true}
}

func (n *network) env(home string) []string {
	return append(os.Environ(), "HOME="+home, "USERPROFILE="+home, "BLOCKRUN_WALLET_KEY="+key, "SSL_CERT_FILE="+n.ca, "NODE_EXTRA_CA_CERTS="+n.ca)
}

// process is a peer at work.
type process struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan error
}

func (p peer) start(ctx context.Context) (*process, error) {
	r := &process{cmd: exec.CommandContext(ctx, p.args[0], p.args[1:]...), ended: make(chan error, 1)}
	r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = p.env, &r.said, &r.said
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	return r, nil
}

// kill ends the process; what it had computed is known then.
func (r *process) kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

func (r *process) cpu() time.Duration {
	return r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()
}

// checks lets a peer make some checks and returns what it computed for them,
// its start included.
func (n *network) checks(ctx context.Context, p peer, count int) (time.Duration, error) {
	n.begin(count)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := p.start(ctx)
	if err != nil {
		return 0, err
	}
	if p.ends {
		if err := <-r.ended; err != nil {
			return 0, fmt.Errorf("%s: %w: %s", p.name, err, tail(r.said.String()))
		}
		return r.cpu(), nil
	}
	select {
	case <-n.done:
		r.kill()
		return r.cpu(), nil
	case err := <-r.ended:
		return 0, fmt.Errorf("%s ended: %w: %s", p.name, errors.Join(err, ctx.Err()), tail(r.said.String()))
	}
}

// firstPoll is the time from the start of a process to its first request.
func (n *network) firstPoll(ctx context.Context, p peer) (time.Duration, error) {
	n.begin(0)
	began := time.Now()
	r, err := p.start(ctx)
	if err != nil {
		return 0, err
	}
	defer r.kill()
	select {
	case at := <-n.asked:
		return at.Sub(began), nil
	case <-time.After(patience):
		return 0, fmt.Errorf("%s never polled", p.name)
	}
}

// idleRSS is the memory of a process that has checked a little and then polls
// for nothing, after a while; 0 where it cannot be asked for.
func (n *network) idleRSS(ctx context.Context, p peer, after time.Duration) (mb float64, err error) {
	n.begin(30)
	r, err := p.start(ctx)
	if err != nil {
		return 0, err
	}
	defer r.kill()
	select {
	case <-n.done:
	case <-time.After(patience):
		return 0, fmt.Errorf("%s did not check: %s", p.name, tail(r.said.String()))
	}
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return residentMB(r.cmd.Process.Pid)
}

// residentMB reads VmRSS of proc_pid_status(5), in MB of 1,000,000 bytes.
func residentMB(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib * 1024 / 1e6, nil
		}
	}
	return 0, fmt.Errorf("no VmRSS in the status of process %d", pid)
}

func tail(s string) string { return s[max(0, len(s)-500):] }
