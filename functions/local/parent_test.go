package main

import (
	"os"
	"sync/atomic"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	for _, c := range []struct {
		name    string
		command string
		dies    bool
		want    bool
	}{
		{"go run goes on", "go", false, false},
		{"go run is killed", "go", true, true},
		{"a shell ends; the server stays", "bash", true, false},
		{"an unknown parent ends; the server stays", "", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var pid atomic.Int64
			pid.Store(100)
			gone := watch(t.Context(), func() int { return int(pid.Load()) }, func(int) string { return c.command }, time.Millisecond)
			if c.dies {
				pid.Store(1)
			}
			wait := 100 * time.Millisecond
			if c.want {
				wait = 10 * time.Second
			}
			select {
			case <-gone:
				if !c.want {
					t.Error("told to stop")
				}
			case <-time.After(wait):
				if c.want {
					t.Error("not told to stop")
				}
			}
		})
	}
}

func TestCommandName(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Linux keeps 15 bytes of the name.
	if got := commandName(os.Getpid()); got == "" || got != exe[len(exe)-len(got):] {
		t.Errorf("this process is %q, its program %q", got, exe)
	}
	if got := commandName(1 << 30); got != "" {
		t.Errorf("a process that does not exist is %q", got)
	}
}
