package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// Find reads all of the lost time, and decides what to post. Nothing is changed.
func (d Deps) Find(ctx context.Context) (Found, error) {
	var f Found
	before, err := d.Books.Treasuries(ctx, d.Policy.ChainID, d.Policy.Token)
	if err != nil {
		return Found{}, err
	}
	d.Treasuries = slices.Concat(d.Treasuries, before) // one may have been rotated in the lost time
	lines, err := d.readLog(ctx, &f)
	if err != nil {
		return Found{}, err
	}
	onChain, err := d.readChain(ctx, &f)
	if err != nil {
		return Found{}, err
	}
	evidence, err := d.sort(ctx, &f, onChain, lines)
	if err != nil {
		return Found{}, err
	}
	workers := slices.SortedFunc(maps.Keys(evidence), common.Address.Cmp)
	refused := map[common.Address]bool{}
	for _, worker := range workers {
		books, err := d.Books.RecoveryBooks(ctx, worker, evidence[worker].Lines)
		if err != nil {
			return Found{}, err
		}
		plan, err := d.Policy.Plan(books, *evidence[worker])
		switch {
		case errors.Is(err, recovery.ErrRefused):
			f.Refused, refused[worker] = append(f.Refused, err), true
		case err != nil:
			return Found{}, err
		case len(plan.Steps)+len(plan.Booked) > 0:
			f.Plans = append(f.Plans, plan)
		}
	}
	f.closeParts(lines, refused)
	f.won = recovery.Cycles(slices.DeleteFunc(lines, func(l resultlog.InPart) bool { return refused[l.Payout.Worker] }))
	return f, nil
}

// closeParts notes which files are wholly in the books once all is posted.
func (f *Found) closeParts(lines []resultlog.InPart, refused map[common.Address]bool) {
	at := map[resultlog.PartName]int{}
	for i, p := range f.parts {
		at[p.PartName] = i
	}
	for _, l := range lines {
		p := &f.parts[at[l.Part]]
		if l.Lost == nil {
			p.ids = append(p.ids, l.ResultID)
		} else {
			p.ids = append(p.ids, resultlog.LostID(l.Payout))
		}
		p.open = p.open || refused[l.Payout.Worker]
	}
}

// sort brings transfers, receipts and results to their workers.
func (d Deps) sort(ctx context.Context, f *Found, c *onChain, lines []resultlog.InPart) (map[common.Address]*recovery.Evidence, error) {
	out := map[common.Address]*recovery.Evidence{}
	of := func(worker common.Address) *recovery.Evidence {
		if out[worker] == nil {
			out[worker] = &recovery.Evidence{Receipts: c.receipts[worker]}
		}
		return out[worker]
	}
	highest := map[common.Address]int64{} // number that anything tells of
	for _, l := range lines {
		e := of(l.Payout.Worker)
		e.Lines = append(e.Lines, l)
		highest[l.Payout.Worker] = max(highest[l.Payout.Worker], l.Payout.Seq)
	}
	for worker, receipts := range c.receipts {
		of(worker)
		for seq := range receipts {
			highest[worker] = max(highest[worker], seq)
		}
	}
	rows, err := d.rows(ctx, c)
	if err != nil {
		return nil, err
	}
	next, err := d.Books.NextNumbers(ctx, slices.Collect(maps.Keys(c.transfers)))
	if err != nil {
		return nil, err
	}
	times := map[uint64]time.Time{}
	for worker, transfers := range c.transfers {
		known := int64(len(of(worker).Lines) + len(transfers))
		reach := min(max(next[worker], highest[worker]), next[worker]+known) + known + gaps // else its plan is refused
		ids := d.numbers(worker, reach)
		for _, t := range transfers {
			seq, known := ids[t.Nonce]
			if row, booked := rows[t.Nonce]; booked {
				seq, known = row.ID.Seq, true
				of(worker).Rows = append(of(worker).Rows, row)
			}
			if !known {
				f.Foreign++
				continue
			}
			e := of(worker)
			at, err := d.timeOf(ctx, t.Block, e, times)
			if err != nil {
				return nil, err
			}
			e.Transfers = append(e.Transfers, recovery.Transfer{
				ID: ledger.PayoutID{Worker: worker, Seq: seq}, Amount: t.Value, Tx: t.Tx, Block: t.Block, Treasury: t.from, At: at,
			})
			f.Transfers++
		}
	}
	return out, nil
}

// timeOf is when a block was made, where there are results that may be younger
// than it: zero for a worker of whom the log has none.
func (d Deps) timeOf(ctx context.Context, block uint64, e *recovery.Evidence, known map[uint64]time.Time) (time.Time, error) {
	if at, there := known[block]; there || len(e.Lines) == 0 {
		return at, nil
	}
	h, err := d.Chain.HeadAt(ctx, block)
	if err != nil {
		return time.Time{}, err
	}
	known[block] = time.Unix(h.Time, 0).UTC()
	return known[block], nil
}

// gaps is how many numbers of one worker may have been opened and not been paid.
const gaps = 1000

// numbers are a worker's payout numbers by their nonces.
func (d Deps) numbers(worker common.Address, reach int64) map[common.Hash]int64 {
	out := make(map[common.Hash]int64, reach)
	for _, treasury := range d.treasuries() {
		for seq := int64(1); seq <= reach; seq++ {
			out[ledger.PayoutNonce(d.Policy.ChainID, treasury, ledger.PayoutID{Worker: worker, Seq: seq})] = seq
		}
	}
	return out
}

// rows are the payouts that the books have of these transfers, by their nonces.
func (d Deps) rows(ctx context.Context, c *onChain) (map[common.Hash]ledger.Payout, error) {
	var nonces []common.Hash
	for _, transfers := range c.transfers {
		for _, t := range transfers {
			nonces = append(nonces, t.Nonce)
		}
	}
	out := map[common.Hash]ledger.Payout{}
	for some := range slices.Chunk(nonces, page) {
		rows, err := d.Books.PayoutsByNonce(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, p := range rows {
			out[p.Nonce] = p
		}
	}
	return out, nil
}

const page = 500

// ErrUnsafe means that transfers are too young to be sure of.
var ErrUnsafe = errors.New("the treasury's latest transfers are in no safe block yet; wait some minutes, and look again")

// ErrLog means that the result log is not to be relied on.
var ErrLog = errors.New("the result log was tampered with")

// ErrInOrder means that a file of the result log must not be left out.
var ErrInOrder = errors.New("this file of the result log is in order, known to the books, or not there, so it is not left out")

// ErrNodes means that two nodes do not say the same: one of them lies, or is behind.
var ErrNodes = errors.New("the two nodes do not agree; look again, and ask others if they still do not")

func unsafe(tx common.Hash, block, safe uint64) error {
	return fmt.Errorf("%s is in block %d, and %d is safe: %w", tx, block, safe, ErrUnsafe)
}
