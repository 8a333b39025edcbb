package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program on a pseudo-terminal, as a person would use it.
type terminal struct {
	keys *os.File
	cmd  *exec.Cmd

	mu     sync.Mutex
	screen bytes.Buffer
}

func onTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(keys.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := &terminal{keys: keys, cmd: exec.Command("worker-cli", args...)}
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = tty, tty, tty
	w.cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "HOME=" + t.TempDir(), "BLOCKRUN_WALLET_KEY=0x" + strings.Repeat("1", 64)}, env...)...)
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	go func() {
		r := bufio.NewReader(keys)
		for {
			b, err := r.ReadByte()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.screen.WriteByte(b)
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _ = w.cmd.Process.Kill(); keys.Close() })
	return w
}

func (w *terminal) await(t *testing.T, text string) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		if strings.Contains(w.text(), text) {
			return
		}
	}
	shown := w.text()
	t.Fatalf("%q was never shown; this was, at last:\n%q", text, shown[max(0, len(shown)-2000):])
}

func (w *terminal) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.screen.String()
}

func (w *terminal) types(keys string) { _, _ = w.keys.WriteString(keys) }

func (w *terminal) exit(t *testing.T) int {
	t.Helper()
	err := w.cmd.Wait()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

const toTerminal, fromTerminal = "\x1b[?1049h", "\x1b[?1049l" // the alternate screen

// On a terminal, run shows a live view; q and Ctrl-C submit what there is and
// leave the terminal as it was.
func TestLiveView(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(serveTarget))
	defer target.Close()
	n := &network{target: target.URL}
	server := httptest.NewServer(n)
	defer server.Close()
	run := []string{"run", "--allow-private", "--api", server.URL + "/api", "--interval", "200ms"}
	for _, key := range []string{"q", "\x03"} {
		w := onTerminal(t, nil, run...)
		w.await(t, "and is paid in USDC to") // before the view, and there again after it
		for _, text := range []string{toTerminal, "task_up", "NOT UP", "silver"} {
			w.await(t, text)
		}
		w.types(key)
		if code := w.exit(t); code != 0 {
			t.Errorf("%q: exit code %d", key, code)
		}
		w.await(t, "stopped; checks: ")
		if _, after, left := strings.Cut(w.text(), fromTerminal); !left || !strings.Contains(after, "stopped; checks: ") {
			t.Errorf("%q: the view was not left before the last line: %q", key, w.text())
		}
	}
	for name, plain := range map[string]*terminal{
		"--plain":   onTerminal(t, nil, append(run, "--plain")...),
		"--json":    onTerminal(t, nil, append(run, "--json")...),
		"TERM=dumb": onTerminal(t, []string{"TERM=dumb"}, run...),
		"--once":    onTerminal(t, nil, append(run, "--once")...),
	} {
		plain.await(t, "task_up")
		plain.types("\x03") // the terminal makes a signal of it
		if code := plain.exit(t); code != 0 || strings.Contains(plain.text(), "\x1b") {
			t.Errorf("%s: exit code %d, %q", name, code, plain.text())
		}
	}
}

// Who asks twice does not wait: exit code 130.
func TestLiveViewAtOnce(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(serveTarget))
	defer target.Close()
	server := httptest.NewServer(&network{target: target.URL, mood: "deaf"})
	defer server.Close()
	w := onTerminal(t, nil, "run", "--allow-private", "--api", server.URL+"/api")
	w.await(t, "trying again")
	w.types("q")
	w.await(t, "once more to stop at once")
	start := time.Now()
	w.types("q")
	if code := w.exit(t); code != exitAtOnce || time.Since(start) > 5*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(start))
	}
	w.await(t, fromTerminal)
}
