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
// takes two round trips whatever the batch holds. There is one judgement for
// each result, in the same order, and the payouts that were opened.
//
// Calling it again with the same results, because an answer was lost, credits
// nothing twice: they are judged api.AlreadySubmitted.
func (c *Crediter) CreditResults(ctx context.Context, now time.Time, batch []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
	if len(batch) == 0 {
		return nil, nil, nil
	}
	judged, opened, err := c.credit(ctx, now, batch)
	if spanner.ErrCode(err) == codes.AlreadyExists {
		// Only a commit that was sent twice, because its first answer was lost,
		// can insert a result that this transaction saw missing. A new one sees it.
		judged, opened, err = c.credit(ctx, now, batch)
	}
	return judged, opened, err
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
		for _, r := range batch {
			j, err := desk.judge(r)
			if err != nil {
				return fmt.Errorf("credit result %s of task %s: %w", r.ResultID, r.TaskID, err)
			}
			judged = append(judged, j)
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
