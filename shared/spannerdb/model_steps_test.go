package spannerdb_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// play is one run: the same random verbs on the database and on the model.
type play struct {
	*network
	*model
	rng     *rand.Rand
	workers []common.Address
	tasks   []string
	credits func(*spannerdb.DB) *spannerdb.Crediter
}

// verb is one call: what the model answers, and what the database answers.
// Each may be called again, as after a lost answer.
type verb struct {
	name  string
	model func() string
	db    func(*spannerdb.DB) string
}

func (p *play) pick() verb {
	verbs := []func() verb{p.creditSome, p.creditSome, p.creditSome, p.lease, p.release, p.sign, p.sign, p.record, p.record, p.confirm, p.confirm,
		p.fail, p.requeue, p.reserve, p.broadcast, p.confirmReceipts, p.adopt, p.takeLease, p.dueWork, p.link}
	return verbs[p.rng.IntN(len(verbs))]()
}

func (p *play) worker() common.Address { return p.workers[p.rng.IntN(len(p.workers))] }

// payout is any payout, or one that does not exist.
func (p *play) anyPayout() ledger.PayoutID {
	w := p.worker()
	return ledger.PayoutID{Worker: w, Seq: 1 + p.rng.Int64N(max(p.seqs[w], 1))}
}

func (p *play) anyBatch() ledger.BatchKey {
	return ledger.BatchKey{Sender: logSender, AccountNonce: uint64(p.rng.IntN(len(p.batches) + 2))}
}

func (p *play) oneOf(n int) bool { return p.rng.IntN(n) == 0 }

// hash is one of few, so that the same is met again.
func (p *play) hash() common.Hash { return common.Hash{byte(1 + p.rng.IntN(3))} }

// hand assigns a task at random, in the database and in the model.
func (p *play) hand() (string, common.Address) {
	w, task := p.worker(), p.tasks[p.rng.IntN(len(p.tasks))]
	h := p.holds[task+w.Hex()]
	if h == nil {
		h = &hold{}
		p.holds[task+w.Hex()] = h
	}
	h.cycle, h.assigned = p.cycles[task], p.model.now
	p.put(assignment(task, w, h.cycle, h.assigned))
	return task, w
}

func (p *play) creditSome() verb {
	now := p.model.now
	var batch []ledger.SubmittedResult
	for range 1 + p.rng.IntN(6) {
		task, w := p.hand()
		if p.oneOf(4) {
			task, w = append(p.tasks, "task_unknown")[p.rng.IntN(len(p.tasks)+1)], p.worker()
		}
		at := now.Add(-time.Duration(p.rng.IntN(40)) * time.Second)
		if p.oneOf(10) {
			at = now.Add(time.Duration(p.rng.IntN(1200)-600) * time.Second)
		}
		batch = append(batch, result(task, w, at))
		if p.oneOf(5) {
			batch = append(batch, batch[p.rng.IntN(len(batch))])
		}
	}
	return verb{"credit", func() string { return p.model.credit(batch) }, func(db *spannerdb.DB) string {
		judged, opened, err := p.credits(db).CreditResults(p.Context(), now, batch)
		if err != nil {
			return outcome(err)
		}
		out := outcomes(judged)
		for _, id := range opened {
			out = append(out, "opens "+id.String())
		}
		return strings.Join(out, ", ")
	}}
}

// onOne is a verb on one payout.
func (p *play) onOne(name string, id ledger.PayoutID, rule func(*ledger.Payout) error, db func(*spannerdb.DB) error) verb {
	return verb{name + " " + id.String(), func() string { return p.onPayout(id, rule) }, func(d *spannerdb.DB) string { return outcome(db(d)) }}
}

func (p *play) lease() verb {
	id, now, owner := p.anyPayout(), p.model.now, string('a'+rune(p.rng.IntN(2)))
	return p.onOne("lease", id, func(x *ledger.Payout) error { return x.Lease(owner, now, time.Minute) },
		func(db *spannerdb.DB) error {
			_, err := db.LeasePayout(p.Context(), id, owner, now, time.Minute)
			return err
		})
}

func (p *play) release() verb {
	id, now := p.anyPayout(), p.model.now
	return p.onOne("release", id, func(x *ledger.Payout) error { x.Release("a"); return nil },
		func(db *spannerdb.DB) error { return db.ReleasePayout(p.Context(), id, "a", now) })
}

func (p *play) sign() verb {
	id, now := p.anyPayout(), p.model.now
	a := authorization(now, byte(p.rng.IntN(250)))
	a.ReplaceExpired = p.oneOf(2)
	limits := ledger.PayoutCaps{PerPayout: ledger.Micros(300 + p.rng.IntN(1500)), PerDay: ledger.Micros(5000 + p.rng.IntN(5000))}
	day := now.Format(time.DateOnly)
	return p.onOne("authorise", id, func(x *ledger.Payout) error {
		counted, _, err := x.Authorise(a, limits, p.days[day], now)
		p.days[day] += counted
		return err
	}, func(db *spannerdb.DB) error {
		_, err := db.AuthorisePayout(p.Context(), id, a, limits, now)
		return err
	})
}

func (p *play) record() verb {
	id, now := p.anyPayout(), p.model.now
	next := []ledger.PayoutState{ledger.Pending, ledger.Authorised, ledger.Unknown, ledger.Settled, ledger.Confirmed}[p.rng.IntN(5)]
	tx := common.Hash{}
	if next == ledger.Settled != p.oneOf(10) {
		tx = p.hash()
	}
	at := now.Add(time.Duration(p.rng.IntN(100)) * time.Second)
	return p.onOne("record "+string(next), id, func(x *ledger.Payout) error { return x.Record(next, "why", tx, at) },
		func(db *spannerdb.DB) error { return db.RecordOutcome(p.Context(), id, next, "why", tx, at, now) })
}

func (p *play) confirm() verb {
	id, now, tx := p.anyPayout(), p.model.now, p.hash()
	return p.onOne("confirm", id, func(x *ledger.Payout) error {
		books := p.books(id.Worker)
		_, err := x.Confirm(&books, tx, 9, now)
		return err
	}, func(db *spannerdb.DB) error { return db.ConfirmPayout(p.Context(), id, tx, 9, now) })
}

func (p *play) fail() verb {
	id, now, seen := p.anyPayout(), p.model.now, int64(0)
	if x := p.payouts[id]; x != nil && !p.oneOf(5) { // else what was seen is old
		seen = x.ValidBefore
	}
	return p.onOne("fail", id, func(x *ledger.Payout) error { _, err := x.Fail(seen, "why"); return err },
		func(db *spannerdb.DB) error { return db.FailPayout(p.Context(), id, seen, "why", now) })
}

func (p *play) requeue() verb {
	id, now := p.anyPayout(), p.model.now
	return p.onOne("requeue", id, func(x *ledger.Payout) error { _, err := x.Requeue(now); return err },
		func(db *spannerdb.DB) error { return db.RequeuePayout(p.Context(), id, now) })
}

func (p *play) reserve() verb {
	now, chain, limit := p.model.now, uint64(p.rng.IntN(len(p.batches)+2)), 1+p.rng.IntN(4)
	return verb{"reserve", func() string { return p.model.reserve(chain, limit) }, func(db *spannerdb.DB) string {
		b, err := db.ReserveReceipts(p.Context(), logSender, logTo, chain, limit, now, encodeIDs)
		switch {
		case err != nil:
			return outcome(err)
		case b == nil:
			return "nothing"
		}
		return b.BatchKey.String()
	}}
}

func (p *play) broadcast() verb {
	k, now, tx, fee := p.anyBatch(), p.model.now, p.hash(), big.NewInt(p.rng.Int64())
	return verb{"broadcast " + k.String(),
		func() string {
			return p.onBatch(k, func(b *ledger.ReceiptBatch) error { return b.Broadcast(tx, fee, wei, now) })
		},
		func(db *spannerdb.DB) string { return outcome(db.RecordBroadcast(p.Context(), k, tx, fee, wei, now)) }}
}

func (p *play) confirmReceipts() verb {
	k, now, tx := p.anyBatch(), p.model.now, p.hash()
	return verb{"confirm receipts " + k.String(), func() string {
		got := p.onBatch(k, func(b *ledger.ReceiptBatch) error { _, err := b.Confirm(tx, 5); return err })
		if got == "ok" {
			p.moveReceipts(k, func(x *ledger.Payout) { x.LogTx = tx })
		}
		return got
	}, func(db *spannerdb.DB) string { return outcome(db.ConfirmReceipts(p.Context(), k, tx, 5, now)) }}
}

// adopt finds the nonce of a batch, or one that no batch has, used: for the
// batch's own receipts, for some others, for none.
func (p *play) adopt() verb {
	k, now := p.anyBatch(), p.model.now
	if p.oneOf(4) {
		k.AccountNonce = uint64(p.rng.IntN(len(p.batches) + 2))
	}
	u := ledger.NonceUse{BatchKey: k, Tx: p.hash(), Block: 4, To: logTo, Calldata: []byte{}}
	switch b := p.batches[k]; {
	case b != nil && p.oneOf(3):
		u.Calldata = b.Calldata
	case p.oneOf(2):
		u.Receipts = []ledger.PayoutID{p.anyPayout()}
		if second := p.anyPayout(); second != u.Receipts[0] {
			u.Receipts = append(u.Receipts, second)
		}
		u.Calldata = []byte("others")
	}
	return verb{"adopt " + k.String(), func() string { return p.model.adopt(u) },
		func(db *spannerdb.DB) string { return outcome(db.AdoptNonce(p.Context(), u, now)) }}
}

func (p *play) takeLease() verb {
	now, owner := p.model.now, string('a'+rune(p.rng.IntN(2)))
	return verb{"take lease", func() string {
		if l := p.leases["x"]; l.owner != "" && l.owner != owner && now.Before(l.until) {
			return outcome(ledger.ErrLeased)
		}
		p.leases["x"] = lent{owner, now.Add(time.Minute)}
		return "ok"
	}, func(db *spannerdb.DB) string { return outcome(db.TakeLease(p.Context(), "x", owner, now, time.Minute)) }}
}

func (p *play) dueWork() verb {
	now, limit := p.model.now, 1+p.rng.IntN(5)
	return verb{"what is due", func() string {
		return fmt.Sprint(p.due(workDue, now, limit), len(p.due(receiptDue, now, 1e6)))
	}, func(db *spannerdb.DB) string {
		due, err := db.DuePayouts(p.Context(), now, limit)
		p.must(err)
		count, _, err := db.ReceiptsDue(p.Context(), now)
		p.must(err)
		return fmt.Sprint(due, count)
	}}
}

// link links one of three Solana wallets, perhaps after somebody spent.
func (p *play) link() verb {
	w, solana := p.worker(), string(rune('S'+p.rng.IntN(3)))
	if p.oneOf(2) {
		wallet := []string{text(w), solana}[p.rng.IntN(2)]
		total := reputation.NanoUSD(p.rng.Int64N(120)) * reputation.USD
		p.spent[wallet] = total
		p.paid(wallet, total)
	}
	l := signedLink(solana, w, p.model.now.Add(-time.Duration(p.rng.IntN(30))*time.Second), p.oneOf(2))
	answer := func(change reputation.LinkChange, previous string, err error) string {
		if err != nil {
			return outcome(err)
		}
		return fmt.Sprint(change, " from ", previous)
	}
	return verb{"link", func() string { return answer(p.model.link(l.Link)) }, func(db *spannerdb.DB) string {
		return answer(db.LinkWallet(p.Context(), l, p.model.now))
	}}
}

// stored is the database's side of model.state.
func (p *play) stored() string {
	p.Helper()
	books, payouts, batches, err := spannerdb.ReadAll(p.db, p.Context())
	p.must(err)
	out := []any{}
	for _, w := range p.workers {
		c, known := books[w]
		if !known {
			c = ledger.NewCredits()
		}
		out = append(out, c)
	}
	for i := range payouts {
		out = append(out, &payouts[i])
	}
	for i := range batches {
		out = append(out, &batches[i])
	}
	var days int64
	p.must(p.raw.Single().Query(p.Context(), spanner.Statement{SQL: "SELECT IFNULL(SUM(AuthorizedMicros), 0) FROM PayoutDays"}).Do(
		func(row *spanner.Row) error { return row.Column(0, &days) }))
	return lines(append(out, ledger.Micros(days)))
}
