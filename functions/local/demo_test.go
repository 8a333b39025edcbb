//go:build unix

package main

import (
	"strings"
	"testing"
	"time"
)

// The tour as a user takes it, without a terminal.
func TestDemo(t *testing.T) {
	p := start(t, nil, "demo")
	p.says(t, "worker-3  ")
	all := family(t, p.cmd.Process.Pid)
	if code := p.ends(t, 2*time.Minute); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	p.says(t, "all verified from chain data alone")
	out := p.output()
	for _, worker := range []string{"worker-1", "worker-2", "worker-3"} {
		if !strings.Contains(out, worker+"  paid 0.0") {
			t.Errorf("%s was not seen to be paid", worker)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("control sequences without a terminal")
	}
	allEnd(t, all)
}
