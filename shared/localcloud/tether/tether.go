// Package tether runs programs that end when this process ends, however it
// ends: also by SIGKILL, after which nothing of this process runs any more.
package tether

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// Program says what to run.
type Program struct {
	Path   string
	Args   []string
	Env    []string // "K=V"; nil: this process' own
	Dir    string
	Stdout io.Writer // nil: discarded
	Stderr io.Writer

	// Undo, when not empty, is a command that ends what outlives the program,
	// such as a container. It runs before the program is asked to end, by Stop
	// or because this process ended; not when the program ends by itself.
	Undo []string
}

// Process is a running program.
type Process struct {
	cmd  *exec.Cmd
	undo []string
	life io.Closer
	done chan struct{}
	err  error // valid once done is closed
	once sync.Once
}

// Start runs p. Its standard input is empty.
func Start(p Program) (*Process, error) {
	cmd := command(p)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.Env, p.Dir, p.Stdout, p.Stderr
	cmd.WaitDelay = time.Second
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("tether: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("tether: start %s: %w", p.Path, err)
	}
	t := &Process{cmd: cmd, undo: p.Undo, life: life, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.err = cmd.Wait()
	}()
	return t, nil
}

// Pid is the process that was started: on unix a supervisor, which leads the
// process group that the program is in.
func (t *Process) Pid() int { return t.cmd.Process.Pid }

// Done is closed when the program has ended.
func (t *Process) Done() <-chan struct{} { return t.done }

// Err is how the program ended: nil for status 0. It waits for the end.
func (t *Process) Err() error {
	<-t.done
	return t.err
}
