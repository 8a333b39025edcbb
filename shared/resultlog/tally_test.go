package resultlog

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Each single field that is not what was signed, sent or paid for is seen.
func TestVerify(t *testing.T) {
	other := crypto.PubkeyToAddress(key(t, 2).PublicKey)
	status := 500
	for _, c := range []struct {
		name   string
		forge  func(*Line)
		reason string
	}{
		{"task", func(l *Line) { l.Result.TaskID = "task_2" }, "invalid signature"},
		{"worker", func(l *Line) { l.Result.WorkerAddress = other.Hex() }, "invalid signature"},
		{"spelling of the worker", func(l *Line) { l.Result.WorkerAddress = strings.ToLower(l.Result.WorkerAddress) }, "invalid signature"},
		{"timestamp", func(l *Line) { l.Result.Timestamp++ }, "invalid signature"},
		{"success", func(l *Line) { l.Result.Success = false }, "invalid signature"},
		{"response time", func(l *Line) { l.Result.ResponseTimeMs++ }, "the id of these fields"},
		{"status", func(l *Line) { l.Result.StatusCode = &status }, "the id of these fields"},
		{"no status", func(l *Line) { l.Result.StatusCode = nil }, "the id of these fields"},
		{"error", func(l *Line) { l.Result.Error = "x" }, "the id of these fields"},
		{"signature", func(l *Line) { l.Result.Signature = "0x" + strings.Repeat("5a", 65) }, "invalid signature"},
		{"spelling of the signature", func(l *Line) { l.Result.Signature = "0x" + strings.ToUpper(l.Result.Signature[2:]) }, "the id of these fields"},
		{"id", func(l *Line) { l.ResultID = strings.Repeat("ab", 32) }, "the id of these fields"},
		{"payout of another worker", func(l *Line) { l.Payout.Worker = other }, "and payout " + ledger.CanonicalAddress(other)},
		{"malformed task", func(l *Line) { l.Result.TaskID = "" }, "malformed field"},
		{"too old", func(l *Line) { l.AcceptedAt = noon.Add(api.MaxAge + time.Millisecond) }, "accepted 300001 ms after"},
		{"too early", func(l *Line) { l.AcceptedAt = noon.Add(-api.MaxAhead - time.Millisecond) }, "accepted -30001 ms after"},
	} {
		l := accepted(t, noon, nil)
		if err := Verify(l); err != nil {
			t.Fatal(err)
		}
		c.forge(&l)
		if err := Verify(l); !errors.Is(err, ErrFalse) || !strings.Contains(err.Error(), c.reason) || !strings.Contains(err.Error(), l.ResultID) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.reason)
		}
	}
	for _, at := range []time.Time{noon.Add(api.MaxAge), noon.Add(-api.MaxAhead)} {
		l := accepted(t, noon, nil)
		l.AcceptedAt = at
		if err := Verify(l); err != nil {
			t.Errorf("at the edge: %v", err)
		}
	}
}

func TestTally(t *testing.T) {
	var lines []Line
	var ids []string
	for i := range 20 {
		l := accepted(t, noon.Add(time.Duration(i)*time.Second), nil)
		l.Payout.Seq = 1 + int64(i)/15
		if l.Payout.Seq == 1 {
			ids = append(ids, l.ResultID)
		}
		lines = append(lines, l)
	}
	id := ledger.PayoutID{Worker: lines[0].Payout.Worker, Seq: 1}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var first map[ledger.PayoutID]Payout
	for range 5 {
		rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		tally := NewTally()
		for _, l := range lines {
			if err := tally.Add(l); err != nil {
				t.Fatal(err)
			}
		}
		got := tally.Payouts()
		if want := (Payout{Count: 15, Sum: 15 * 120, ResultsHash: ledger.ResultsHash(ids)}); len(got) != 2 || got[id] != want {
			t.Errorf("payout 1 of %d is %+v, want %+v", len(got), got[id], want)
		}
		if first == nil {
			first = got
		}
		if !maps.Equal(got, first) {
			t.Errorf("in another order %v, want %v", got, first)
		}
	}
}

// What is refused changes no sum.
func TestTallyRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Line)
		want   error
	}{
		{"the same line", func(*Line) {}, ErrTwice},
		{"the same result in another payout", func(l *Line) { l.Payout.Seq++ }, ErrTwice},
		{"another answer to the same check", func(l *Line) { l.ResultID = strings.Repeat("ab", 32) }, ErrTwice},
		{"more than there can be", func(l *Line) {
			*l = accepted(t, noon.Add(time.Second), nil)
			l.Reward = math.MaxInt64
		}, ledger.ErrOverflow},
		{"no id", func(l *Line) { l.ResultID, l.Result.Timestamp = "ab", 1 }, ErrLine},
	} {
		tally := NewTally()
		l := accepted(t, noon, nil)
		if err := tally.Add(l); err != nil {
			t.Fatal(err)
		}
		before := tally.Payouts()
		c.change(&l)
		if err := tally.Add(l); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if after := tally.Payouts(); !maps.Equal(before, after) {
			t.Errorf("%s: sums %v, want %v", c.name, after, before)
		}
		// What overflowed is not remembered as seen.
		if c.want == ledger.ErrOverflow {
			l.Reward = 1
			if err := tally.Add(l); err != nil {
				t.Errorf("%s: then %v", c.name, err)
			}
		}
	}
}

func BenchmarkRead(b *testing.B) {
	text := strings.Repeat(string(Encode(accepted(b, noon, nil))), 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for _, err := range Read(strings.NewReader(text)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
