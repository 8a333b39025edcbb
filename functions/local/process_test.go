//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is a run of this program, in a process group of its own.
type program struct {
	cmd  *exec.Cmd
	done chan struct{} // it ended
	read chan struct{} // nobody writes any more, and all was read

	mu    sync.Mutex
	lines []string
}

// start runs the program, or wrapper with the program as its arguments.
func start(t *testing.T, wrapper []string, args ...string) *program {
	t.Helper()
	return startWith(t, nil, wrapper, args...)
}

// startWith is start with more environment.
func startWith(t *testing.T, env, wrapper []string, args ...string) *program {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the Spanner emulator; skipped under -short")
	}
	argv := append(append(wrapper, os.Args[0]), args...)
	p := &program{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{}), read: make(chan struct{})}
	p.cmd.Env = append(append(slices.Clone(outside), env...), asProgram+"=1")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	go p.readAll(out)
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		if t.Failed() {
			t.Log(p.output())
		}
	})
	return p
}

func (p *program) readAll(r io.Reader) {
	defer close(p.read)
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, sc.Text())
		p.mu.Unlock()
	}
}

func (p *program) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// says waits until the program prints text.
func (p *program) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, time.Minute, fmt.Sprintf("it says %q", text), func() bool {
		select {
		case <-p.done:
			select { // a child that lives a little longer may have the pipe still
			case <-p.read:
			case <-time.After(5 * time.Second):
			}
			if !strings.Contains(p.output(), text) {
				t.Fatalf("it ended (%v) and has not said %q", p.cmd.ProcessState, text)
			}
		default:
		}
		return strings.Contains(p.output(), text)
	})
}

func (p *program) ends(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		t.Fatalf("it goes on after %v", within)
	}
	return p.cmd.ProcessState.ExitCode()
}

// family is the process and all that it has started, and they in turn.
func family(t *testing.T, pid int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for line := range strings.Lines(string(out)) {
		var child, parent int
		if _, err := fmt.Sscan(line, &child, &parent); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// running reports whether the process goes on; a zombie does not.
func running(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func allEnd(t *testing.T, pids []int) {
	t.Helper()
	eventually(t, 20*time.Second, fmt.Sprintf("the end of processes %v", pids), func() bool {
		for _, pid := range pids {
			if running(pid) {
				return false
			}
		}
		return true
	})
}

var anyPorts = []string{"--port", "0", "--rpc-port", "0"}

func TestStopsOnASignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			p := start(t, nil, anyPorts...)
			p.says(t, "Ctrl-C stops everything")
			all := family(t, p.cmd.Process.Pid)
			if len(all) < 2 {
				t.Errorf("the program has no child; is its emulator somebody else's?")
			}
			if err := p.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := p.ends(t, 20*time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
			p.says(t, "Nothing is left running")
			allEnd(t, all)
		})
	}
}

func TestKilledHardLeavesNoProcess(t *testing.T) {
	p := start(t, nil, anyPorts...)
	p.says(t, "Ctrl-C stops everything")
	all := family(t, p.cmd.Process.Pid)
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	allEnd(t, all)
}

func TestDemoKilledHardLeavesNoProcess(t *testing.T) {
	p := start(t, nil, "demo")
	p.says(t, "worker-3  ")
	all := family(t, p.cmd.Process.Pid)
	if len(all) < 8 { // itself, emulator and three workers, each with its supervisor
		t.Errorf("only %d processes", len(all))
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	allEnd(t, all)
}

// An emulator that somebody else ends is named, and the network ends with it.
func TestSaysThatTheEmulatorIsGone(t *testing.T) {
	p := start(t, nil, anyPorts...)
	p.says(t, "Ctrl-C stops everything")
	all := family(t, p.cmd.Process.Pid)
	for _, pid := range all[1:] {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if code := p.ends(t, 20*time.Second); code != 1 {
		t.Errorf("exit code %d", code)
	}
	p.says(t, "the Spanner emulator at")
	allEnd(t, all)
}

// What no function could work with is refused before the screen, all of it.
func TestRefusesSettingsAtTheStart(t *testing.T) {
	p := startWith(t, []string{"PAYOUT_THRESHOLD_MICROS=abc", "TASKS_PER_POLL=0"}, nil, anyPorts...)
	if code := p.ends(t, time.Minute); code != 1 {
		t.Errorf("exit code %d", code)
	}
	p.says(t, "PAYOUT_THRESHOLD_MICROS is \"abc\"; set a whole number")
	p.says(t, "TASKS_PER_POLL is 0")
	if strings.Contains(p.output(), "Ctrl-C stops") || strings.Count(p.output(), "PAYOUT_THRESHOLD_MICROS") != 1 {
		t.Error("it came up, or said one thing twice")
	}
}

// A program called "go", as go run is, that is killed hard and so cannot pass
// the signal on.
func TestEndsWithGoRun(t *testing.T) {
	wrapper := filepath.Join(t.TempDir(), "go")
	if err := os.WriteFile(wrapper, []byte("#!/bin/sh\n\"$@\" &\nwait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := start(t, []string{wrapper}, anyPorts...)
	p.says(t, "Ctrl-C stops everything")
	all := family(t, p.cmd.Process.Pid)
	if len(all) < 3 {
		t.Fatalf("only processes %v", all)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	allEnd(t, all)
}

func TestBusyPorts(t *testing.T) {
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for _, flag := range []string{"--port", "--rpc-port", "--facilitator-port"} {
		var args []string
		for _, f := range []string{"--port", "--rpc-port", "--facilitator-port"} {
			value := "0"
			if f == flag {
				value = port
			}
			args = append(args, f, value)
		}
		code, out := runHere(t, args...)
		want := fmt.Sprintf("port %s is in use by another program; stop that one, or choose another port with %s", port, flag)
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, %q", flag, code, out)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--fund", "0x12"}, 1, "--fund 0x12"},
		{[]string{"--tasks", "/no/such/file"}, 2, "/no/such/file"},
		{[]string{"--prot", "1"}, 2, "--help"},
		{[]string{"tour"}, 2, "tour"},
		{[]string{"--port", "http"}, 2, "--port"},
	} {
		if code, out := runHere(t, c.args...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%q: exit code %d, %q; want %d and %q", c.args, code, out, c.code, c.want)
		}
	}
}

// runHere runs the program to its end, which needs no emulator.
func runHere(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(slices.Clone(outside), asProgram+"=1")
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), buf.String()
}
