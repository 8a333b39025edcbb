package audit

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

var day = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// lines are n results of a payout, each worth 100, signed by its worker.
func lines(t *testing.T, key *ecdsa.PrivateKey, seq int64, n int) (out []resultlog.Line) {
	t.Helper()
	worker := crypto.PubkeyToAddress(key.PublicKey)
	for i := range n {
		at := day.Add(time.Duration(seq)*time.Hour + time.Duration(i)*time.Second)
		status := 200
		r := api.Result{TaskID: "task", WorkerAddress: worker.Hex(), Timestamp: at.UnixMilli(), Success: true, ResponseTimeMs: 12, StatusCode: &status}
		if err := api.Sign(&r, key); err != nil {
			t.Fatal(err)
		}
		out = append(out, resultlog.Line{
			Result: r, ResultID: api.ResultID(r), Payout: id(worker, seq), Reward: 100, MultiplierBps: 10_000, Cycle: int64(i), AcceptedAt: at,
		})
	}
	return out
}

// logged is a chain on which payouts 1 and 2 of a worker are paid and
// receipted, and the lines of payouts 1 to 3.
func loggedPayouts(t *testing.T) (*fakeChain, []resultlog.Line) {
	t.Helper()
	key, err := crypto.ToECDSA(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeChain{}
	var all []resultlog.Line
	var receipts []receipt.Receipt
	for seq := range int64(2) {
		some := lines(t, key, seq+1, 5)
		var ids []string
		for _, l := range some {
			ids = append(ids, l.ResultID)
		}
		r := f.pay(3, some[0].Payout, 500)
		r.ResultCount, r.ResultsHash = 5, ledger.ResultsHash(ids)
		all, receipts = append(all, some...), append(receipts, r)
	}
	f.log(t, 5, sender, receipts...)
	return f, append(all, lines(t, key, 3, 2)...)
}

// part is a file of the log with that content, and its name.
func part(content []byte) (name string, text []byte) {
	return resultlog.NewPart(day.Format(time.DateOnly), 0, content).Name(), content
}

func read(t *testing.T, rs *Results, name string, content []byte) {
	t.Helper()
	p, err := ReadPart(name, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	rs.Add(p)
}

func reportWith(t *testing.T, f *fakeChain, rs *Results) Report {
	t.Helper()
	trail := New(scope)
	if err := trail.Walk(t.Context(), f, 0, 9); err != nil {
		t.Fatal(err)
	}
	return trail.ReportWith(rs)
}

func TestResultsAgree(t *testing.T) {
	f, all := loggedPayouts(t)
	rs := NewResults()
	for _, some := range [][]resultlog.Line{all[:3], all[3:9], all[9:]} { // parts know nothing of payouts
		name, content := part(resultlog.Encode(some...))
		read(t, rs, name, content)
	}
	r := reportWith(t, f, rs)
	if !r.OK() || len(r.Payouts) != 2 || *r.Log != (LogReport{Parts: 3, Results: 12, Recomputed: 2, OpenPayouts: 1, OpenResults: 2}) {
		t.Errorf("%+v, log %+v", r, r.Log)
	}
	if r := reportWith(t, f, nil); !r.OK() || r.Log != nil || len(r.Payouts) != 2 {
		t.Errorf("without a log: %+v", r)
	}
	if r := reportWith(t, f, NewResults()); fmt.Sprint(kinds(r)) != fmt.Sprint([]Kind{MissingResults, MissingResults}) || len(r.Payouts) != 0 {
		t.Errorf("with an empty log: %+v", r)
	}
}

// Whatever is changed in the log is found, and no payout that it touches
// counts as verified.
func TestResultsDisagree(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(all []resultlog.Line) []resultlog.Line
		want     []Kind // first of the receipts, then inside the log
		verified int
	}{
		{"one left out", func(all []resultlog.Line) []resultlog.Line { return all[1:] }, []Kind{MissingResults}, 1},
		{"what was seen", func(all []resultlog.Line) []resultlog.Line {
			all[6].Result.Success = false
			return all
		}, []Kind{MissingResults, BadResult}, 1},
		{"what is not signed, but in the id", func(all []resultlog.Line) []resultlog.Line {
			all[6].Result.ResponseTimeMs++
			return all
		}, []Kind{MissingResults, BadResult}, 1},
		{"that, and the id with it", func(all []resultlog.Line) []resultlog.Line {
			all[6].Result.ResponseTimeMs++
			all[6].ResultID = api.ResultID(all[6].Result)
			return all
		}, []Kind{WrongResults}, 1},
		{"the reward", func(all []resultlog.Line) []resultlog.Line {
			all[6].Reward++
			return all
		}, []Kind{WrongSum}, 1},
		{"the payout", func(all []resultlog.Line) []resultlog.Line {
			all[6].Payout.Seq = 1
			return all
		}, []Kind{ExtraResults, MissingResults}, 0},
		{"somebody else's payout", func(all []resultlog.Line) []resultlog.Line {
			all[6].Payout.Worker = bob
			return all
		}, []Kind{MissingResults, BadResult}, 1},
		{"one twice", func(all []resultlog.Line) []resultlog.Line { return append(all, all[3]) }, []Kind{DoubleResult}, 2},
		{"a cycle won twice", func(all []resultlog.Line) []resultlog.Line {
			all[6].Cycle = all[5].Cycle
			return all
		}, []Kind{DoubleCycle}, 2},
		{"a cycle won again after a restore", func(all []resultlog.Line) []resultlog.Line {
			all[10].Cycle = all[0].Cycle // two hours later
			return all
		}, nil, 2},
		{"one lost, and said so", func(all []resultlog.Line) []resultlog.Line {
			return append(all[:6:6], append(all[7:], lost(all[6], all[5:10]))...)
		}, nil, 2},
		{"one lost, and more said", func(all []resultlog.Line) []resultlog.Line {
			l := lost(all[6], all[5:10])
			l.Reward++
			return append(all[:6:6], append(all[7:], l)...)
		}, []Kind{WrongSum}, 1},
		{"one said to be lost that is there", func(all []resultlog.Line) []resultlog.Line {
			return append(all, lost(all[6], all[5:10]))
		}, []Kind{ExtraResults}, 1},
		{"one more", func(all []resultlog.Line) []resultlog.Line {
			all[10].Payout.Seq = 2
			return all
		}, []Kind{ExtraResults}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, all := loggedPayouts(t)
			name, content := part(resultlog.Encode(c.change(all)...))
			rs := NewResults()
			read(t, rs, name, content)
			r := reportWith(t, f, rs)
			if got := kinds(r); !slices.Equal(got, c.want) || len(r.Payouts) != c.verified || r.Log.Recomputed != c.verified {
				t.Errorf("%q, want %q; %d verified\n%v", got, c.want, len(r.Payouts), r.Disagreements)
			}
			for _, d := range r.Disagreements {
				if text := d.String(); strings.Contains(text, "block 0") || !strings.Contains(text, "block 5") && !strings.Contains(text, name) {
					t.Errorf("%q", text)
				}
			}
		})
	}
}

// lost is a line in the place of one of a payout's.
func lost(l resultlog.Line, of []resultlog.Line) resultlog.Line {
	var ids []string
	for _, x := range of {
		ids = append(ids, x.ResultID)
	}
	return resultlog.Line{
		Payout: l.Payout, Reward: l.Reward, AcceptedAt: l.AcceptedAt, Lost: &resultlog.Lost{Count: 1, ResultsHash: ledger.ResultsHash(ids), Reason: "restored"},
	}
}

// A file that is not what its name says is named; its lines are judged by
// what they prove.
func TestDamagedParts(t *testing.T) {
	f, all := loggedPayouts(t)
	name, content := part(resultlog.Encode(all...))
	for _, c := range []struct {
		name    string
		content string
		want    []Kind
	}{
		{"cut", string(content[:len(content)-10]), []Kind{BadResult, BadPart}},
		{"a line of rubbish", "rubbish\n" + string(content), []Kind{BadResult, BadPart}},
		{"another end", string(content) + "\n", []Kind{BadResult, BadPart}},
		{"empty", "", []Kind{MissingResults, MissingResults, BadPart}},
	} {
		rs := NewResults()
		read(t, rs, name, []byte(c.content))
		r := reportWith(t, f, rs)
		if got := kinds(r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if last := r.Disagreements[len(r.Disagreements)-1].String(); !strings.HasPrefix(last, "bad part in "+name) {
			t.Errorf("%s: %s", c.name, last)
		}
	}
	broken := errors.New("disk gone")
	if _, err := ReadPart(name, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("unreadable: %v", err)
	}
	if p, err := ReadPart("results/part.jsonl", bytes.NewReader(content)); err != nil || len(p.bad) != 1 || p.bad[0].Kind != BadPart {
		t.Errorf("a foreign name: %+v, %v", p, err)
	}
}

func TestMuchRubbish(t *testing.T) {
	rs := NewResults()
	for i := range 3 {
		name, content := part(bytes.Repeat([]byte("rubbish\n"), maxBad+i))
		read(t, rs, name, content)
	}
	r := reportWith(t, &fakeChain{}, rs)
	if len(r.Disagreements) != maxBad || r.Log.Unlisted != 2*maxBad+3 {
		t.Errorf("%d listed, %d not", len(r.Disagreements), r.Log.Unlisted)
	}
}
