package spannerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// SignedLink is a link with what proves it: the signatures are good, of both
// wallets over Message.
type SignedLink struct {
	reputation.Link
	Message         string
	Signature       string // the worker's
	SolanaSignature string
}

var linkQuery = `SELECT
  ARRAY(SELECT AS STRUCT Worker, SignedAt, LinkedAt FROM WalletLinks WHERE Solana = @solana) AS Stored,
  (SELECT COUNT(*) FROM WalletLinks@{FORCE_INDEX=WalletLinksByWorker} WHERE Worker = @worker AND Solana != @solana) AS Others`

type linkInputs struct {
	Stored []*struct {
		Worker   string
		SignedAt time.Time
		LinkedAt time.Time
	}
	Others int64
}

// LinkWallet makes what was paid under a Solana wallet count for a worker,
// from the next accepted check on, and says whose it was before, "" if
// nobody's. The same link again changes nothing. Errors:
// reputation.ErrLinkedElsewhere, ErrSuperseded, ErrLinkedLately, ErrManyLinked.
func (db *DB) LinkWallet(ctx context.Context, l SignedLink, now time.Time) (change reputation.LinkChange, previous string, err error) {
	stmt := spanner.Statement{SQL: linkQuery, Params: map[string]any{"solana": l.Solana, "worker": l.Worker}}
	_, err = db.readWrite(ctx, "link-wallet", func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		change, previous = 0, ""
		var found linkInputs
		if err := queryOne(ctx, tx, stmt, &found); err != nil {
			return fmt.Errorf("read the link of %s: %w", l.Solana, err)
		}
		var stored *reputation.Link
		for _, s := range found.Stored {
			stored = &reputation.Link{Solana: l.Solana, Worker: s.Worker, At: s.SignedAt, Since: s.LinkedAt}
			previous = s.Worker
		}
		var err error
		if change, err = l.Follows(stored, int(found.Others), now); err != nil {
			return fmt.Errorf("link %s to %s: %w", l.Solana, l.Worker, err)
		}
		if change == reputation.RepeatLink {
			if !l.At.After(stored.At) {
				return nil
			}
			return tx.BufferWrite([]*spanner.Mutation{spanner.UpdateMap("WalletLinks", map[string]any{"Solana": l.Solana, "SignedAt": l.At.UTC()})})
		}
		return tx.BufferWrite([]*spanner.Mutation{
			spanner.InsertOrUpdateMap("WalletLinks", map[string]any{
				"Solana": l.Solana, "Worker": l.Worker, "SignedAt": l.At.UTC(), "LinkedAt": now.UTC(),
			}),
			spanner.InsertOrUpdateMap("WalletLinkChanges", map[string]any{
				"Solana": l.Solana, "SignedAt": l.At.UTC(), "Worker": l.Worker, "PreviousWorker": nullString(previous),
				"Message": l.Message, "Signature": l.Signature, "SolanaSignature": l.SolanaSignature, "LinkedAt": now.UTC(),
			}),
		})
	})
	return change, previous, err
}
