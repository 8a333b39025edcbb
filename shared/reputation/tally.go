package reputation

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// maxLine bounds one line of a log. A longer one is broken; the rest of it
	// is skipped without being held in memory.
	maxLine    = 1 << 20
	maxSamples = 5
	// maxSpellings bounds the memory for wallets' spellings beside the
	// canonical ones.
	maxSpellings = 100_000
)

// Count is how a log's lines were taken.
type Count struct {
	Lines   int64 // that are not blank
	Broken  int64 // of them: counted, and otherwise left alone
	Failed  int64 // of them: calls that failed, left out as configured
	Rounded int64 // costs with digits beyond 1e-9
}

// Add adds another log's count, or that of another piece of the same.
func (c Count) Add(o Count) Count {
	return Count{c.Lines + o.Lines, c.Broken + o.Broken, c.Failed + o.Failed, c.Rounded + o.Rounded}
}

// MostlyBroken reports that more than half of the lines are broken: then the
// adapter does not fit the log, and no tier may be changed because of it.
func (c Count) MostlyBroken() bool { return 2*c.Broken > c.Lines }

// Tally is what a piece of a log adds up to.
type Tally struct {
	Count
	// Samples are where the first few broken lines begin, in bytes, and why
	// they are broken. They hold nothing of the lines' content.
	Samples []string

	totals    map[string]*NanoUSD // by canonical wallet
	spellings map[string]*NanoUSD // by what stands in the log; cleared at times
}

func newTally() *Tally {
	return &Tally{totals: map[string]*NanoUSD{}, spellings: map[string]*NanoUSD{}}
}

// Totals are by canonical wallet.
func (t *Tally) Totals() map[string]NanoUSD {
	out := make(map[string]NanoUSD, len(t.totals))
	for wallet, n := range t.totals {
		out[wallet] = *n
	}
	return out
}

// Wallets is how many wallets the totals have.
func (t *Tally) Wallets() int { return len(t.totals) }

// Limit ends a piece of a log, at the line that reaches either bound. Where
// pieces end follows from the log alone, so that reading one again, after a
// crash, gives the same.
type Limit struct {
	Bytes   int64
	Wallets int
}

// LogReader reads a log piece by piece, in bounded memory whatever the log's
// size or its lines' lengths.
type LogReader struct {
	adapter Adapter
	quick   *quick
	in      *bufio.Reader
	offset  int64
}

// NewReader reads the log r, whose first byte is the log's byte number offset.
func (a Adapter) NewReader(r io.Reader, offset int64) *LogReader {
	return &LogReader{adapter: a, quick: newQuick(a), in: bufio.NewReaderSize(r, maxLine), offset: offset}
}

// Offset is how many bytes of the log have been read: the beginning of a line.
func (r *LogReader) Offset() int64 { return r.offset }

// Read tallies the next piece; last reports that the log has ended. Broken
// lines are counted. An error is that of the reader below, or a total that
// left the range of NanoUSD; the piece is not to be used then.
func (r *LogReader) Read(limit Limit) (t *Tally, last bool, err error) {
	t = newTally()
	begin := r.offset
	for r.offset-begin < limit.Bytes && len(t.totals) < limit.Wallets {
		line, err := r.in.ReadSlice('\n')
		size := int64(len(line))
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.in.ReadSlice('\n')
			size += int64(len(line))
		}
		if err != nil && err != io.EOF { //nolint:errorlint // bufio passes io.EOF on as it is
			return nil, false, fmt.Errorf("reputation: read at byte %d: %w", r.offset+size, err)
		}
		at := r.offset
		r.offset += size
		if tooLong {
			t.Lines++
			t.broken(at, ErrTooLong)
		} else if addErr := r.add(t, at, bytes.TrimSpace(line)); addErr != nil {
			return nil, false, addErr
		}
		if err == io.EOF { //nolint:errorlint // as above
			return t, true, nil
		}
	}
	return t, false, nil
}

func (r *LogReader) add(t *Tally, at int64, line []byte) error {
	if len(line) == 0 {
		return nil
	}
	t.Lines++
	if wallet, cost, failed, ok := r.quick.line(line); ok {
		if failed {
			t.Failed++
			return nil
		}
		if n, ok := quickNano(cost); ok && n <= MaxCost && n >= -MaxCost {
			if total := t.total(wallet); total != nil {
				return total.add(at, n)
			}
		}
	}
	s, err := r.adapter.Line(line)
	switch {
	case errors.Is(err, ErrFailedCall):
		t.Failed++
		return nil
	case err != nil:
		t.broken(at, err)
		return nil
	}
	if s.Rounded {
		t.Rounded++
	}
	return t.of(s.Wallet).add(at, s.Cost)
}

func (n *NanoUSD) add(at int64, m NanoUSD) error {
	sum, err := n.Add(m)
	if err != nil {
		return fmt.Errorf("reputation: line at byte %d: a wallet's total: %w", at, err)
	}
	*n = sum
	return nil
}

// total is the one of what stands in the log for a wallet; nil for no address.
func (t *Tally) total(spelling []byte) *NanoUSD {
	if n := t.spellings[string(spelling)]; n != nil {
		return n
	}
	wallet, err := CanonicalWallet(string(spelling))
	if err != nil {
		return nil
	}
	if len(t.spellings) >= maxSpellings {
		clear(t.spellings)
	}
	n := t.of(wallet)
	t.spellings[string(spelling)] = n
	return n
}

func (t *Tally) of(wallet string) *NanoUSD {
	n := t.totals[wallet]
	if n == nil {
		n = new(NanoUSD)
		t.totals[wallet] = n
	}
	return n
}

func (t *Tally) broken(at int64, err error) {
	t.Broken++
	if len(t.Samples) < maxSamples {
		t.Samples = append(t.Samples, fmt.Sprintf("byte %d: %s", at, reason(err)))
	}
}

// reason is err without what it quotes from the line.
func reason(err error) string {
	for _, known := range []error{ErrNotObject, ErrMissingField, ErrTooLong, ErrNoWallet, ErrNotDecimal, ErrTooLarge} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "cannot be read"
}
