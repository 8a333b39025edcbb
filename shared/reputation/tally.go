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
)

// Tally is what a log, or several, add up to.
type Tally struct {
	Totals  map[string]NanoUSD // by canonical wallet
	Lines   int64              // that are not blank
	Broken  int64              // of them: counted, and otherwise left alone
	Rounded int64              // costs with digits beyond 1e-9
	Samples []string           // the first few broken lines' reasons, with their numbers
}

// NewTally is an empty tally.
func NewTally() *Tally { return &Tally{Totals: map[string]NanoUSD{}} }

// ReadLog adds every line of one JSONL log to t. Broken lines are counted; an
// error is the reader's, or a total that left the range of NanoUSD, and then
// the tally is not to be used.
func (a Adapter) ReadLog(r io.Reader, t *Tally) error {
	in := bufio.NewReaderSize(r, maxLine)
	for number := int64(1); ; number++ {
		line, err := in.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("reputation: read line %d: %w", number, err)
		}
		if addErr := t.add(a, number, line, tooLong); addErr != nil {
			return addErr
		}
		if err == io.EOF {
			return nil
		}
	}
}

func (t *Tally) add(a Adapter, number int64, line []byte, tooLong bool) error {
	if tooLong {
		t.Lines++
		t.broken(number, fmt.Errorf("longer than %d bytes", maxLine))
		return nil
	}
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil
	}
	t.Lines++
	s, err := a.Line(line)
	if err != nil {
		t.broken(number, err)
		return nil
	}
	sum, err := t.Totals[s.Wallet].Add(s.Cost)
	if err != nil {
		return fmt.Errorf("reputation: line %d: total of %s: %w", number, s.Wallet, err)
	}
	t.Totals[s.Wallet] = sum
	if s.Rounded {
		t.Rounded++
	}
	return nil
}

func (t *Tally) broken(number int64, err error) {
	t.Broken++
	if len(t.Samples) < maxSamples {
		t.Samples = append(t.Samples, fmt.Sprintf("line %d: %v", number, err))
	}
}

// Merge adds other to t: of another log, or of another part of one.
func (t *Tally) Merge(other *Tally) error {
	for wallet, n := range other.Totals {
		sum, err := t.Totals[wallet].Add(n)
		if err != nil {
			return fmt.Errorf("reputation: total of %s: %w", wallet, err)
		}
		t.Totals[wallet] = sum
	}
	t.Lines += other.Lines
	t.Broken += other.Broken
	t.Rounded += other.Rounded
	t.Samples = append(t.Samples, other.Samples...)
	t.Samples = t.Samples[:min(len(t.Samples), maxSamples)]
	return nil
}

// MostlyBroken reports that more than half of the lines are broken: then the
// adapter does not fit the log, and no tier may be changed because of it.
func (t *Tally) MostlyBroken() bool { return 2*t.Broken > t.Lines }
