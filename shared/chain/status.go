package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Query asks what became of a payout's authorization.
type Query struct {
	Token    common.Address
	Treasury common.Address // the payer
	Nonce    common.Hash    // of the authorization
	Worker   common.Address // whom it should pay
	Value    ledger.Micros  // and what
	// Hint is a transaction that is said to have used it; looked at first and
	// never believed. It may be zero.
	Hint common.Hash
	// FromBlock is the chain's head when the payout was first signed, as some
	// node had it. It bounds the search and is believed no further: what is not
	// found from there on, as after a restore of the database, is searched for in
	// Limits.Lookback blocks before it too; above the newest block, it is that.
	FromBlock uint64
}

// State is what became of an authorization.
type State string

// Exactly one of these is the case.
const (
	Unused    State = "unused"     // as of Heads.Latest
	Paid      State = "paid"       // to the worker, with exactly the value asked for
	PaidOther State = "paid other" // the nonce paid, but another value or recipient: To and Value say what
	Canceled  State = "canceled"   // the payer took it back; it can never pay
)

// Status is what the chain says of an authorization.
type Status struct {
	State State
	Heads Heads // when asked

	// Of the transaction that used or cancelled it, and not of an Unused one.
	Tx        common.Hash
	Block     uint64
	Safe      bool           // Block is at or before the safe head
	Finalized bool           // and the finalized head
	To        common.Address // whom the chain paid; not of a Canceled one
	Value     ledger.Micros  // and what
}

// ErrNoLog means that the token calls an authorization used, but that no log
// in reach says by whom.
var ErrNoLog = errors.New("chain: the authorization is used, but its log is not found")

// AuthorizationStatus reads what became of an authorization. Any error means
// that it is unknown; in particular it never means unused.
//
// Unused comes from authorizationState at the newest block, asked for by its
// hash. Since a used nonce stays used, it holds for the safe and the finalized
// block before it as well. Anything else comes from a receipt with status 1 in
// a canonical block: Paid only if there AuthorizationUsed(treasury, nonce) is
// followed by a Transfer of that value from the treasury to that worker.
func (c *Client) AuthorizationStatus(ctx context.Context, q Query) (Status, error) {
	heads, err := c.Heads(ctx)
	if err != nil {
		return Status{}, err
	}
	used, err := c.authorizationState(ctx, q, heads.Latest)
	if err != nil {
		return Status{}, err
	}
	if !used {
		return Status{State: Unused, Heads: heads}, nil
	}
	var hinted error
	if q.Hint != (common.Hash{}) {
		var s Status
		if s, hinted = c.statusFrom(ctx, q, heads, q.Hint); hinted == nil {
			return s, nil
		}
		// Wrong or not to be had: the logs decide.
	}
	tx, err := c.findAuthorization(ctx, q, heads.Latest.Number)
	if err != nil {
		return Status{}, errors.Join(err, hinted)
	}
	return c.statusFrom(ctx, q, heads, tx)
}

// authorizationState is whether the nonce was used or cancelled at the end of
// that very block.
func (c *Client) authorizationState(ctx context.Context, q Query, at Head) (bool, error) {
	data := calldata("authorizationState(address,bytes32)", addressWord(q.Treasury), q.Nonce[:])
	block := map[string]any{"blockHash": at.Hash, "requireCanonical": true}
	out, err := c.callAt(ctx, common.Address{}, q.Token, data, block)
	if err != nil {
		return false, err
	}
	return readBool(out)
}

// statusFrom reads the receipt of the transaction that is said to have used
// the authorization.
func (c *Client) statusFrom(ctx context.Context, q Query, heads Heads, tx common.Hash) (Status, error) {
	r, err := c.minedReceipt(ctx, tx)
	if err != nil {
		return Status{}, err
	}
	if r == nil || !r.succeeded() {
		return Status{}, fmt.Errorf("chain: transaction %s is not mined, or reverted", tx)
	}
	all, err := entries(r.Logs, q.Token, q.Treasury)
	if err != nil {
		return Status{}, err
	}
	e, err := find(all, q.Nonce)
	if err != nil {
		return Status{}, fmt.Errorf("transaction %s: %w", tx, err)
	}
	s := Status{State: PaidOther, Heads: heads, Tx: tx, Block: uint64(r.BlockNumber), To: e.to, Value: e.value}
	s.Safe, s.Finalized = s.Block <= heads.Safe.Number, s.Block <= heads.Finalized.Number
	switch {
	case e.canceled:
		s.State = Canceled
	case e.to == q.Worker && e.value == q.Value:
		s.State = Paid
	}
	return s, nil
}

// find is the one entry of that nonce.
func find(all []entry, nonce common.Hash) (entry, error) {
	var found []entry
	for _, e := range all {
		if e.nonce != nil && *e.nonce == nonce {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return entry{}, fmt.Errorf("%w: it says %d times what became of authorization %s", ErrInconsistent, len(found), nonce)
	}
	return found[0], nil
}

// findAuthorization looks for the transaction that used or cancelled the
// authorization, from the newest block backwards: however wrong FromBlock is,
// what happened lately is found at once.
func (c *Client) findAuthorization(ctx context.Context, q Query, latest uint64) (common.Hash, error) {
	f := filter{
		contract: q.Token, events: []common.Hash{topicUsed, topicCanceled},
		first: common.BytesToHash(q.Treasury[:]), second: &q.Nonce,
	}
	var found *types.Log
	take := func(logs []*types.Log) error {
		if len(logs) > 1 || len(logs) == 1 && found != nil {
			return fmt.Errorf("%w: authorization %s was used more than once", ErrInconsistent, q.Nonce)
		}
		if len(logs) == 1 {
			found = logs[0]
		}
		return nil
	}
	from := min(q.FromBlock, latest)
	floor := from - min(from, c.limits.Lookback)
	for end := latest + 1; found == nil && end > floor; {
		start := end - min(end-floor, c.span.Load())
		if end > from { // first as far as it should be, and no further
			start = max(start, from)
		}
		if err := c.logs(ctx, f, start, end-1, take); err != nil {
			return common.Hash{}, err
		}
		end = start
	}
	if found == nil {
		return common.Hash{}, fmt.Errorf("%w in blocks %d to %d: does the node keep its logs that long?", ErrNoLog, floor, latest)
	}
	return found.TxHash, nil
}
