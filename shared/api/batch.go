package api

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// VerifyBatch verifies each result, as Verify does, on all CPUs at once, and
// returns one Verified for each, in the same order. It starts at most one
// goroutine per CPU, and none is left when it returns.
func VerifyBatch(results []Result) []Verified {
	verified := make([]Verified, len(results))
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(results) {
				return
			}
			verified[i] = Verify(results[i])
		}
	}
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(results)) - 1 {
		helpers.Go(work)
	}
	work()
	helpers.Wait()
	return verified
}
