package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"
	"google.golang.org/grpc/codes"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Crediter credits results under one policy for the payouts that it opens.
type Crediter struct {
	db     *DB
	policy ledger.PayoutPolicy
}

// Crediter checks the policy, which becomes part of every payout for ever.
func (db *DB) Crediter(policy ledger.PayoutPolicy) (*Crediter, error) {
	if err := policy.Validate(); err != nil {
		return nil, err
	}
	return &Crediter{db, policy}, nil
}

// CreditResults judges a batch of results, in order, stores and credits those
// that win their cycle, and opens a payout for each worker whose pending
// credit reaches the policy's threshold: all of it in one commit, or none. It
// takes three round trips whatever the batch holds, and one that locks nothing
// if none of it changes anything. There is one judgement for each result, in the
// same order, and the payouts that were opened.
//
// Calling it again with the same results, because an answer was lost, credits
// nothing twice: they are judged api.AlreadySubmitted.
func (c *Crediter) CreditResults(ctx context.Context, now time.Time, batch []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
	if len(batch) == 0 {
		return nil, nil, nil
	}
	judged, changing, err := c.preview(ctx, now, batch)
	if err != nil || len(changing) == 0 {
		return judged, nil, err
	}
	some := make([]ledger.SubmittedResult, len(changing))
	for i, place := range changing {
		some[i] = batch[place]
	}
	credited, opened, err := c.credit(ctx, now, some)
	if spanner.ErrCode(err) == codes.AlreadyExists {
		// Only a commit that was sent twice, because its first answer was lost,
		// can insert a result that this transaction saw missing. A new one sees it.
		credited, opened, err = c.credit(ctx, now, some)
	}
	if err != nil {
		return nil, nil, err
	}
	for i, place := range changing {
		judged[place] = credited[i]
	}
	return judged, opened, nil
}

// preview judges a batch without a transaction; changing is as in judgeAll. Of
// the other results these judgements stand. Anybody can sign results of tasks that were never given to him, with a
// new key for each, and put one of his own among them: so those take no locks on
// the tasks that others are at work on.
func (c *Crediter) preview(ctx context.Context, now time.Time, batch []ledger.SubmittedResult) (judged []ledger.JudgedResult, changing []int, err error) {
	var found creditInputs
	if err := queryOne(ctx, c.db.single(), creditStatement(batch), &found); err != nil {
		return nil, nil, fmt.Errorf("spannerdb: look at %d results: %w", len(batch), err)
	}
	desk, err := newCreditDesk(found, now)
	if err != nil {
		return nil, nil, err
	}
	return desk.judgeAll(batch)
}

// judgeAll judges a batch in order. changing are the places of those for which
// something changes, and of others for the same assignments, which are judged by
// what becomes of them.
func (d *creditDesk) judgeAll(batch []ledger.SubmittedResult) (judged []ledger.JudgedResult, changing []int, err error) {
	judged = make([]ledger.JudgedResult, len(batch))
	var changed set[holdKey]
	for i, r := range batch {
		var changes bool
		if judged[i], changes, err = d.judge(r); err != nil {
			return nil, nil, fmt.Errorf("credit result %s of task %s: %w", r.ResultID, r.TaskID, err)
		}
		if changes {
			hold, _ := keysOf(r)
			changed.add(hold)
		}
	}
	for i, r := range batch {
		if hold, _ := keysOf(r); changed.has[hold] {
			changing = append(changing, i)
		}
	}
	return judged, changing, nil
}

func (c *Crediter) credit(ctx context.Context, now time.Time, batch []ledger.SubmittedResult) (judged []ledger.JudgedResult, opened []ledger.PayoutID, err error) {
	stmt := creditStatement(batch)
	_, err = c.db.readWrite(ctx, "credit-results", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		judged, opened = nil, nil
		var found creditInputs
		if err := queryOne(ctx, tx, stmt, &found); err != nil {
			return fmt.Errorf("read what %d results are judged by: %w", len(batch), err)
		}
		desk, err := newCreditDesk(found, now)
		if err != nil {
			return err
		}
		if judged, _, err = desk.judgeAll(batch); err != nil {
			return err
		}
		payouts, err := desk.openPayouts(c.policy)
		if err != nil {
			return err
		}
		for _, p := range payouts {
			opened = append(opened, p.ID)
		}
		return tx.BufferWrite(desk.mutations())
	})
	if err != nil {
		return nil, nil, err
	}
	return judged, opened, nil
}
