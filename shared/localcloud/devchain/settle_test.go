package devchain_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
)

// The pool remembers one waiter: a sender and the miner that waited at once
// left one of them, and so the whole chain, waiting for ever.
func TestSendersAndTheMinerDoNotLoseEachOther(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	chain, err := devchain.Start(ctx, devchain.Options{Instant: true})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for range 10 {
					if err := chain.Fund(ctx, common.Address{byte(i + 1)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		done <- chain.Stop()
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("the chain hangs")
	}
}
