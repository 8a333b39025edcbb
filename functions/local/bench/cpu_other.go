//go:build !unix

package main

import "time"

var started = time.Now()

// cpuTime is the clock's, where the process's own cannot be asked for.
func cpuTime() time.Duration { return time.Since(started) }
