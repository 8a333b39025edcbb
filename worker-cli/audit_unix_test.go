//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// Ctrl-C keeps what was read.
func TestAuditInterrupted(t *testing.T) {
	w := newAuditWorld(t, devchain.Options{})
	w.payouts(1, 2)
	w.must(w.Mine(t.Context(), 900))
	want, _ := auditOnce(t, 0, w.args("--json")...)
	state := filepath.Join(t.TempDir(), "state")
	args := w.args("--json", "--state", state, "--progress", "1ns")
	w.must(w.limits.set([]string{"slow=1"}))
	cmd := exec.Command("worker-cli", args...)
	errs, err := cmd.StderrPipe()
	w.must(err)
	w.must(cmd.Start())
	first := make([]byte, 10)
	if n, err := errs.Read(first); err != nil {
		t.Fatalf("%q, %v", first[:n], err)
	}
	w.must(cmd.Process.Signal(os.Interrupt))
	var rest bytes.Buffer
	_, err = rest.ReadFrom(errs)
	w.must(err)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitUnfinished || !bytes.Contains(rest.Bytes(), []byte("the audit is not finished: stopped; run the same command again, it goes on where it stopped")) {
		t.Errorf("exit code %d: %s", code, rest.String())
	}
	if _, err := os.Stat(state); err != nil {
		t.Error(err)
	}
	w.must(w.limits.set(nil))
	w.limits.calls()
	if got, _ := auditOnce(t, 0, w.args("--json", "--state", state)...); got != want {
		t.Errorf("gone on: %s\nwant %s", got, want)
	}
	if blocks := w.limits.calls()["eth_getBlockByNumber"]; blocks > 800 {
		t.Errorf("%d blocks were asked for again", blocks)
	}
}
