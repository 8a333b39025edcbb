package processpayout

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// simStore is the database of a simulation: the same rules as in production,
// since both run the ledger's own transitions, and each verb is atomic. It is
// used by one goroutine at a time.
type simStore struct {
	payouts map[ledger.PayoutID]ledger.Payout
	credits map[common.Address]ledger.Credits
	results map[ledger.PayoutID][]simResult
	days    map[string]ledger.Micros
	batches map[ledger.BatchKey]ledger.ReceiptBatch
	adopted map[ledger.PayoutID]ledger.BatchKey
	leases  map[string]simLease
	lost    map[ledger.PayoutID]ledger.ResultSum // ledger.LostResults

	// paused is the operator's switch.
	paused bool

	// noLeases has every lease granted: safety must not depend on them.
	noLeases bool
	// debitLate leaves the credit of a payout pending: a mutation.
	debitLate bool
}

type simResult struct {
	id     string
	reward ledger.Micros
}

type simLease struct {
	owner string
	until time.Time
}

func newSimStore() *simStore {
	return &simStore{
		payouts: map[ledger.PayoutID]ledger.Payout{}, credits: map[common.Address]ledger.Credits{},
		results: map[ledger.PayoutID][]simResult{}, days: map[string]ledger.Micros{},
		batches: map[ledger.BatchKey]ledger.ReceiptBatch{}, adopted: map[ledger.PayoutID]ledger.BatchKey{}, leases: map[string]simLease{},
		lost: map[ledger.PayoutID]ledger.ResultSum{},
	}
}

// clone is the store as it stands, for one that goes another way.
func (s simStore) clone() simStore {
	s.payouts, s.credits, s.days = maps.Clone(s.payouts), maps.Clone(s.credits), maps.Clone(s.days)
	s.adopted, s.lost = maps.Clone(s.adopted), maps.Clone(s.lost)
	s.batches, s.leases, s.results = maps.Clone(s.batches), maps.Clone(s.leases), maps.Clone(s.results)
	for id, rs := range s.results {
		s.results[id] = slices.Clip(rs)
	}
	return s
}

// owns reports whether an effect of that name is a transaction of the database.
func (s *simStore) owns(effect string) bool {
	switch effect {
	case "Authorization", "Obstacle", "Settle", "AccountNonces", "TxStatus", "AccountTransactions", "SuggestFees", "EstimateGas", "Broadcast", "Call", "Sleep":
		return false
	}
	return true
}

// earn credits a worker with results of one reward each, and opens a payout
// when they reach the threshold.
func (s *simStore) earn(worker common.Address, results int, reward ledger.Micros, policy ledger.PayoutPolicy, now time.Time) {
	c, ok := s.credits[worker]
	if !ok {
		c = ledger.NewCredits()
	}
	for range results {
		seq, err := c.Credit(reward)
		if err != nil {
			panic(err)
		}
		id := ledger.PayoutID{Worker: worker, Seq: seq}
		s.results[id] = append(s.results[id], simResult{fmt.Sprintf("%s-%d", id, len(s.results[id])), reward})
	}
	after := c
	opened, err := after.OpenPayout(policy.Threshold)
	if err != nil {
		panic(err)
	}
	if s.debitLate {
		c.PayoutSeq = after.PayoutSeq
	} else {
		c = after
	}
	if opened != nil {
		p := ledger.NewPayout(worker, *opened, policy, now)
		s.payouts[p.ID] = p
	}
	s.credits[worker] = c
}

// change applies a transition to one payout.
func (s *simStore) change(id ledger.PayoutID, do func(*ledger.Payout) error) (ledger.Payout, error) {
	p, ok := s.payouts[id]
	if !ok {
		return p, ledger.ErrNotFound
	}
	if err := do(&p); err != nil {
		return ledger.Payout{}, err
	}
	s.payouts[id] = p
	return p, nil
}

func (s *simStore) lease(id ledger.PayoutID, owner string, now time.Time, ttl time.Duration) (ledger.Payout, error) {
	return s.change(id, func(p *ledger.Payout) error {
		if s.noLeases {
			p.LeaseOwner = ""
			p.LeaseUntil = time.Time{}
		}
		return p.Lease(owner, now, ttl)
	})
}

func (s *simStore) authorise(id ledger.PayoutID, a ledger.AuthorizationRecord, caps ledger.PayoutCaps, now time.Time) (ledger.Payout, error) {
	if s.paused {
		return ledger.Payout{}, ledger.ErrPaused
	}
	day := now.UTC().Format(time.DateOnly)
	var counted ledger.Micros
	p, err := s.change(id, func(p *ledger.Payout) (err error) {
		counted, _, err = p.Authorise(a, caps, s.days[day], now)
		return err
	})
	s.days[day] += counted
	return p, err
}

func (s *simStore) confirm(id ledger.PayoutID, tx common.Hash, block uint64, now time.Time) error {
	_, err := s.change(id, func(p *ledger.Payout) error {
		c := s.credits[id.Worker]
		_, err := p.Confirm(&c, tx, block, now)
		if err == nil {
			s.credits[id.Worker] = c
		}
		return err
	})
	return err
}

// due are the payouts whose work is due, in order.
func (s *simStore) due(now time.Time) []ledger.PayoutID {
	return s.sorted(func(p ledger.Payout) bool { return !p.WorkAt.IsZero() && !p.WorkAt.After(now) })
}

func (s *simStore) sorted(wanted func(ledger.Payout) bool) []ledger.PayoutID {
	var ids []ledger.PayoutID
	for id, p := range s.payouts {
		if wanted(p) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, comparePayoutID)
	return ids
}

func (s *simStore) sendable(q ledger.Sendable, now time.Time) (out []ledger.Payout) {
	for _, id := range s.due(now) {
		if p := s.payouts[id]; len(out) < q.Limit && q.Takes(p, now) {
			out = append(out, p)
		}
	}
	return out
}

func (s *simStore) receiptsDue(now time.Time) (count int64, oldest time.Time) {
	for _, p := range s.payouts {
		if !p.ReceiptDueAt.IsZero() && !p.ReceiptDueAt.After(now) {
			count++
			if oldest.IsZero() || p.ReceiptDueAt.Before(oldest) {
				oldest = p.ReceiptDueAt
			}
		}
	}
	return count, oldest
}

func (s *simStore) openBatches(sender common.Address) []ledger.ReceiptBatch {
	var open []ledger.ReceiptBatch
	for k, b := range s.batches {
		if k.Sender == sender && b.State == ledger.BatchOpen {
			open = append(open, b)
		}
	}
	slices.SortFunc(open, func(a, b ledger.ReceiptBatch) int { return cmp.Compare(a.AccountNonce, b.AccountNonce) })
	return open
}

func (s *simStore) nextNonce(sender common.Address, atLeast uint64) uint64 {
	for k := range s.batches {
		if k.Sender == sender && k.AccountNonce >= atLeast {
			atLeast = k.AccountNonce + 1
		}
	}
	return atLeast
}

func (s *simStore) reserve(sender, logAddress common.Address, chainNonce uint64, limit int, now time.Time, encode func([]ledger.Payout) ([]byte, error)) (*ledger.ReceiptBatch, error) {
	ids := s.sorted(func(p ledger.Payout) bool { return !p.ReceiptDueAt.IsZero() && !p.ReceiptDueAt.After(now) })
	ids = ids[:min(limit, len(ids))]
	if len(ids) == 0 {
		return nil, nil
	}
	if known := s.nextNonce(sender, 0); known < chainNonce {
		return nil, &ledger.NonceGap{Sender: sender, From: known, To: chainNonce}
	}
	var payouts, onChain []ledger.Payout
	for _, id := range ids {
		p := s.payouts[id]
		if k, ok := s.adopted[id]; ok {
			p.ReceiptDueAt, p.ReceiptBatch, p.LogTx = time.Time{}, &k, s.batches[k].LogTx
			onChain = append(onChain, p)
			continue
		}
		payouts = append(payouts, p)
	}
	var b *ledger.ReceiptBatch
	if len(payouts) > 0 {
		data, err := encode(payouts)
		if err != nil {
			return nil, err
		}
		b = &ledger.ReceiptBatch{
			BatchKey:   ledger.BatchKey{Sender: sender, AccountNonce: s.nextNonce(sender, chainNonce)},
			LogAddress: logAddress, Calldata: data, ReceiptCount: int64(len(payouts)), State: ledger.BatchOpen, CreatedAt: now,
		}
		s.batches[b.BatchKey] = *b
	}
	for _, p := range payouts {
		p.ReceiptDueAt, p.ReceiptBatch = time.Time{}, &b.BatchKey
		s.payouts[p.ID] = p
	}
	for _, p := range onChain {
		s.payouts[p.ID] = p
	}
	return b, nil
}

func (s *simStore) inBatch(k ledger.BatchKey, do func(*ledger.Payout)) {
	for id, p := range s.payouts {
		if p.ReceiptBatch != nil && *p.ReceiptBatch == k {
			do(&p)
			s.payouts[id] = p
		}
	}
}

func (s *simStore) changeBatch(k ledger.BatchKey, do func(*ledger.ReceiptBatch) error) error {
	b, ok := s.batches[k]
	if !ok {
		return ledger.ErrNotFound
	}
	if err := do(&b); err != nil {
		return err
	}
	s.batches[k] = b
	return nil
}

func (s *simStore) broadcast(k ledger.BatchKey, tx common.Hash, feeCap, tipCap *big.Int, now time.Time) error {
	return s.changeBatch(k, func(b *ledger.ReceiptBatch) error { return b.Broadcast(tx, feeCap, tipCap, now) })
}

func (s *simStore) confirmBatch(k ledger.BatchKey, tx common.Hash, block uint64) error {
	return s.changeBatch(k, func(b *ledger.ReceiptBatch) error {
		_, err := b.Confirm(tx, block)
		if err == nil {
			s.inBatch(k, func(p *ledger.Payout) { p.LogTx = tx })
		}
		return err
	})
}

func (s *simStore) adopt(u ledger.NonceUse, now time.Time) error {
	changed, carried := true, false
	if _, ok := s.batches[u.BatchKey]; !ok {
		s.batches[u.BatchKey] = ledger.AdoptedBatch(u, now)
	} else if err := s.changeBatch(u.BatchKey, func(b *ledger.ReceiptBatch) (err error) {
		changed, carried, err = b.Adopt(u, now)
		return err
	}); err != nil || !changed {
		return err
	}
	s.inBatch(u.BatchKey, func(p *ledger.Payout) {
		if carried {
			p.LogTx = u.Tx
			return
		}
		p.ReceiptBatch, p.ReceiptDueAt = nil, now
	})
	if !carried {
		for _, id := range u.Receipts {
			s.adopted[id] = u.BatchKey
		}
	}
	return nil
}

func (s *simStore) takeLease(name, owner string, now time.Time, ttl time.Duration) error {
	if l, ok := s.leases[name]; ok && l.owner != owner && now.Before(l.until) && !s.noLeases {
		return ledger.ErrLeased
	}
	s.leases[name] = simLease{owner, now.Add(ttl)}
	return nil
}

func (s *simStore) releaseLease(name, owner string) {
	if s.leases[name].owner == owner {
		delete(s.leases, name)
	}
}
