package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// orphaned is closed when the go command that started this process (go run)
// is gone: killed hard, it cannot pass the signal on. Started in any other
// way, the network outlives its parent, as a server should.
func orphaned(ctx context.Context) <-chan struct{} {
	return watch(ctx, os.Getppid, commandName, 250*time.Millisecond)
}

func watch(ctx context.Context, parent func() int, name func(pid int) string, every time.Duration) <-chan struct{} {
	gone := make(chan struct{})
	first := parent()
	if name(first) != "go" {
		return gone
	}
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if parent() != first {
					close(gone)
					return
				}
			}
		}
	}()
	return gone
}

// commandName is the name of a process' program, or "" when it cannot be told.
func commandName(pid int) string {
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		return strings.TrimSpace(string(comm))
	}
	out, err := exec.Command("ps", "-o", "comm=", "-p", fmt.Sprint(pid)).Output()
	if err != nil {
		return ""
	}
	return filepath.Base(strings.TrimSpace(string(out)))
}
