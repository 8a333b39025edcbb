// Package auditor carries out an audit (shared/audit) over a long range of
// blocks: in steps, patiently, and from where an earlier run stopped.
package auditor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/chain"
)

// Scan is one walk over blocks From to To, both included.
type Scan struct {
	Node  *chain.Client
	Scope audit.Scope
	From  uint64
	To    *uint64 // nil: the safe block
	State string  // file from which the walk goes on, and in which it is kept; "" for none

	SaveEvery time.Duration // how much work a kill may cost

	Told  func(Progress) // how far it is, after each step
	Retry func(error, time.Duration)
}

// Progress is how far a scan is.
type Progress struct {
	From, Next, To  uint64 // of the whole range; blocks before Next are read
	Began           uint64 // the first block of this run
	Elapsed         time.Duration
	Requests, Calls uint64 // to the node, of this run
}

var (
	// ErrRange means that the blocks cannot be audited; the error says why.
	ErrRange = errors.New("these blocks cannot be audited")
	// ErrState means that the state file cannot be gone on with.
	ErrState = errors.New("the state file cannot be gone on with")
	// ErrPruned means that the node does not keep what the scan needs.
	ErrPruned = errors.New("the node does not know the state of old blocks")
)

// How many blocks make a step: one that ends is not read again.
const (
	blockStep  = 200    // every one of them is read
	senderStep = 20_000 // only those that hold something
)

// Run walks, and returns the trail, complete. After an error the state file
// has all that was read up to the last step.
func (s Scan) Run(ctx context.Context) (*audit.Trail, error) {
	safe, err := s.safe(ctx)
	if err != nil {
		return nil, err
	}
	to, err := s.last(safe)
	if err != nil {
		return nil, err
	}
	trail, hash, err := s.resume(ctx, to)
	if err != nil {
		return nil, err
	}
	w := walk{Scan: s, trail: trail, to: to, hash: hash, began: time.Now(), saved: time.Now()}
	w.first = s.From
	if trail.Next() > 0 {
		w.first = trail.Next()
	}
	err = w.run(ctx)
	if keep := w.save(); err == nil {
		err = keep
	}
	if err != nil {
		return trail, err
	}
	if err := s.patiently(ctx, func() error { return trail.Complete(ctx, s.Node) }); err != nil {
		return trail, err
	}
	err = s.patiently(ctx, func() error { return trail.Prove(ctx, s.Node) })
	if errors.Is(err, ErrPruned) {
		err = nil // then it is not proven, and the report says so
	}
	return trail, err
}

func (s Scan) safe(ctx context.Context) (uint64, error) {
	var safe uint64
	err := s.patiently(ctx, func() error {
		heads, err := s.Node.Heads(ctx)
		safe = heads.Safe.Number
		return err
	})
	return safe, err
}

// last is the last block of the range.
func (s Scan) last(safe uint64) (uint64, error) {
	to := safe
	if s.To != nil {
		to = *s.To
	}
	switch {
	case to < s.From:
		return 0, fmt.Errorf("%w: the first is %d, the last %d", ErrRange, s.From, to)
	case to > safe:
		return 0, fmt.Errorf("%w: block %d is not safe yet, block %d is the latest that is", ErrRange, to, safe)
	}
	return to, nil
}

// walk is a scan under way.
type walk struct {
	Scan
	trail     *audit.Trail
	first, to uint64      // of this run
	hash      common.Hash // of the last block that was read
	began     time.Time
	saved     time.Time
	took      time.Duration // the last save
	unsaved   bool
}

func (w *walk) run(ctx context.Context) error {
	step := uint64(blockStep)
	if w.Scope.SendersOnly {
		step = senderStep
	}
	for next := w.first; next <= w.to; next = w.trail.Next() {
		end := next + min(step-1, w.to-next)
		err := w.patiently(ctx, func() error {
			// The hash comes first: what follows must not be of a block before a reorganisation.
			head, err := w.Node.HeadAt(ctx, end)
			if err != nil {
				return err
			}
			if err := w.trail.Walk(ctx, w.Node, next, end); err != nil {
				return err
			}
			w.hash, w.unsaved = head.Hash, true
			return nil
		})
		if err != nil {
			return err
		}
		// States grow, and writing them must stay cheap beside reading blocks.
		if time.Since(w.saved) > max(w.SaveEvery, 20*w.took) {
			if err := w.save(); err != nil {
				return err
			}
		}
		w.tell()
	}
	return nil
}

func (w *walk) tell() {
	if w.Told == nil {
		return
	}
	requests, calls := w.Node.Asked()
	w.Told(Progress{w.From, w.trail.Next(), w.to, w.first, time.Since(w.began), requests, calls})
}

// patience is how often a step is tried, beside the tries that the client
// gives each of its calls.
const patience = 5

// patiently does a step again that may succeed later. A step that failed
// leaves no trace.
func (s Scan) patiently(ctx context.Context, step func() error) error {
	wait := time.Second
	for try := 1; ; try++ {
		err := step()
		switch {
		case err == nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case pruned(err):
			return fmt.Errorf("%w: %w", ErrPruned, err)
		case try == patience || errors.Is(err, audit.ErrLeftOut) || errors.Is(err, chain.ErrLeftOut) || errors.Is(err, ErrState):
			return err
		}
		if s.Retry != nil {
			s.Retry(err, wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait *= 2
	}
}

// pruned recognises, by the words of several nodes, that old state is gone.
func pruned(err error) bool {
	text := strings.ToLower(err.Error())
	for _, words := range []string{"missing trie node", "state is not available", "state not available", "historical state", "pruned", "archive", "state histories haven't been fully indexed"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
