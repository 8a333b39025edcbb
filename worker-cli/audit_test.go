package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// Each script has a chain of its own; see auditCommands.
func TestAuditScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/audit",
		Setup: func(env *testscript.Env) error {
			newAuditWorld(env.T().(testing.TB), devchain.Options{SafeDepth: 2}).environment(env)
			return nil
		},
		Cmds: auditCommands(),
	})
}

// auditOnce audits in this process and returns what it printed.
func auditOnce(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(args, console{out: &out, err: &errs, getenv: os.Getenv}); got != code {
		t.Fatalf("exit code %d, want %d: %s", got, code, errs.String())
	}
	return out.String(), errs.String()
}

// An audit that is killed at any moment, and started again and again, reports
// what one does that is left alone.
func TestAuditGoesOnAfterKills(t *testing.T) {
	w := newAuditWorld(t, devchain.Options{})
	for seq := range int64(4) {
		w.must(w.Mine(t.Context(), 300))
		w.payouts(2*seq+1, 2*seq+2)
	}
	w.receiptOf(3) // something to disagree with
	w.earn(99, 1)
	w.pay(99)
	want, _ := auditOnce(t, exitDisagree, w.args("--json")...)

	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	state := filepath.Join(t.TempDir(), "state")
	w.must(w.limits.set([]string{"slow=1"}))
	kills, kept := 0, map[int64]bool{}
	for {
		cmd := exec.Command("worker-cli", w.args("--json", "--state", state, "--save-every", "1ns")...)
		var out bytes.Buffer
		cmd.Stdout = &out
		w.must(cmd.Start())
		// Longer each time, so that it also ends where to start alone takes long.
		dies := time.AfterFunc(time.Duration(100+rng.IntN(700)+40*kills)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		dies.Stop()
		if text, err := os.ReadFile(state); err == nil {
			if !json.Valid(text) {
				t.Fatalf("seed %d: the state is torn", seed)
			}
			var s struct{ Next int64 }
			w.must(json.Unmarshal(text, &s))
			kept[s.Next] = true
		}
		if cmd.ProcessState.ExitCode() == exitDisagree {
			if out.String() != want {
				t.Errorf("seed %d, after %d kills:\n got %s\nwant %s", seed, kills, out.String(), want)
			}
			break
		}
		if kills++; kills > 100 {
			t.Fatalf("seed %d: no end", seed)
		}
	}
	if kills < 2 || len(kept) < 3 {
		t.Errorf("seed %d: %d kills, states at %v: it was hardly interrupted", seed, kills, kept)
	}
}

// What a scan costs: a little more than a call a block, and a tenth of a
// request; of the senders' blocks alone, a few for each log transaction.
func TestAuditCost(t *testing.T) {
	w := newAuditWorld(t, devchain.Options{})
	for seq := range int64(4) {
		w.must(w.Mine(t.Context(), 250))
		w.payouts(seq+1, seq+1)
	}
	blocks := int(head(w)) + 1
	for scan, most := range map[string]int{"blocks": blocks * 102 / 100, "senders": 100} {
		w.limits.calls()
		auditOnce(t, 0, w.args("--scan", scan)...)
		calls, by := 0, w.limits.calls()
		for _, n := range by {
			calls += n
		}
		t.Logf("%s: %d calls for %d blocks: %v", scan, calls, blocks, by)
		if calls > most+10 {
			t.Errorf("%s: %d calls for %d blocks, want at most %d: %v", scan, calls, blocks, most, by)
		}
	}
}
