package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/recovery"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// onChain is what the chain has of the lost time, by worker.
type onChain struct {
	transfers map[common.Address][]transfer // by authorizations
	receipts  map[common.Address]map[int64]receipt.Receipt
}

type transfer struct {
	chain.Transfer
	from common.Address
}

// margin is how much earlier than the backup the chain is read: the clocks of
// the two differ.
const margin = 10 * time.Minute

// readChain reads it, from a little before the backup to the safe block.
func (d Deps) readChain(ctx context.Context, f *Found) (*onChain, error) {
	heads, err := d.Chain.Heads(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.readTo(ctx, heads, f)
	if err != nil || d.Second == nil {
		return c, err
	}
	d.Chain, d.History = d.Second, d.Second
	second, err := d.Chain.Heads(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the second node: %w", err)
	}
	if second.Safe.Number < f.To {
		return nil, fmt.Errorf("%w: block %d is safe to the first one, and %d to the second", ErrNodes, f.To, second.Safe.Number)
	}
	if at := time.Unix(second.Safe.Time, 0).UTC(); at.Before(f.SafeAt) {
		f.SafeAt = at
	}
	second.Safe = heads.Safe
	other := Found{first: f.first}
	same, err := d.readTo(ctx, second, &other)
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask the second node: %w", err)
	case other.From != f.From || other.Foreign != f.Foreign || !reflect.DeepEqual(c, same):
		return nil, fmt.Errorf("%w of blocks %d to %d", ErrNodes, f.From, f.To)
	}
	return c, nil
}

// readTo reads up to the safe one of these heads.
func (d Deps) readTo(ctx context.Context, heads chain.Heads, f *Found) (c *onChain, err error) {
	f.To = heads.Safe.Number
	f.SafeAt = time.Unix(heads.Safe.Time, 0).UTC()
	if f.From, err = d.blockAt(ctx, f.first.Add(-margin), f.To); err != nil {
		return nil, err
	}
	c = &onChain{map[common.Address][]transfer{}, map[common.Address]map[int64]receipt.Receipt{}}
	for _, treasury := range d.treasuries() {
		if err := d.readTransfers(ctx, treasury, heads.Latest.Number, f, c); err != nil {
			return nil, err
		}
	}
	for _, sender := range d.Senders {
		err := d.History.LogTransactionsOf(ctx, sender, d.LogAddress, f.From, f.To, func(tx chain.LogTransaction) error {
			found, err := receipt.Decode(tx.Calldata)
			if err != nil {
				return nil // Reconcile tells of it
			}
			for _, r := range found {
				c.receipt(r)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// treasuries are all that may have paid in the lost time.
func (d Deps) treasuries() []common.Address {
	all := []common.Address{d.Policy.Treasury}
	for _, a := range d.Treasuries {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// readTransfers reads those of one treasury.
func (d Deps) readTransfers(ctx context.Context, treasury common.Address, latest uint64, f *Found, c *onChain) error {
	var sent ledger.Micros
	err := d.Chain.TransfersFrom(ctx, d.Policy.Token, treasury, f.From, latest, func(t chain.Transfer) (err error) {
		if t.Block > f.To {
			return unsafe(t.Tx, t.Block, f.To)
		}
		if t.Nonce == (common.Hash{}) {
			f.Foreign++
		} else {
			c.transfers[t.To] = append(c.transfers[t.To], transfer{t, treasury})
		}
		sent, err = sent.Add(t.Value)
		return err
	})
	if err != nil {
		return err
	}
	// A payout that the node leaves out would be opened once more under its number.
	return d.History.CheckTransfers(ctx, d.Policy.Token, treasury, f.From, f.To, sent)
}

// receipt keeps the first one of each payout.
func (c *onChain) receipt(r receipt.Receipt) {
	of := c.receipts[r.Worker()]
	if of == nil {
		of = map[int64]receipt.Receipt{}
		c.receipts[r.Worker()] = of
	}
	if _, twice := of[r.PayoutID.Seq]; !twice {
		of[r.PayoutID.Seq] = r
	}
}

// blockAt is the first block, up to last, that is not older than at.
func (d Deps) blockAt(ctx context.Context, at time.Time, last uint64) (uint64, error) {
	from, to := min(d.FromBlock, last), last
	for from < to {
		middle := from + (to-from)/2
		h, err := d.Chain.HeadAt(ctx, middle)
		if err != nil {
			return 0, err
		}
		if h.Time < at.Unix() {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, nil
}

// waited is how long a result may have waited to be exported, at the time of the
// backup.
const waited = 7 * 24 * time.Hour

// readLog reads the lines of all files that the books have not written.
func (d Deps) readLog(ctx context.Context, f *Found) ([]resultlog.InPart, error) {
	var names, ids []string
	days := map[string]string{}
	err := d.Results.Names(ctx, d.Policy.Since.Add(-waited).UTC().Format(time.DateOnly), func(name string) error {
		day, id, err := resultlog.ParseName(name)
		if err != nil {
			return nil // no part of the log: an audit tells of it
		}
		names, ids, days[id] = append(names, name), append(ids, id), day
		return nil
	})
	if err != nil {
		return nil, err
	}
	known, err := d.Parts.KnownParts(ctx, ids)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for i, name := range names {
		state := known[ids[i]]
		if state != recovery.OwnPart {
			unknown = append(unknown, name)
			f.parts = append(f.parts, part{PartName: resultlog.PartName{ID: ids[i], Day: days[ids[i]]}, told: state == recovery.RecoveredPart})
		}
	}
	read, err := d.readParts(ctx, unknown, f)
	if err != nil {
		return nil, err
	}
	var all []resultlog.InPart
	f.first, f.Last = d.Policy.Since, d.Policy.Since // something was signed until then at least
	for i, lines := range read {
		all = append(all, lines...)
		if !f.parts[i].told && !f.parts[i].open {
			f.Files++
			f.Lines += len(lines)
			for _, l := range lines {
				if l.AcceptedAt.Before(f.first) {
					f.first = l.AcceptedAt
				}
			}
		}
		for _, l := range lines {
			if l.Lost == nil && l.AcceptedAt.After(f.Last) {
				f.Last = l.AcceptedAt
			}
		}
	}
	return all, nil
}

// readParts reads the files of f.parts.
func (d Deps) readParts(ctx context.Context, names []string, f *Found) ([][]resultlog.InPart, error) {
	read := make([][]resultlog.InPart, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0)) // signatures take time
	for i, name := range names {
		group.Go(func() (err error) {
			read[i], err = d.readPart(ctx, name, &f.parts[i].PartName)
			if errors.Is(err, ErrLog) && slices.Contains(d.Without, name) {
				f.parts[i].open, err = true, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	// What is in order is not left out: its payouts would be booked as of lost
	// results, and the log would have both.
	for _, name := range d.Without {
		if i := slices.Index(names, name); i < 0 || !f.parts[i].open {
			return nil, fmt.Errorf("%w: %s", ErrInOrder, name)
		}
		f.LeftOut = append(f.LeftOut, name)
	}
	return read, nil
}

// readPart reads and verifies one file. It must be what its name says, to the
// last line: money is posted by it.
func (d Deps) readPart(ctx context.Context, name string, as *resultlog.PartName) ([]resultlog.InPart, error) {
	r, err := d.Results.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	counted := &counter{Reader: r}
	var out []resultlog.InPart
	for line, err := range resultlog.ReadPart(name, counted) {
		if err == nil {
			err = resultlog.Verify(line)
		}
		if errors.Is(err, resultlog.ErrLine) || errors.Is(err, resultlog.ErrPart) || errors.Is(err, resultlog.ErrFalse) {
			err = fmt.Errorf("%w: %w", ErrLog, err)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out = append(out, resultlog.InPart{Line: line})
	}
	as.Bytes = counted.n
	for i := range out {
		out[i].Part = *as
	}
	return out, nil
}

type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
