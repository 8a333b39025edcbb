package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

var restoredAt = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// recoverable is a payout of which one result of 60 is known, and 40 are lost.
func recoverable() (Credits, Recovered) {
	c := Credits{Pending: 60, PendingResults: 1, TotalEarned: 160, TotalPaid: 100, PayoutSeq: 2}
	return c, Recovered{
		ID: PayoutID{common.HexToAddress("0x77"), 2}, Results: ResultSum{2, 1, 60}, Lost: &LostResults{Count: 3, Sum: 40, Reason: "restored"},
		ResultsHash: strings.Repeat("ab", 32), Tx: txA, Block: 7,
	}
}

func TestRecover(t *testing.T) {
	policy := PayoutPolicy{ChainID: 84532, Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x7e"), Threshold: 1_000}
	c, r := recoverable()
	p, err := c.Recover(r, policy, restoredAt)
	if err != nil || c != (Credits{TotalEarned: 200, TotalPaid: 200, PayoutSeq: 3}) {
		t.Fatalf("%+v, %v", c, err)
	}
	if p.State != Confirmed || p.Amount != 100 || p.ResultCount != 4 || p.ResultsHash != r.ResultsHash || p.UsdcTx != txA || p.UsdcBlock != 7 ||
		p.Nonce != PayoutNonce(84532, policy.Treasury, r.ID) || len(p.Signature) != 0 || !p.ReceiptDueAt.Equal(restoredAt) || !p.WorkAt.IsZero() {
		t.Errorf("%+v", p)
	}
	var books BooksReport
	books.AddWorker(WorkerBooks{Worker: r.ID.Worker, Credits: Credits{TotalEarned: 100, TotalPaid: 100, PayoutSeq: 3}, Payouts: []Payout{*p},
		Results: []ResultSum{r.Results}, Lost: []ResultSum{{1, 0, 0}, {2, 3, 40}}})
	if err := books.Err(); err != nil {
		t.Error(err)
	}

	// By a treasury that was rotated since, the nonce is that one's.
	c, r = recoverable()
	r.Treasury = common.HexToAddress("0x01d")
	if p, err = c.Recover(r, policy, restoredAt); err != nil || p.Treasury != r.Treasury || p.Nonce != PayoutNonce(84532, r.Treasury, r.ID) {
		t.Errorf("%+v, %v", p, err)
	}

	// One that was opened, and not paid, goes the way of all payouts; its results are all there.
	c, r = recoverable()
	r.Lost, r.Tx, r.Block, r.ResultsHash = nil, common.Hash{}, 0, ""
	if p, err = c.Recover(r, policy, restoredAt); err != nil || p.State != Pending || !p.WorkAt.Equal(restoredAt) || c != (Credits{InFlight: 60, TotalEarned: 160, TotalPaid: 100, PayoutSeq: 3}) {
		t.Errorf("%+v, %+v, %v", c, p, err)
	}

	// One of which nothing is known is passed over.
	c = Credits{PayoutSeq: 2}
	skip := Recovered{ID: r.ID, Results: ResultSum{Seq: 2}, Skip: true, Lost: &LostResults{Reason: "nothing is known"}}
	if p, err = c.Recover(skip, policy, restoredAt); err != nil || p != nil || c != (Credits{PayoutSeq: 3}) {
		t.Errorf("%+v, %+v, %v", c, p, err)
	}
}

// What does not fit is refused, and leaves the books as they are.
func TestRecoverRefuses(t *testing.T) {
	policy := PayoutPolicy{ChainID: 84532, Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x7e"), Threshold: 1}
	for name, c := range map[string]struct {
		change func(*Credits, *Recovered)
		move   bool
	}{
		"another number":        {func(c *Credits, _ *Recovered) { c.PayoutSeq = 3 }, true},
		"more is pending":       {func(c *Credits, _ *Recovered) { c.Pending++; c.TotalEarned++ }, true},
		"more results":          {func(c *Credits, _ *Recovered) { c.PendingResults++ }, true},
		"results of another":    {func(_ *Credits, r *Recovered) { r.Results.Seq = 1 }, false},
		"lost without a reason": {func(_ *Credits, r *Recovered) { r.Lost.Reason = "" }, false},
		"lost, and none":        {func(_ *Credits, r *Recovered) { r.Lost.Count = 0 }, false},
		"lost, worth nothing":   {func(_ *Credits, r *Recovered) { r.Lost.Sum = 0 }, false},
		"lost, and not paid":    {func(_ *Credits, r *Recovered) { r.Tx = common.Hash{} }, false},
		"no hash":               {func(_ *Credits, r *Recovered) { r.ResultsHash = "" }, false},
		"passed over, and paid": {func(_ *Credits, r *Recovered) { r.Skip = true }, false},
		"damaged books":         {func(c *Credits, _ *Recovered) { c.TotalPaid-- }, false},
		"overflow":              {func(_ *Credits, r *Recovered) { r.Lost.Sum = 1<<63 - 1 }, false},
		"nothing at all": {func(c *Credits, r *Recovered) {
			*c = Credits{PayoutSeq: 2}
			r.Results, r.Lost = ResultSum{Seq: 2}, nil
		}, false},
	} {
		books, r := recoverable()
		c.change(&books, &r)
		before := books
		p, err := books.Recover(r, policy, restoredAt)
		if err == nil || p != nil || errors.Is(err, ErrMove) != c.move || books != before {
			t.Errorf("%s: %+v, %v; books %+v", name, p, err, books)
		}
	}
}
