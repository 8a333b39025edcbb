package spannerdb_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// model is the money side of the database as plain maps and lists. It knows
// the rules of results and of books by itself, and those of a single payout
// and batch from package ledger, which has its own tests.
type model struct {
	now     time.Time
	cycles  map[string]int64
	rewards map[string]ledger.Micros
	spent   map[string]reputation.NanoUSD // by wallet
	links   map[string]reputation.Link    // by Solana wallet
	holds   map[string]*hold              // by task and worker
	results []credited
	seqs    map[common.Address]int64 // the payout that collects, from 1
	payouts map[ledger.PayoutID]*ledger.Payout
	days    map[string]ledger.Micros
	batches map[ledger.BatchKey]*ledger.ReceiptBatch
	adopted map[ledger.PayoutID]ledger.BatchKey
	leases  map[string]lent
}

type hold struct {
	cycle              int64
	assigned, resultAt time.Time
}

type credited struct {
	key    string // worker, task, time
	worker common.Address
	seq    int64
	reward ledger.Micros
	id     string
}

type lent struct {
	owner string
	until time.Time
}

func newModel() *model {
	return &model{
		now: start, cycles: map[string]int64{}, rewards: map[string]ledger.Micros{}, spent: map[string]reputation.NanoUSD{}, links: map[string]reputation.Link{},
		holds: map[string]*hold{}, seqs: map[common.Address]int64{}, payouts: map[ledger.PayoutID]*ledger.Payout{},
		days: map[string]ledger.Micros{}, batches: map[ledger.BatchKey]*ledger.ReceiptBatch{}, leases: map[string]lent{},
		adopted: map[ledger.PayoutID]ledger.BatchKey{},
	}
}

func (m *model) credit(batch []ledger.SubmittedResult) string {
	var out []string
	var earned []common.Address
	for _, r := range batch {
		verdict := m.judge(r)
		out = append(out, verdict)
		if strings.HasPrefix(verdict, "accepted") && !slices.Contains(earned, r.Worker) {
			earned = append(earned, r.Worker)
		}
	}
	for _, w := range earned {
		sum, count := m.sum(w, m.seqs[w])
		if sum < policy.Threshold {
			continue
		}
		p := ledger.NewPayout(w, ledger.Opened{Seq: m.seqs[w], Amount: sum, ResultCount: count}, policy, m.now)
		m.payouts[p.ID] = &p
		m.seqs[w]++
		out = append(out, "opens "+p.ID.String())
	}
	return strings.Join(out, ", ")
}

func (m *model) judge(r ledger.SubmittedResult) string {
	key := fmt.Sprint(r.Worker, r.TaskID, r.At.UnixMilli())
	h := m.holds[r.TaskID+r.Worker.Hex()]
	cycle, known := m.cycles[r.TaskID]
	switch {
	case !known:
		return "rejected " + string(api.UnknownTask)
	case slices.ContainsFunc(m.results, func(c credited) bool { return c.key == key }):
		return "rejected " + string(api.AlreadySubmitted)
	case r.At.Before(m.now.Add(-5 * time.Minute)):
		return "rejected " + string(api.Stale)
	case r.At.After(m.now.Add(30 * time.Second)):
		return "rejected " + string(api.Future)
	case h == nil:
		return "rejected " + string(api.NotAssigned)
	case !h.resultAt.IsZero() && !r.At.After(h.resultAt):
		return "rejected " + string(api.AlreadySubmitted)
	case r.At.Before(h.assigned.Add(-30 * time.Second)):
		return "rejected " + string(api.NotAssigned)
	}
	answered := !h.resultAt.Before(h.assigned.Add(-30 * time.Second))
	if h.cycle != cycle {
		if !answered { // of more of them nothing is noted
			h.resultAt = r.At
		}
		return "discarded " + string(api.CycleWon)
	}
	h.resultAt = r.At
	m.cycles[r.TaskID]++
	reward := m.rewards[r.TaskID] * ledger.Micros(m.bps(r.Worker)) / 10_000
	m.seqs[r.Worker] = max(m.seqs[r.Worker], 1)
	m.results = append(m.results, credited{key, r.Worker, m.seqs[r.Worker], reward, r.ResultID})
	return fmt.Sprintf("accepted %d", reward)
}

func (m *model) sum(w common.Address, seq int64) (sum ledger.Micros, count int64) {
	for _, c := range m.results {
		if c.worker == w && c.seq == seq {
			sum += c.reward
			count++
		}
	}
	return sum, count
}

// books are a worker's books, from the lists.
func (m *model) books(w common.Address) ledger.Credits {
	c := ledger.Credits{PayoutSeq: max(m.seqs[w], 1)}
	c.Pending, c.PendingResults = m.sum(w, c.PayoutSeq)
	for _, r := range m.results {
		if r.worker == w {
			c.TotalEarned += r.reward
		}
	}
	for _, p := range m.payouts {
		switch {
		case p.ID.Worker != w:
		case p.State == ledger.Confirmed:
			c.TotalPaid += p.Amount
		default:
			c.InFlight += p.Amount
		}
	}
	return c
}

// onPayout runs a rule of ledger on a payout; a refused one changes nothing.
func (m *model) onPayout(id ledger.PayoutID, rule func(*ledger.Payout) error) string {
	p := m.payouts[id]
	if p == nil {
		return outcome(ledger.ErrNotFound)
	}
	next := *p
	err := rule(&next)
	if err == nil {
		*p = next
	}
	return outcome(err)
}

func (m *model) onBatch(k ledger.BatchKey, rule func(*ledger.ReceiptBatch) error) string {
	b := m.batches[k]
	if b == nil {
		return outcome(ledger.ErrNotFound)
	}
	next := *b
	err := rule(&next)
	if err == nil {
		*b = next
	}
	return outcome(err)
}

func (m *model) due(at func(*ledger.Payout) time.Time, now time.Time, limit int) []ledger.PayoutID {
	var out []ledger.PayoutID
	for id, p := range m.payouts {
		if t := at(p); !t.IsZero() && !t.After(now) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b ledger.PayoutID) int {
		return cmp.Or(at(m.payouts[a]).Compare(at(m.payouts[b])), a.Worker.Cmp(b.Worker), cmp.Compare(a.Seq, b.Seq))
	})
	return out[:min(limit, len(out))]
}

func workDue(p *ledger.Payout) time.Time    { return p.WorkAt }
func receiptDue(p *ledger.Payout) time.Time { return p.ReceiptDueAt }

func (m *model) nextNonce(from uint64) uint64 {
	for k := range m.batches {
		from = max(from, k.AccountNonce+1)
	}
	return from
}

func (m *model) reserve(chainNonce uint64, limit int) string {
	ids := m.due(receiptDue, m.now, limit)
	if len(ids) == 0 {
		return "nothing"
	}
	if chainNonce > 0 && m.batches[ledger.BatchKey{Sender: logSender, AccountNonce: chainNonce - 1}] == nil {
		from := uint64(0)
		for k := range m.batches {
			if k.AccountNonce < chainNonce {
				from = max(from, k.AccountNonce+1)
			}
		}
		return fmt.Sprint("gap from ", from)
	}
	b := ledger.ReceiptBatch{
		BatchKey: ledger.BatchKey{Sender: logSender, AccountNonce: m.nextNonce(chainNonce)}, LogAddress: logTo,
		State: ledger.BatchOpen, CreatedAt: m.now,
	}
	for _, id := range ids {
		p := m.payouts[id]
		p.ReceiptDueAt, p.ReceiptBatch = time.Time{}, &b.BatchKey
		if k, ok := m.adopted[id]; ok {
			p.ReceiptBatch, p.LogTx = &k, m.batches[k].LogTx
			continue
		}
		b.ReceiptCount++
		b.Calldata = append(b.Calldata, id.String()+";"...)
	}
	if b.ReceiptCount == 0 {
		return "nothing"
	}
	m.batches[b.BatchKey] = &b
	return b.BatchKey.String()
}

func (m *model) moveReceipts(from ledger.BatchKey, change func(*ledger.Payout)) {
	for _, p := range m.payouts {
		if p.ReceiptBatch != nil && *p.ReceiptBatch == from {
			change(p)
		}
	}
}

func (m *model) adopt(u ledger.NonceUse) string {
	k := u.BatchKey
	changed, carried := true, false
	if m.batches[k] == nil {
		b := ledger.AdoptedBatch(u, m.now)
		m.batches[k] = &b
	} else if got := m.onBatch(k, func(b *ledger.ReceiptBatch) (err error) {
		changed, carried, err = b.Adopt(u, m.now)
		return err
	}); got != "ok" || !changed {
		return got
	}
	m.moveReceipts(k, func(p *ledger.Payout) {
		if carried {
			p.LogTx = u.Tx
			return
		}
		p.ReceiptBatch, p.ReceiptDueAt = nil, m.now
	})
	if !carried {
		for _, id := range u.Receipts {
			m.adopted[id] = k
		}
	}
	return "ok"
}

// state is everything as text, to compare with the database.
func (m *model) state(workers []common.Address) string {
	out := []any{}
	for _, w := range workers {
		out = append(out, m.books(w))
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.payouts), comparePayoutID) {
		out = append(out, m.payouts[id])
	}
	for _, k := range slices.SortedFunc(maps.Keys(m.batches), func(a, b ledger.BatchKey) int { return cmp.Compare(a.AccountNonce, b.AccountNonce) }) {
		out = append(out, m.batches[k])
	}
	var days ledger.Micros
	for _, d := range m.days {
		days += d
	}
	return lines(append(out, days))
}

func comparePayoutID(a, b ledger.PayoutID) int {
	return cmp.Or(a.Worker.Cmp(b.Worker), cmp.Compare(a.Seq, b.Seq))
}

func lines(things []any) string {
	var s strings.Builder
	for _, v := range things {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		s.Write(append(text, '\n'))
	}
	return s.String()
}

// outcome is an error's class; which one is part of every verb's promise.
func outcome(err error) string {
	for _, known := range []error{ledger.ErrNotFound, ledger.ErrFinal, ledger.ErrLeased, ledger.ErrLeaseLost, ledger.ErrMove,
		ledger.ErrExpired, ledger.ErrConflict, ledger.ErrPayoutCap, ledger.ErrDailyCap} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	var gap *ledger.NonceGap
	switch {
	case errors.As(err, &gap):
		return fmt.Sprint("gap from ", gap.From)
	case err != nil:
		return "refused"
	}
	return "ok"
}
