//go:build unix

package tether

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests run this binary again in the part of the process that is killed.
func TestMain(m *testing.M) {
	if pidFile := os.Getenv("TETHER_TEST_HOLD"); pidFile != "" {
		p, err := Start(Program{Path: "/bin/sh", Args: []string{"-c", os.Getenv("TETHER_TEST_SCRIPT"), "sh", pidFile}, Undo: undo(pidFile)})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		<-p.Done()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// undo leaves a file whose name only a shell that quotes well can make.
func undo(pidFile string) []string { return []string{"touch", undone(pidFile)} }

func undone(pidFile string) string { return pidFile + ` is "$HOME"'s` }

const stubborn = `trap '' TERM HUP INT; echo $$ >"$1.tmp"; mv "$1.tmp" "$1"; while :; do sleep 0.05; done`

func TestEndsWhenTheParentIsKilled(t *testing.T) {
	for name, script := range map[string]string{
		"obedient": `echo $$ >"$1.tmp"; mv "$1.tmp" "$1"; while :; do sleep 0.05; done`,
		"stubborn": stubborn,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pidFile := filepath.Join(t.TempDir(), "pid")
			parent := exec.Command(os.Args[0])
			parent.Env = append(os.Environ(), "TETHER_TEST_HOLD="+pidFile, "TETHER_TEST_SCRIPT="+script)
			parent.Stderr = os.Stderr
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			child := waitForPid(t, pidFile)
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait()
			waitForEnd(t, child)
			if _, err := os.Stat(undone(pidFile)); err != nil {
				t.Errorf("what was to be undone was not: %v", err)
			}
		})
	}
}

func TestStop(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	p, err := Start(Program{Path: "/bin/sh", Args: []string{"-c", stubborn, "sh", pidFile}, Undo: undo(pidFile)})
	if err != nil {
		t.Fatal(err)
	}
	child := waitForPid(t, pidFile)
	p.Stop()
	p.Stop()
	waitForEnd(t, child)
	if p.Err() == nil {
		t.Error("a killed program ended with status 0")
	}
	if _, err := os.Stat(undone(pidFile)); err != nil {
		t.Errorf("what was to be undone was not: %v", err)
	}
}

// A program that ends by itself is seen to, with its status and output.
func TestEndsByItself(t *testing.T) {
	for status, want := range map[int]string{0: "in the environment\n", 7: "in the environment\n"} {
		var out bytes.Buffer
		p, err := Start(Program{
			Path: "/bin/sh", Args: []string{"-c", `echo "$WORD"; cat; exit ` + strconv.Itoa(status)},
			Env: []string{"WORD=in the environment", "PATH=" + os.Getenv("PATH")}, Stdout: &out,
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.Done():
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
		}
		var exit *exec.ExitError
		if err := p.Err(); (err == nil) != (status == 0) || errors.As(err, &exit) && exit.ExitCode() != status {
			t.Errorf("status %d is told as %v", status, err)
		}
		if out.String() != want {
			t.Errorf("output %q, want %q", out.String(), want)
		}
		p.Stop()
	}
}

func TestNoSuchProgram(t *testing.T) {
	var stderr bytes.Buffer
	p, err := Start(Program{Path: "/no/such/program", Stderr: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	if p.Err() == nil || !strings.Contains(stderr.String(), "/no/such/program") {
		t.Errorf("err = %v, stderr %q", p.Err(), stderr.String())
	}
}

func waitForPid(t *testing.T, file string) int {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("the program did not start")
	return 0
}

func waitForEnd(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) || zombie(pid) {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Fatalf("process %d goes on", pid)
}

// zombie: ended, and only waits for its parent to ask how.
func zombie(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}
