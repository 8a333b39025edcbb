package spannerdb

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// AcceptFinding notes who knows why something does not agree and never will,
// and returns the finding. It is no disagreement any more, unless its kind
// changes. Accepting it again, by whomever, changes nothing. Error:
// ledger.ErrNotFound when nothing of that subject is open.
func (db *DB) AcceptFinding(ctx context.Context, name, subject, by string) (ledger.Finding, error) {
	if by == "" {
		return ledger.Finding{}, errors.New("spannerdb: accept a finding: say who accepts it")
	}
	var out ledger.Finding
	_, err := db.readWrite(ctx, "accept-finding", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		out = ledger.Finding{}
		found, err := collectFindings(tx.Read(ctx, "ReconcileFindings", spanner.Key{name, subject}, findingColumns))
		if err != nil {
			return fmt.Errorf("read finding %q of reconciliation %s: %w", subject, name, err)
		}
		if len(found) == 0 {
			return fmt.Errorf("finding %q: %w", subject, ledger.ErrNotFound)
		}
		out = found[0]
		if out.AcceptedBy != "" {
			return nil
		}
		out.AcceptedBy = clip(by, 128)
		return tx.BufferWrite([]*spanner.Mutation{spanner.UpdateMap("ReconcileFindings", map[string]any{
			"Name": name, "Subject": subject, "AcceptedBy": out.AcceptedBy,
		})})
	})
	if err != nil {
		return ledger.Finding{}, err
	}
	return out, nil
}
