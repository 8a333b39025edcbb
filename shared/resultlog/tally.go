package resultlog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ErrTwice means that a result is in the log more than once. The same task,
// worker and timestamp is credited once for ever, whatever else differs
// (protocol.md).
var ErrTwice = errors.New("the result is in the log twice")

// Tally adds up the lines of any number of parts, in any order, by payout. It
// keeps about a hundred bytes of each line.
type Tally struct {
	seen    map[[16]byte]struct{} // what makes a result the same
	payouts map[ledger.PayoutID]*sum
}

type sum struct {
	micros ledger.Micros
	ids    [][sha256.Size]byte
	lost   *Lost
	worth  ledger.Micros // of the lost ones
}

// NewTally is one with no lines.
func NewTally() *Tally {
	return &Tally{seen: map[[16]byte]struct{}{}, payouts: map[ledger.PayoutID]*sum{}}
}

// Add adds a line that Read has yielded. An error leaves the line out:
// ErrTwice, or ledger.ErrOverflow.
func (t *Tally) Add(l Line) error {
	if l.Lost != nil {
		return t.addLost(l)
	}
	id, err := hex.DecodeString(l.ResultID)
	if err != nil || len(id) != sha256.Size {
		return fmt.Errorf("result id %q: %w", l.ResultID, ErrLine)
	}
	key := sha256.Sum256(fmt.Appendf(l.Payout.Worker.Bytes(), "%d %s", l.Result.Timestamp, l.Result.TaskID))
	short := [16]byte(key[:16])
	if _, twice := t.seen[short]; twice {
		return fmt.Errorf("result %s of payout %s: %w", l.ResultID, l.Payout, ErrTwice)
	}
	p := t.payouts[l.Payout]
	if p == nil {
		p = &sum{}
	}
	micros, err := p.micros.Add(l.Reward)
	if err != nil {
		return fmt.Errorf("result %s of payout %s: %w", l.ResultID, l.Payout, err)
	}
	p.micros = micros
	p.ids = append(p.ids, [sha256.Size]byte(id))
	t.seen[short], t.payouts[l.Payout] = struct{}{}, p
	return nil
}

// addLost adds what stands for the lost results of a payout, once for each.
func (t *Tally) addLost(l Line) error {
	p := t.payouts[l.Payout]
	if p == nil {
		p = &sum{}
	}
	if p.lost != nil {
		return fmt.Errorf("lost results of payout %s: %w", l.Payout, ErrTwice)
	}
	micros, err := p.micros.Add(l.Reward)
	if err != nil {
		return fmt.Errorf("lost results of payout %s: %w", l.Payout, err)
	}
	p.micros, p.lost, p.worth = micros, l.Lost, l.Reward
	t.payouts[l.Payout] = p
	return nil
}

// Payout is what the log says of one payout: what its receipt must say, once
// the payout has been opened and all its lines were added.
type Payout struct {
	Count       int64         // those lost included
	Sum         ledger.Micros // as well
	ResultsHash string        // ledger.ResultsHash of the ids; when some are lost, the log's word
	Lost        int64         // results that the log does not hold
	LostSum     ledger.Micros // what they are worth
}

// Payouts are the sums so far. The ones that are not opened yet are among them.
func (t *Tally) Payouts() map[ledger.PayoutID]Payout {
	out := make(map[ledger.PayoutID]Payout, len(t.payouts))
	for id, p := range t.payouts {
		ids := make([]string, len(p.ids))
		for i, digest := range p.ids {
			ids[i] = hex.EncodeToString(digest[:])
		}
		sums := Payout{Count: int64(len(ids)), Sum: p.micros, ResultsHash: ledger.ResultsHash(ids)}
		if p.lost != nil {
			sums.Lost, sums.LostSum, sums.ResultsHash = p.lost.Count, p.worth, p.lost.ResultsHash
			sums.Count += p.lost.Count
		}
		out[id] = sums
	}
	return out
}
