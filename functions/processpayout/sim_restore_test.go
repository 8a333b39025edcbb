package processpayout

import (
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// recover tells the restored database of the time that it lost, as the operator's
// command does when nothing that was signed can be settled any more: from the
// chain, and from as much of the result log as there is. It is interrupted now and
// then, and begins again.
func (w *world) recover(lost simStore, since time.Time) {
	w.t.Helper()
	w.now = w.now.Add(w.policy.Validity)
	for range w.chain.safeDepth + 1 {
		w.now = w.now.Add(15 * time.Second)
		w.chain.tick(w.now)
	}
	evidence := w.evidence(lost)
	policy := recovery.Policy{PayoutPolicy: w.opening, Since: since}
	for worker := range int64(3) {
		who := simWorker(worker)
		for done := false; !done; {
			plan, err := policy.Plan(w.store.known(who, evidence[who].Lines), w.withRows(evidence[who]))
			if err != nil {
				w.fatal("%v", err)
			}
			done = len(plan.Steps) == 0
			for _, step := range plan.Steps {
				if w.rng.IntN(3) == 0 {
					break // interrupted
				}
				w.store.post(step, who, w.opening, w.now)
				w.touched = true
				w.check()
			}
		}
	}
	for _, e := range evidence {
		for _, t := range e.Transfers {
			if _, known := w.store.payouts[t.ID]; !known {
				w.fatal("payout %s is on chain, and not recovered", t.ID)
			}
		}
	}
}

// evidence is what outlived the database: of the log all, half or nothing of each payout.
func (w *world) evidence(lost simStore) map[common.Address]*recovery.Evidence {
	out := map[common.Address]*recovery.Evidence{}
	receipts := w.receiptsOnChain()
	for worker := range int64(3) {
		who := simWorker(worker)
		out[who] = &recovery.Evidence{Receipts: receipts[who]}
	}
	for _, id := range lost.sorted(func(ledger.Payout) bool { return true }) {
		p, e := lost.payouts[id], out[id.Worker]
		if tx, block, used := w.chain.find(p.Nonce, w.chain.safe); used {
			e.Transfers = append(e.Transfers, recovery.Transfer{ID: id, Amount: p.Amount, Tx: tx.hash, Block: uint64(block)})
		}
		if len(w.store.results[id]) > 0 {
			continue
		}
		results := lost.results[id]
		for _, r := range results[:len(results)*w.rng.IntN(3)/2] {
			e.Lines = append(e.Lines, resultlog.InPart{Line: resultlog.Line{Result: api.Result{TaskID: r.id}, ResultID: r.id, Payout: id, Reward: r.reward, AcceptedAt: p.CreatedAt}})
		}
	}
	return out
}

func (w *world) receiptsOnChain() map[common.Address]map[int64]receipt.Receipt {
	out := map[common.Address]map[int64]receipt.Receipt{}
	for _, b := range w.chain.blocks {
		for _, tx := range b.txs {
			if tx.account == nil || tx.from != w.chain.logSender || *tx.account.To() != w.logAddress {
				continue
			}
			rs, err := receipt.Decode(tx.account.Data())
			if err != nil {
				w.fatal("%v", err)
			}
			for _, r := range rs {
				if out[r.Worker()] == nil {
					out[r.Worker()] = map[int64]receipt.Receipt{}
				}
				out[r.Worker()][r.PayoutID.Seq] = r
			}
		}
	}
	return out
}

// withRows adds the payouts that the database has by now.
func (w *world) withRows(e *recovery.Evidence) recovery.Evidence {
	out := *e
	for _, t := range e.Transfers {
		if p, known := w.store.payouts[t.ID]; known {
			out.Rows = append(out.Rows, p)
		}
	}
	return out
}

// known is what the database has of a worker.
func (s *simStore) known(worker common.Address, lines []resultlog.InPart) recovery.Books {
	c, ok := s.credits[worker]
	if !ok {
		c = ledger.NewCredits()
	}
	b := recovery.Books{Worker: worker, Credits: c, Stored: map[string]bool{}}
	for _, l := range lines {
		b.Stored[l.ResultID] = slices.ContainsFunc(s.results[l.Payout], func(r simResult) bool { return r.id == l.ResultID })
	}
	for _, r := range s.results[ledger.PayoutID{Worker: worker, Seq: c.PayoutSeq}] {
		b.Open = append(b.Open, recovery.Result{ID: r.id, Reward: r.reward})
	}
	return b
}

// post does one step, as RecoverResults and RecoverPayout do.
func (s *simStore) post(step recovery.Step, worker common.Address, policy ledger.PayoutPolicy, now time.Time) {
	c, ok := s.credits[worker]
	if !ok {
		c = ledger.NewCredits()
	}
	id := ledger.PayoutID{Worker: worker, Seq: step.Seq}
	for _, l := range step.Results {
		if _, err := c.Credit(l.Reward); err != nil {
			panic(err)
		}
		s.results[id] = append(s.results[id], simResult{l.ResultID, l.Reward})
	}
	if r := step.Close; r != nil {
		p, err := c.Recover(*r, policy, now)
		if err != nil {
			panic(err)
		}
		if p != nil {
			s.payouts[id] = *p
		}
		if r.Lost != nil {
			s.lost[id] = ledger.ResultSum{Seq: id.Seq, Count: r.Lost.Count, Sum: r.Lost.Sum}
		}
	}
	s.credits[worker] = c
}
