package processpayout

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// check holds after every effect of every process. It is looked at when
// something may have changed since the last look.
func (w *world) check() {
	w.t.Helper()
	w.effects++
	if w.unasked {
		w.fatal("given to a rail without being released: the operator may have paused payouts")
	}
	if !w.touched {
		return
	}
	w.touched = false
	if wrong := w.books().Disagreements; len(wrong) > 0 {
		w.fatal("the books do not balance: %s", slices.MinFunc(wrong, func(a, b ledger.Disagreement) int { return cmp.Compare(a.String(), b.String()) }))
	}
	transfers := w.chain.transfers()
	byNonce := map[common.Hash]ledger.Payout{}
	for _, id := range w.store.sorted(func(ledger.Payout) bool { return true }) {
		p := w.store.payouts[id]
		byNonce[p.Nonce] = p
		paid := transfers[p.Nonce]
		if p.State == ledger.Failed && !w.lost[p.Nonce] && (len(paid) > 0 || w.executable(p)) {
			w.fatal("payout %s has failed; %d transfers were made for it, more can be: %t", id, len(paid), w.executable(p))
		}
		if p.State == ledger.Confirmed && len(paid) == 0 {
			w.fatal("payout %s is confirmed, and there is no transfer", id)
		}
		if p.State == ledger.Confirmed {
			tx, block, used := w.chain.find(p.Nonce, w.chain.head())
			if !used || tx.hash != p.UsdcTx || uint64(block) != p.UsdcBlock {
				w.fatal("payout %s is confirmed by %.4x in block %d; the chain has %.4x in block %d", id, p.UsdcTx[:], p.UsdcBlock, tx.hash[:], block)
			}
		}
	}
	for _, nonce := range slices.SortedFunc(maps.Keys(transfers), common.Hash.Cmp) {
		paid := transfers[nonce]
		p, known := byNonce[nonce]
		switch {
		case !known && w.lost[nonce] && len(paid) == 1: // until the payout is opened again
		case !known:
			w.fatal("a transfer of %d to %s is nobody's payout", paid[0].Value, paid[0].To)
		case len(paid) != 1:
			w.fatal("payout %s was paid %d times", p.ID, len(paid))
		case paid[0].To != p.ID.Worker || paid[0].Value != p.Amount:
			w.fatal("payout %s of %d was paid as %d to %s", p.ID, p.Amount, paid[0].Value, paid[0].To)
		}
	}
	counted := w.receipts()
	for _, id := range slices.SortedFunc(maps.Keys(counted), comparePayoutID) {
		if n := counted[id]; n != 1 {
			w.fatal("payout %s has %d receipts on chain", id, n)
		}
	}
}

func comparePayoutID(a, b ledger.PayoutID) int {
	return cmp.Or(a.Worker.Cmp(b.Worker), cmp.Compare(a.Seq, b.Seq))
}

// executable reports whether anything that was given away for a payout could
// still be executed in some block to come.
func (w *world) executable(p ledger.Payout) bool {
	return slices.ContainsFunc(w.cheques, func(pay x402.Payment) bool {
		return pay.Authorization.Nonce == p.Nonce && w.chain.blocks[w.chain.safe].time < pay.Authorization.ValidBefore
	})
}

// checkEnd holds when nothing is left to do.
func (w *world) checkEnd() {
	w.t.Helper()
	transfers, receipts := w.chain.transfers(), w.receipts()
	for id, p := range w.store.payouts {
		want := 0
		if p.State == ledger.Confirmed {
			want = 1
		}
		if len(transfers[p.Nonce]) != want || receipts[id] != want {
			w.fatal("payout %s is %s (%s) with %d transfers and %d receipts", id, p.State, p.Reason, len(transfers[p.Nonce]), receipts[id])
		}
	}
}

// books are everybody's, as an auditor would add them up.
func (w *world) books() ledger.BooksReport {
	var report ledger.BooksReport
	for worker, c := range w.store.credits {
		b := ledger.WorkerBooks{Worker: worker, Credits: c}
		for _, id := range w.store.sorted(func(p ledger.Payout) bool { return p.ID.Worker == worker }) {
			b.Payouts = append(b.Payouts, w.store.payouts[id])
		}
		slices.SortFunc(b.Payouts, func(a, b ledger.Payout) int { return cmp.Compare(a.ID.Seq, b.ID.Seq) })
		for id, results := range w.store.results {
			if id.Worker != worker {
				continue
			}
			sum := ledger.ResultSum{Seq: id.Seq, Count: int64(len(results))}
			for _, r := range results {
				sum.Sum += r.reward
			}
			b.Results = append(b.Results, sum)
		}
		slices.SortFunc(b.Results, func(a, b ledger.ResultSum) int { return cmp.Compare(a.Seq, b.Seq) })
		for id, l := range w.store.lost {
			if id.Worker == worker {
				b.Lost = append(b.Lost, l)
			}
		}
		report.AddWorker(b)
	}
	for k, batch := range w.store.batches {
		books := ledger.BatchBooks{Batch: batch}
		w.store.inBatch(k, func(p *ledger.Payout) {
			books.Payouts = append(books.Payouts, ledger.PayoutReceipt{ID: p.ID, LogTx: p.LogTx})
		})
		report.AddBatch(books)
	}
	return report
}

// receipts counts those that are on chain, each compared with its payout.
func (w *world) receipts() map[ledger.PayoutID]int {
	n := map[ledger.PayoutID]int{}
	for _, b := range w.chain.blocks {
		for _, tx := range b.txs {
			if tx.account == nil || tx.from != w.chain.logSender || *tx.account.To() != w.logAddress {
				continue
			}
			rs, err := receipt.Decode(tx.account.Data())
			if err != nil {
				w.fatal("log transaction %s: %v", tx.hash, err)
			}
			for _, r := range rs {
				n[r.PayoutID]++
				p := w.store.payouts[r.PayoutID]
				want, err := receipt.Of(p)
				if lost := w.lost[ledger.PayoutNonce(w.opening.ChainID, w.opening.Treasury, r.PayoutID)]; lost {
					if p.State != ledger.Confirmed {
						continue // until it is confirmed again, at another time
					}
					r.TS = want.TS
				}
				if err != nil || r != want {
					w.fatal("receipt %+v, want %+v, %v", r, want, err)
				}
			}
		}
	}
	return n
}
