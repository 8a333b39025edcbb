package emulator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/BlockRunAI/worker-network/shared/localcloud/tether"
)

type launchOptions struct {
	argv []string
	// container, when not empty, is removed with argv[0] ("docker rm -f") at
	// the end: to kill the docker command alone would leave it running.
	container string
}

// process is a program that ends when it is stopped or this process ends.
type process struct {
	stop  func()
	lines chan string   // what it prints on stderr; not read any more after waitFor
	ended chan struct{} // closed when it has ended
	group int           // its process group, on unix

	mu   sync.Mutex
	last []string // the latest lines
}

// launch runs the program, tethered to this process.
func launch(o launchOptions) (*process, error) {
	program := tether.Program{Path: o.argv[0], Args: o.argv[1:]}
	if o.container != "" {
		program.Undo = []string{o.argv[0], "rm", "-f", o.container}
	}
	logs, stderr := io.Pipe()
	program.Stderr = stderr
	t, err := tether.Start(program)
	if err != nil {
		return nil, err
	}
	p := &process{stop: t.Stop, lines: make(chan string, 64), ended: make(chan struct{}), group: t.Pid()}
	go p.follow(logs)
	go func() {
		<-t.Done()
		stderr.Close()
	}()
	return p, nil
}

// follow reads the program's stderr to its end, so that it never blocks on it.
func (p *process) follow(stderr io.ReadCloser) {
	defer stderr.Close()
	defer close(p.ended)
	sc := bufio.NewScanner(stderr)
	for sc.Scan() {
		p.mu.Lock()
		p.last = append(p.last, sc.Text())
		p.last = p.last[max(0, len(p.last)-5):]
		p.mu.Unlock()
		select {
		case p.lines <- sc.Text():
		default:
		}
	}
	_, _ = io.Copy(io.Discard, stderr) // a line that was too long ends the scanner, not the program
}

// waitFor returns what follows mark on the first line that has it.
func (p *process) waitFor(ctx context.Context, mark string) (string, error) {
	for {
		select {
		case line := <-p.lines:
			if _, rest, ok := strings.Cut(line, mark); ok {
				return strings.TrimSpace(rest), nil
			}
		case <-p.ended:
			return "", p.failure()
		case <-ctx.Done():
			return "", fmt.Errorf("it did not say %q: %w", mark, ctx.Err())
		}
	}
}

func (p *process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.last) == 0 {
		return errors.New("it ended at once, without a word")
	}
	return fmt.Errorf("it ended at once: %s", strings.Join(p.last, "; "))
}
