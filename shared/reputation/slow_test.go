package reputation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spendlog"
)

// slow adds a log up by other means than the reader: encoding/json, big
// fractions, a base58 library; it shares only the shape of its result.
type slow struct {
	totals                         map[string]*big.Rat
	lines, broken, failed, rounded int64
}

func slowly(log []byte) slow {
	s := slow{totals: map[string]*big.Rat{}}
	for line := range bytes.Lines(log) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		s.lines++
		var fields map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if !json.Valid(line) || line[0] != '{' || d.Decode(&fields) != nil {
			s.broken++
			continue
		}
		if fields["success"] == false || fields["success"] == "false" {
			s.failed++
			continue
		}
		wallet, ok := slowWallet(fields)
		cost, exact := slowCost(fields)
		if !ok || cost == nil {
			s.broken++
			continue
		}
		if !exact {
			s.rounded++
		}
		if s.totals[wallet] == nil {
			s.totals[wallet] = new(big.Rat)
		}
		s.totals[wallet].Add(s.totals[wallet], cost)
	}
	return s
}

func slowWallet(fields map[string]any) (string, bool) {
	for _, name := range DefaultAdapter().Wallet {
		if fields[name] == nil {
			continue
		}
		s, ok := fields[name].(string)
		s = strings.TrimSpace(s)
		var n big.Int
		if len(s) == 42 && strings.EqualFold(s[:2], "0x") {
			if _, hex := n.SetString("1"+s[2:], 16); hex && !strings.Contains(s, "_") {
				return strings.ToLower(s), ok
			}
		}
		return s, ok && slowSolana(s)
	}
	return "", false
}

// slowSolana reports base58 for exactly 32 bytes: a number, and a zero byte for
// each 1 in front.
func slowSolana(s string) bool {
	var n big.Int
	for _, c := range s {
		digit := strings.IndexRune("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", c)
		if digit < 0 {
			return false
		}
		n.Add(n.Mul(&n, big.NewInt(58)), big.NewInt(int64(digit)))
	}
	return len(n.Bytes())+len(s)-len(strings.TrimLeft(s, "1")) == 32
}

func slowCost(fields map[string]any) (cost *big.Rat, exact bool) {
	for _, name := range DefaultAdapter().Cost {
		if fields[name] == nil {
			continue
		}
		s := fmt.Sprint(fields[name])
		if len(s) > 30 || s == "" || strings.Trim(s, "0123456789.-+eE") != "" {
			return nil, false
		}
		r, ok := new(big.Rat).SetString(s)
		if !ok || new(big.Rat).Abs(r).Cmp(big.NewRat(1_000_000, 1)) > 0 {
			return nil, false
		}
		return roundRat(r)
	}
	return nil, false
}

// roundRat rounds to 1e-9, half away from zero.
func roundRat(r *big.Rat) (*big.Rat, bool) {
	rounded, ok := new(big.Rat).SetString(r.FloatString(9))
	return rounded, ok && rounded.Cmp(r) == 0
}

func (s slow) compare(t *testing.T, got *Tally) {
	t.Helper()
	if want := (Count{Lines: s.lines, Broken: s.broken, Failed: s.failed, Rounded: s.rounded}); got.Count != want {
		t.Errorf("count = %+v, want %+v", got.Count, want)
	}
	totals := got.Totals()
	if len(totals) != len(s.totals) {
		t.Errorf("%d wallets, want %d", len(totals), len(s.totals))
	}
	for wallet, want := range s.totals {
		if big.NewRat(int64(totals[wallet]), int64(USD)).Cmp(want) != 0 {
			t.Errorf("%s: %d nano, want %s USD", wallet, totals[wallet], want.FloatString(9))
		}
	}
}

func skipping(t testing.TB) Adapter {
	a := DefaultAdapter()
	c, err := ParseCondition("success=false")
	if err != nil {
		t.Fatal(err)
	}
	a.Failed = []Condition{c}
	return a
}

func TestReadAgreesWithSlowComputation(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	for i := range 40 {
		o := spendlog.Options{Seed: seed + uint64(i), Wallets: 1 + rng.IntN(60), Trouble: []int{0, 10, 300, 1000}[i%4]}
		var log bytes.Buffer
		if _, err := spendlog.New(o).Write(&log, int64(1+rng.IntN(200_000))); err != nil {
			t.Fatal(err)
		}
		whole, err := all(skipping(t), bytes.NewReader(log.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		slowly(log.Bytes()).compare(t, whole)
		inPieces(t, log.Bytes(), whole, Limit{int64(1 + rng.IntN(50_000)), 1 + rng.IntN(20)})
		if t.Failed() {
			t.Fatalf("seed %d, options %+v", seed, o)
		}
	}
}

// inPieces reads the log again, each piece by a new reader that begins where
// the last one stopped.
func inPieces(t *testing.T, log []byte, whole *Tally, limit Limit) {
	t.Helper()
	totals := map[string]NanoUSD{}
	var count Count
	offset, last := int64(0), false
	for !last {
		r := skipping(t).NewReader(bytes.NewReader(log[offset:]), offset)
		var piece *Tally
		var err error
		if piece, last, err = r.Read(limit); err != nil {
			t.Fatal(err)
		}
		if r.Offset() == offset && !last {
			t.Fatalf("no progress at byte %d", offset)
		}
		offset = r.Offset()
		count = count.Add(piece.Count)
		for w, n := range piece.Totals() {
			totals[w] += n
		}
	}
	if count != whole.Count || !maps.Equal(totals, whole.Totals()) {
		t.Errorf("in pieces of %+v: %+v, want %+v", limit, count, whole.Count)
	}
}

// The quick way and encoding/json take every line alike.
func FuzzQuick(f *testing.F) {
	g := spendlog.New(spendlog.Options{Seed: 7, Wallets: 3, Trouble: 1000})
	for range 200 {
		f.Add(g.Line())
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.TrimSpace(line)
		if bytes.IndexByte(line, '\n') >= 0 {
			return
		}
		a := skipping(t)
		wallet, cost, failed, ok := newQuick(a).line(line)
		if !ok {
			return
		}
		want, err := a.Line(line)
		if failed != (err == ErrFailedCall) {
			t.Fatalf("%q: failed %t, Line = %v", line, failed, err)
		}
		got, walletErr := CanonicalWallet(string(wallet))
		n, quick := quickNano(cost)
		if failed || walletErr != nil || !quick || n > MaxCost || n < -MaxCost {
			return // not added without asking Line
		}
		if err != nil || got != want.Wallet || n != want.Cost || want.Rounded {
			t.Fatalf("%q: quickly %s %d, Line = %+v, %v", line, got, n, want, err)
		}
	})
}

func TestQuickNanoAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	taken := 0
	for range 50_000 {
		s := randomDecimal(rng)
		n, ok := quickNano([]byte(s))
		if !ok {
			continue
		}
		taken++
		if want, rounded, err := ParseNano(s); err != nil || rounded || n != want {
			t.Fatalf("quickNano(%q) = %d; ParseNano = %d, %t, %v", s, n, want, rounded, err)
		}
	}
	if taken < 1000 {
		t.Errorf("only %d of 50,000 taken", taken)
	}
	for _, s := range []string{"", "-", ".", ".5", "5.", "1e3", "+1", "--1", "1.2.3", "0.0000000001", "1234567890"} {
		if n, ok := quickNano([]byte(s)); ok {
			t.Errorf("quickNano(%q) = %d", s, n)
		}
	}
}

// Most lines of a usual log must take the quick way, or the speed is gone.
func TestUsualLinesAreQuick(t *testing.T) {
	g := spendlog.New(spendlog.Options{Seed: 1, Wallets: 10})
	q := newQuick(skipping(t))
	for range 1000 {
		if line := bytes.TrimSpace(g.Line()); true {
			if _, cost, failed, ok := q.line(line); !ok || failed {
				t.Fatalf("not taken: %s", line)
			} else if _, ok := quickNano(cost); !ok {
				t.Fatalf("cost not taken: %s", line)
			}
		}
	}
}

func TestMemoryOfALongLine(t *testing.T) {
	var usual bytes.Buffer
	if _, err := spendlog.New(spendlog.Options{Seed: 1}).Write(&usual, 1<<20); err != nil {
		t.Fatal(err)
	}
	long := &repeat{left: 50 << 20}
	log := io.MultiReader(bytes.NewReader(usual.Bytes()), strings.NewReader(`{"wallet":"`), long, strings.NewReader("\"}\n"), bytes.NewReader(usual.Bytes()))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := all(DefaultAdapter(), log)
	runtime.ReadMemStats(&after)
	if err != nil || got.Broken != 1 || long.left != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	// Everything ever allocated, not merely what was held at once.
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 16 {
		t.Errorf("a line of 50 MB took %d MB", used)
	}
}
