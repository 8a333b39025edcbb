//go:build unix

package main

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The first signal lets the worker submit what it has; the second does not wait.
func TestSecondSignal(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(serveTarget))
	defer target.Close()
	n := &network{target: target.URL, mood: "deaf"}
	server := httptest.NewServer(n)
	defer server.Close()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		worker := exec.Command("worker-cli", "run", "--allow-private", "--api", server.URL+"/api") // TestMain put it on the PATH
		worker.Env = append(os.Environ(), "HOME="+t.TempDir(), "BLOCKRUN_WALLET_KEY=0x"+strings.Repeat("1", 64))
		stderr, err := worker.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := worker.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, bufio.NewScanner(stdout), "trying again") // the API is deaf: results wait
		_ = worker.Process.Signal(signal)
		await(t, bufio.NewScanner(stderr), "once more to stop at once")
		start := time.Now()
		_ = worker.Process.Signal(signal)
		err = worker.Wait()
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok || e.Sys().(syscall.WaitStatus).Signal() != signal || time.Since(start) > 5*time.Second {
			t.Errorf("%v: ended with %v after %v", signal, err, time.Since(start))
		}
	}
}
