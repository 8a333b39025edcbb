package refreshreputation

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

type totalKey struct {
	log     string
	version int64
	wallet  string
	piece   int64
}

type dayKey struct{ wallet, day string }

// store is spannerdb's part in memory, with few wallets a step, so that runs
// have many. fail, when set, is asked before and after every write.
type store struct {
	mu        sync.Mutex
	holder    string
	until     time.Time
	logs      map[string]reputation.SpendLog
	totals    map[totalKey]reputation.NanoUSD
	days      map[dayKey]reputation.NanoUSD
	standings map[string]reputation.Standing
	fail      func(when string) error
	writes    int
}

func newStore() *store {
	return &store{
		logs: map[string]reputation.SpendLog{}, totals: map[totalKey]reputation.NanoUSD{},
		days: map[dayKey]reputation.NanoUSD{}, standings: map[string]reputation.Standing{},
	}
}

func (s *store) write(f *spannerdb.Fence, do func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.fail != nil {
		if err := s.fail("before"); err != nil {
			return err
		}
	}
	if f != nil && s.holder != f.Owner {
		return ledger.ErrLeaseLost
	}
	do()
	if s.fail != nil {
		return s.fail("after")
	}
	return nil
}

func (s *store) TakeLease(_ context.Context, _, owner string, at time.Time, ttl time.Duration) error {
	if s.holder != "" && s.holder != owner && at.Before(s.until) {
		return ledger.ErrLeased
	}
	return s.write(nil, func() { s.holder, s.until = owner, at.Add(ttl) })
}

func (s *store) ReleaseLease(_ context.Context, _, owner string) error {
	return s.write(nil, func() {
		if s.holder == owner {
			s.holder = ""
		}
	})
}

func (s *store) SpendLogs(context.Context) ([]reputation.SpendLog, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.logs)), nil
}

func (s *store) StageSpend(_ context.Context, f spannerdb.Fence, l reputation.SpendLog, piece []reputation.WalletTotal, _ time.Time) error {
	for _, t := range piece { // each a commit of its own
		if err := s.write(&f, func() { s.totals[totalKey{l.ID(), l.Staged.Version, t.Wallet, l.Staged.Pieces - 1}] = t.Total }); err != nil {
			return err
		}
	}
	return s.write(&f, func() { s.logs[l.Name] = l })
}

func (s *store) CountSpend(_ context.Context, f spannerdb.Fence, l reputation.SpendLog, _ time.Time) error {
	return s.write(&f, func() { s.logs[l.Name] = l })
}

func (s *store) ApplySpend(_ context.Context, f spannerdb.Fence, l reputation.SpendLog, after string, _ time.Time) (string, error) {
	next := ""
	for k := range s.totals {
		if k.log == l.ID() && (k.version == l.Counted.Version || k.version == *l.Replaced) && k.wallet > after && (next == "" || k.wallet < next) {
			next = k.wallet
		}
	}
	if next == "" {
		return "", nil
	}
	return next, s.write(&f, func() {
		delete(s.days, dayKey{next, l.Day})
		for _, o := range s.logs {
			for k, n := range s.totals {
				if o.Day == l.Day && k.log == o.ID() && k.version == o.Counted.Version && k.wallet == next {
					s.days[dayKey{next, l.Day}] += n
				}
			}
		}
		var sum reputation.NanoUSD
		for k, n := range s.days {
			if k.wallet == next {
				sum += n
			}
		}
		s.standings[next] = reputation.Standing{Wallet: next, Total: sum, Tier: reputation.TierFor(sum)}
	})
}

func (s *store) SettleSpend(_ context.Context, f spannerdb.Fence, l reputation.SpendLog, _ time.Time) error {
	if err := s.write(&f, func() {
		maps.DeleteFunc(s.totals, func(k totalKey, _ reputation.NanoUSD) bool { return k.log == l.ID() && k.version < l.Counted.Version })
	}); err != nil {
		return err
	}
	return s.write(&f, func() { l.Replaced = nil; s.logs[l.Name] = l })
}

var errLost = errors.New("connection lost")
