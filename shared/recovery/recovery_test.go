package recovery

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

var (
	worker = common.HexToAddress("0x77")
	since  = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	policy = Policy{ledger.PayoutPolicy{ChainID: 84532, Token: common.HexToAddress("0x70"), Treasury: common.HexToAddress("0x7e"), Threshold: 100}, since}
)

// story is one worker's evidence, told in short.
type story struct {
	books Books
	Evidence
}

// newStory has a worker whose next payout is number 3, with some results of 30
// in no payout, before the backup.
func newStory(open int) *story {
	s := &story{books: Books{Worker: worker, Stored: map[string]bool{}, Whole: map[int64]bool{}, Credits: ledger.Credits{
		Pending: ledger.Micros(30 * open), PendingResults: int64(open), TotalEarned: ledger.Micros(200 + 30*open), TotalPaid: 200, PayoutSeq: 3,
	}}}
	for i := range open {
		s.books.Open = append(s.books.Open, Result{id("open", i), 30, since.Add(-time.Hour + time.Duration(i)*time.Second)})
	}
	s.Receipts = map[int64]receipt.Receipt{}
	return s
}

func id(what string, i int) string { return ledger.ResultsHash([]string{what, fmt.Sprint(i)}) }

// line is a result of the log, accepted so many minutes after the backup.
func (s *story) line(seq int64, minute int) string {
	l := resultlog.InPart{Line: resultlog.Line{
		Result: api.Result{TaskID: "task", Timestamp: since.Add(time.Duration(minute)*time.Minute).UnixMilli() + seq}, ResultID: id(fmt.Sprint(seq), minute), Payout: ledger.PayoutID{Worker: worker, Seq: seq}, Reward: 30, AcceptedAt: since.Add(time.Duration(minute) * time.Minute),
	}}
	s.Lines = append(s.Lines, l)
	return l.ResultID
}

func (s *story) paid(seq int64, amount ledger.Micros) {
	s.Transfers = append(s.Transfers, Transfer{ledger.PayoutID{Worker: worker, Seq: seq}, amount, common.BigToHash(common.Big1), 50, policy.Treasury, time.Time{}})
}

func (s *story) receipt(seq int64, amount ledger.Micros, count int64, ids ...string) {
	s.Receipts[seq] = receipt.Receipt{AmountMicros: amount, ResultCount: count, ResultsHash: ledger.ResultsHash(ids), PayoutTxHash: common.BigToHash(common.Big1)}
}

// told is a plan in short.
func told(p Plan) string {
	var out []string
	for _, s := range p.Steps {
		text := fmt.Sprintf("+%d", len(s.Results))
		if c := s.Close; c != nil {
			switch {
			case c.Skip:
				text += fmt.Sprintf(" %d skipped", c.ID.Seq)
			case c.Tx == common.Hash{}:
				text += fmt.Sprintf(" %d opened %d", c.ID.Seq, c.Amount())
			default:
				text += fmt.Sprintf(" %d paid %d", c.ID.Seq, c.Amount())
			}
			if c.Lost != nil && !c.Skip {
				text += fmt.Sprintf(" lost %d/%d", c.Lost.Count, c.Lost.Sum)
			}
			if s.Said {
				text += " said"
			}
		}
		out = append(out, text)
	}
	if p.Moved > 0 {
		out = append(out, fmt.Sprintf("moved %d", p.Moved))
	}
	for _, b := range p.Booked {
		out = append(out, fmt.Sprintf("booked %d", b.ID.Seq))
	}
	return strings.Join(out, ", ")
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name string
		open int
		tell func(s *story)
		want string // or what the refusal says
		fail bool
	}{
		{"nothing happened", 2, func(*story) {}, "", false},
		{"results, and no payout", 1, func(s *story) { s.line(3, 1) }, "+1", false},
		{"what the books have", 1, func(s *story) { s.books.Stored[s.line(3, 1)] = true; s.books.Stored[s.line(2, 1)] = true }, "", false},
		{"enough for a payout that was not paid", 2, func(s *story) { s.line(3, 1); s.line(3, 2) }, "+2 3 opened 120", false},
		{"just enough for a payout", 1, func(s *story) { s.line(3, 1); s.Lines[0].Reward = 70 }, "+1 3 opened 100", false},
		{"a payout that later ones prove", 1, func(s *story) { s.line(3, 1); s.line(4, 2) }, "+1 3 opened 60, +1", false},
		{"paid", 2, func(s *story) { s.line(3, 1); s.line(3, 2); s.paid(3, 120) }, "+2 3 paid 120", false},
		{"paid, with its receipt", 1, func(s *story) {
			a, b := s.line(3, 1), s.line(3, 2)
			s.paid(3, 90)
			s.receipt(3, 90, 3, b, a, id("open", 0))
		}, "+2 3 paid 90", false},
		{"two, and then some", 0, func(s *story) {
			s.line(5, 9)
			for seq := range int64(2) {
				s.line(3+seq, 1)
				s.line(3+seq, 2)
				s.paid(3+seq, 60)
			}
		}, "+2 3 paid 60, +2 4 paid 60, +1", false},
		{"not in the log", 2, func(s *story) { s.paid(3, 120) }, "+0 3 paid 120 lost 1/60", false},
		{"not in the log, with a receipt", 2, func(s *story) { s.paid(3, 120); s.receipt(3, 120, 7, "x") }, "+0 3 paid 120 lost 5/60", false},
		{"nothing known of it", 0, func(s *story) { s.paid(3, 120) }, "+0 3 paid 120 lost 1/120", false},
		{"partly in the log", 0, func(s *story) { s.line(3, 1); s.paid(3, 120) }, "+1 3 paid 120 lost 1/90", false},
		{"and said in the log, in an earlier recovery", 0, func(s *story) {
			s.paid(3, 120)
			s.Lines = append(s.Lines, resultlog.InPart{Line: resultlog.Line{Payout: ledger.PayoutID{Worker: worker, Seq: 3}, Reward: 120, Lost: &resultlog.Lost{Count: 1}}})
		}, "+0 3 paid 120 lost 1/120 said", false},
		{"said in the log of a payout that the books have", 0, func(s *story) {
			s.Lines = append(s.Lines, resultlog.InPart{Line: resultlog.Line{Payout: ledger.PayoutID{Worker: worker, Seq: 2}, Reward: 120, Lost: &resultlog.Lost{Count: 1}}})
			s.line(3, 1)
		}, "+1", false},
		{"a number of which nothing is known", 0, func(s *story) { s.paid(4, 120) }, "+0 3 skipped, +0 4 paid 120 lost 1/120", false},
		{"an unpaid one in between", 1, func(s *story) { s.paid(4, 120) }, "+0 3 opened 30, +0 4 paid 120 lost 1/120", false},
		{"results under a number that was paid without them", 1, func(s *story) {
			s.line(3, 1)
			s.paid(3, 60)
			s.line(3, 90)
			s.line(3, 91)
		}, "+1 3 paid 60, +2, moved 2", false},
		{"the same, and the receipt says which", 1, func(s *story) {
			a := s.line(3, 1)
			s.paid(3, 60)
			s.receipt(3, 60, 2, a, id("open", 0))
			s.line(3, 90)
			s.line(4, 91)
		}, "+1 3 paid 60, +2, moved 1", false},
		{"the same, enough for a payout", 1, func(s *story) {
			s.line(3, 1)
			s.paid(3, 60)
			for i := range 4 {
				s.line(3, 90+i)
			}
		}, "+1 3 paid 60, +4 4 opened 120, moved 4", false},
		{"paid after it was recovered", 1, func(s *story) {
			a := s.line(3, 1)
			s.books.Stored[a] = true
			s.books.Open = append(s.books.Open, Result{a, 30, since.Add(time.Minute)})
			s.books.Credits.Pending, s.books.Credits.PendingResults, s.books.Credits.TotalEarned = 60, 2, 260
			s.paid(3, 120)
		}, "+0 3 paid 120 lost 1/60", false},
		{"exported twice", 1, func(s *story) {
			s.line(3, 1)
			s.line(3, 1)
			s.paid(3, 60)
		}, "+1 3 paid 60", false},
		{"accepted again after an earlier restore", 0, func(s *story) {
			s.line(4, 2)
			s.line(3, 1)
			again := s.Lines[1]
			again.Payout.Seq, again.AcceptedAt = 4, since.Add(90*time.Minute)
			s.Lines = append([]resultlog.InPart{again}, s.Lines...)
			s.paid(3, 30)
			s.paid(4, 60)
		}, "+1 3 paid 30, +1 4 paid 60 lost 1/30", false},
		{"credited early, after a payout of which the log has nothing", 0, func(s *story) {
			s.paid(3, 120)
			s.Transfers[0].At = since.Add(10 * time.Minute)
			s.line(3, 90)
		}, "+0 3 paid 120 lost 1/120, +1, moved 1", false},
		{"the same, and the receipt is of as many", 0, func(s *story) {
			s.paid(3, 120)
			s.Transfers[0].At = since.Add(10 * time.Minute)
			s.receipt(3, 120, 1, "x")
			s.line(3, 90)
		}, "+0 3 paid 120 lost 1/120, +1, moved 1", false},
		{"the same, worth as much as was lost", 1, func(s *story) {
			s.line(3, 1)
			s.paid(3, 90)
			s.Transfers[0].At = since.Add(10 * time.Minute)
			s.line(3, 90)
		}, "+1 3 paid 90 lost 1/30, +1, moved 1", false},
		{"paid early, after a number that was not paid", 1, func(s *story) {
			s.line(3, 1)
			s.line(3, 2)
			b := s.line(3, 90)
			s.paid(3, 60)
			s.receipt(3, 60, 2, id("open", 0), b)
		}, "+1 3 paid 60, +2, moved 2", false},
		{"two of one check", 0, func(s *story) {
			s.line(3, 1)
			s.line(3, 90)
			s.Lines[1].Result = s.Lines[0].Result
		}, "+1", false},
		{"booked by ProcessPayout", 0, func(s *story) {
			s.paid(2, 100)
			s.Rows = []ledger.Payout{{ID: ledger.PayoutID{Worker: worker, Seq: 2}, Amount: 100, State: ledger.Failed}}
		}, "booked 2", false},
		{"booked", 0, func(s *story) {
			s.paid(2, 100)
			s.Rows = []ledger.Payout{{ID: ledger.PayoutID{Worker: worker, Seq: 2}, Amount: 100, State: ledger.Confirmed}}
		}, "", false},
		{"a result of a payout that was made of others", 3, func(s *story) { s.line(2, 1); s.books.Whole[2] = true }, "+1 3 opened 120, moved 1", false},

		{"opened after the restore, of another amount", 0, func(s *story) {
			s.paid(2, 120)
			s.Rows = []ledger.Payout{{ID: ledger.PayoutID{Worker: worker, Seq: 2}, Amount: 100, State: ledger.Failed}}
		}, "payout 2 is of 0.000100 USDC in the books, and was paid as 0.000120", true},
		{"credited after the restore", 1, func(s *story) {
			s.paid(3, 120)
			s.books.Open[0].AcceptedAt = since.Add(time.Hour)
		}, "2026-11-22T10:00:00Z is under its number without having been paid; if --since is the time of the backup, ", true},
		{"a payout without a result of the log", 0, func(s *story) { s.line(2, 1) }, "the books have closed payout 2 without result", true},
		{"the last one passed over, and then paid", 0, func(s *story) { s.paid(2, 50) }, "payout 2 was passed over", true},
		{"passed over, and then paid", 0, func(s *story) { s.paid(1, 50) }, "payout 1 was passed over", true},
		{"less was paid than is known of before", 2, func(s *story) { s.paid(3, 30) }, "without 1 results that the books have", true},
		{"paid by two treasuries", 0, func(s *story) { s.paid(3, 30); s.paid(3, 30) }, "payout 3 was paid twice", true},
		{"a receipt, and no transfer", 2, func(s *story) { s.line(3, 1); s.line(3, 2); s.receipt(3, 120, 4, "x") }, "payout 3 has a receipt", true},
		{"said to be lost, and no transfer", 0, func(s *story) {
			s.Lines = append(s.Lines, resultlog.InPart{Line: resultlog.Line{Payout: ledger.PayoutID{Worker: worker, Seq: 4}, Reward: 120, Lost: &resultlog.Lost{Count: 1}}})
		}, "payout 4 was paid", true},
		{"a number out of reach", 0, func(s *story) { s.line(1<<40, 1) }, "payout 1099511627776", true},
		{"another result of one check is in the books", 0, func(s *story) { s.books.Other = map[string]string{s.line(3, 1): id("x", 1)} }, "of the same check", true},
		{"nothing adds up", 1, func(s *story) { s.line(3, 1); s.paid(3, 50) }, "no beginning of its 2 results", true},
		{"the receipt is of others", 1, func(s *story) {
			s.line(3, 1)
			s.paid(3, 60)
			s.receipt(3, 60, 2, "x")
		}, "what its receipt commits to (2 results)", true},
		{"the receipt is of fewer than are known", 2, func(s *story) { s.paid(3, 120); s.receipt(3, 120, 2, "x") }, "for 2 results, and the 2 that are known", true},
		{"the receipt is of another transaction", 1, func(s *story) {
			s.paid(3, 30)
			s.receipt(3, 30, 1, id("open", 0))
			s.Transfers[0].Tx = common.BigToHash(common.Big2)
		}, "its receipt says 0.000030 USDC in 0x0000000000000000000000000000000000000000000000000000000000000001", true},
		{"the receipt is of another amount", 1, func(s *story) { s.paid(3, 30); s.receipt(3, 40, 1, "x") }, "its receipt says 0.000040", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(c.open)
			c.tell(s)
			plan, err := policy.Plan(s.books, s.Evidence)
			if c.fail {
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), ledger.CanonicalAddress(worker)) {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if got := told(plan); err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			s.carriedOut(t, plan)
		})
	}
}

// carriedOut posts a plan, and stops after every posting to plan anew: what is
// left is the rest of it, to its end, and the books add up.
func (s *story) carriedOut(t *testing.T, plan Plan) {
	t.Helper()
	last := -1
	for range 100 {
		if plan.left() == 0 {
			break
		}
		if last >= 0 && plan.left() >= last {
			t.Fatalf("no end: %s", told(plan))
		}
		last = plan.left()
		s.post(t, plan.Steps[0])
		var err error
		if plan, err = policy.Plan(s.books, s.Evidence); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range s.Transfers {
		if x.ID.Seq >= s.books.Credits.PayoutSeq {
			t.Errorf("payout %d is paid, and the next one has number %d", x.ID.Seq, s.books.Credits.PayoutSeq)
		}
	}
	for _, p := range s.Rows {
		if r, there := s.Receipts[p.ID.Seq]; there && p.UsdcTx == r.PayoutTxHash && p.ResultsHash != r.ResultsHash {
			t.Errorf("payout %s has results hash %s, its receipt %s", p.ID, p.ResultsHash, r.ResultsHash)
		}
	}
	if err := s.books.Credits.Check(); err != nil || s.books.Credits.Pending >= policy.Threshold {
		t.Errorf("%+v, %v", s.books.Credits, err)
	}
}

func (p Plan) left() (n int) {
	for _, s := range p.Steps {
		if n += len(s.Results); s.Close != nil {
			n++
		}
	}
	return n
}

// post does the next thing of a step: one result is credited, or the number closed.
func (s *story) post(t *testing.T, step Step) {
	t.Helper()
	if len(step.Results) > 0 {
		l := step.Results[0]
		if _, err := s.books.Credits.Credit(l.Reward); err != nil {
			t.Fatal(err)
		}
		s.books.Stored[l.ResultID] = true
		s.books.Open = append(s.books.Open, Result{l.ResultID, l.Reward, l.AcceptedAt})
		return
	}
	p, err := s.books.Credits.Recover(*step.Close, policy.PayoutPolicy, since.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if p != nil {
		s.Rows = append(s.Rows, *p)
		s.books.Whole[p.ID.Seq] = p.State == ledger.Confirmed && step.Close.Lost == nil
	}
	s.books.Open = nil
}

// Without a receipt, a payout of which results are lost has the hash of those that
// are known.
func TestHashOfWhatIsKnown(t *testing.T) {
	s := newStory(1)
	a := s.line(3, 1)
	s.paid(3, 120)
	plan, err := policy.Plan(s.books, s.Evidence)
	if want := ledger.ResultsHash([]string{a, id("open", 0)}); err != nil || plan.Steps[0].Close.ResultsHash != want {
		t.Errorf("%+v, %v; want %s", plan.Steps[0].Close, err, want)
	}
}

// The cycles of each task are told in their order, and lost results won none.
func TestCycles(t *testing.T) {
	line := func(task string, cycle int64) resultlog.InPart {
		return resultlog.InPart{Line: resultlog.Line{Result: api.Result{TaskID: task}, Cycle: cycle, AcceptedAt: since.Add(time.Duration(cycle) * time.Second)}}
	}
	got := Cycles([]resultlog.InPart{line("a", 7), line("b", 2), line("a", 3), {Line: resultlog.Line{Lost: &resultlog.Lost{Count: 1}}}})
	want := map[string][]Won{"a": {{3, since.Add(3 * time.Second)}, {7, since.Add(7 * time.Second)}}, "b": {{2, since.Add(2 * time.Second)}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
