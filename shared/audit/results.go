package audit

import (
	"errors"
	"io"

	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// LogReport is what the result log holds.
type LogReport struct {
	Parts      int
	Results    int64 // each signed by its worker
	Recomputed int   // receipts whose count, amount and results hash come out

	// What stands in no receipt of these blocks: results of payouts that are not
	// opened, paid or receipted yet, or whose receipts are in other blocks.
	OpenPayouts int
	OpenResults int64

	// Results that nobody has any more, of payouts that the chain shows, because the
	// database was restored to an earlier hour: how many they were, and what they
	// were worth, is the operator's word, within what those payouts were of.
	LostResults int64
	LostSum     ledger.Micros

	Unlisted int64 // further disagreements inside the log, which are not listed
}

// Results is the result log as far as it was read. It keeps about 140 bytes of
// each result.
type Results struct {
	tally    *resultlog.Tally
	cycles   *resultlog.Cycles
	parts    int
	results  int64
	bad      []Disagreement
	unlisted int64
}

// NewResults is a log of which nothing was read.
func NewResults() *Results {
	return &Results{tally: resultlog.NewTally(), cycles: resultlog.NewCycles()}
}

// maxBad bounds how many disagreements of one part, and of the whole log, are
// listed.
const maxBad = 1000

// PartRead is one part, read and verified.
type PartRead struct {
	name     string
	lines    []resultlog.Line
	bad      []Disagreement
	unlisted int64
}

// ReadPart reads the part with that name, "results/YYYY-MM-DD/part-...", and
// verifies each line of it: 50 to 200 microseconds of work a line, which can
// be done for several parts at once. What is wrong with the part is in what
// it returns. An error means that r could not be read to its end.
//
// Lines that prove themselves count even when the part's digest is wrong: what
// commits to them is the results hash on chain.
func ReadPart(name string, r io.Reader) (PartRead, error) {
	p := PartRead{name: name}
	for line, err := range resultlog.ReadPart(name, r) {
		if err == nil {
			err = resultlog.Verify(line)
		}
		switch {
		case err == nil:
			p.lines = append(p.lines, line)
		case errors.Is(err, resultlog.ErrFalse):
			p.disagree(Disagreement{Kind: BadResult, Payout: line.Payout, Part: name, Detail: err.Error()})
		case errors.Is(err, resultlog.ErrLine):
			p.disagree(Disagreement{Kind: BadResult, Part: name, Detail: err.Error()})
		case errors.Is(err, resultlog.ErrPart):
			p.disagree(Disagreement{Kind: BadPart, Part: name, Detail: err.Error()})
		default:
			return PartRead{}, err
		}
	}
	return p, nil
}

func (p *PartRead) disagree(d Disagreement) {
	if len(p.bad) < maxBad {
		p.bad = append(p.bad, d)
	} else {
		p.unlisted++
	}
}

// Add counts a part that was read.
func (rs *Results) Add(p PartRead) {
	rs.parts++
	for _, line := range p.lines {
		if err := rs.tally.Add(line); err != nil {
			p.disagree(Disagreement{Kind: DoubleResult, Payout: line.Payout, Part: p.name, Detail: err.Error()})
			continue
		}
		if line.Lost != nil {
			continue
		}
		rs.results++
		if err := rs.cycles.Add(line); err != nil { // it was paid for all the same, and counts in its payout
			p.disagree(Disagreement{Kind: DoubleCycle, Payout: line.Payout, Part: p.name, Detail: err.Error()})
		}
	}
	room := min(len(p.bad), maxBad-len(rs.bad))
	rs.bad = append(rs.bad, p.bad[:room]...)
	rs.unlisted += p.unlisted + int64(len(p.bad)-room)
}

// sums are what the log says of each payout; nil when there is no log.
func (rs *Results) sums() map[ledger.PayoutID]resultlog.Payout {
	if rs == nil {
		return nil
	}
	return rs.tally.Payouts()
}

// recompute compares a receipt with what the log says; true when they agree,
// or there is no log.
func (r *Report) recompute(l logged, sums map[ledger.PayoutID]resultlog.Payout) bool {
	if sums == nil {
		return true
	}
	before := len(r.Disagreements)
	p := sums[l.PayoutID]
	switch {
	case p.Count < l.ResultCount:
		r.disagree(MissingResults, l, "the receipt counts %d, the result log holds %d", l.ResultCount, p.Count)
	case p.Count > l.ResultCount:
		r.disagree(ExtraResults, l, "the receipt counts %d, the result log holds %d", l.ResultCount, p.Count)
	case p.ResultsHash != l.ResultsHash:
		r.disagree(WrongResults, l, "the receipt's results hash is %s, that of the results in the log %s", l.ResultsHash, p.ResultsHash)
	case p.Sum != l.AmountMicros:
		r.disagree(WrongSum, l, "the receipt says %s USDC, the rewards in the log add up to %s", l.AmountMicros, p.Sum)
	default:
		r.Log.Recomputed++
	}
	return len(r.Disagreements) == before
}

// closeLog adds what the log holds beside the receipts that were seen.
func (r *Report) closeLog(seen map[ledger.PayoutID]logged, rs *Results, sums map[ledger.PayoutID]resultlog.Payout) {
	if rs == nil {
		return
	}
	r.Log.Parts, r.Log.Results, r.Log.Unlisted = rs.parts, rs.results, rs.unlisted
	for id, p := range sums {
		r.Log.LostResults += p.Lost
		r.Log.LostSum += p.LostSum
		if _, receipted := seen[id]; !receipted {
			r.Log.OpenPayouts++
			r.Log.OpenResults += p.Count - p.Lost
		}
	}
	r.Disagreements = append(r.Disagreements, rs.bad...)
}
