package receipt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

func sample(i int) Receipt {
	var worker common.Address
	var tx common.Hash
	worker[0], worker[19], tx[0], tx[31] = 0xAB, byte(i+1), 0xCD, byte(i+1)
	return Receipt{
		PayoutID: ledger.PayoutID{Worker: worker, Seq: int64(i + 1)}, AmountMicros: 10_000 + ledger.Micros(i), ResultCount: 100,
		ResultsHash: ledger.ResultsHash([]string{fmt.Sprint(i)}), PayoutTxHash: tx, TS: 1_790_000_000_000 + int64(i)*1_000,
	}
}

func samples(n int) []Receipt {
	rs := make([]Receipt, n)
	for i := range rs {
		rs[i] = sample(i)
	}
	return rs
}

var forms = map[string]func([]Receipt) ([]byte, error){"json": EncodeJSON, "compact": EncodeCompact}

// The two spellings are promised to readers of the chain: they never change.
func TestSpelling(t *testing.T) {
	r := sample(0)
	want := `{"v":1,"type":"worker_payout","worker":"0xab00000000000000000000000000000000000001","amountMicros":10000,"resultCount":100,` +
		`"resultsHash":"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9","payoutId":"0xab00000000000000000000000000000000000001-1",` +
		`"payoutTxHash":"0xcd00000000000000000000000000000000000000000000000000000000000001","ts":1790000000000}`
	got, err := EncodeJSON([]Receipt{r})
	if err != nil || string(got) != want {
		t.Errorf("json: %v\n got %s\nwant %s", err, got, want)
	}
	wantHex := "b7575001" + "01" + "80d8c1a28c34" +
		"ab00000000000000000000000000000000000001" + "01" + "904e" + "64" +
		"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9" +
		"cd00000000000000000000000000000000000000000000000000000000000001" + "00"
	got, err = EncodeCompact([]Receipt{r})
	if err != nil || hex.EncodeToString(got) != wantHex {
		t.Errorf("compact: %v\n got %x\nwant %s", err, got, wantHex)
	}
}

func TestRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		rs := make([]Receipt, 1+rnd.IntN(120))
		for i := range rs {
			rs[i] = random(rnd)
		}
		for name, encode := range forms {
			calldata, err := encode(rs)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			back, err := Decode(calldata)
			if err != nil || !slices.Equal(back, rs) {
				t.Fatalf("%s: %v\n got %+v\nwant %+v", name, err, back, rs)
			}
		}
	}
}

func random(rnd *rand.Rand) Receipt {
	var r Receipt
	fill := func(b []byte) {
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
	}
	number := func() int64 { return 1 + rnd.Int64N(maxNumber>>rnd.IntN(53)) }
	results := make([]byte, 32)
	fill(r.PayoutID.Worker[:])
	fill(r.PayoutTxHash[:])
	fill(results)
	r.ResultsHash = hex.EncodeToString(results)
	r.PayoutID.Seq, r.AmountMicros, r.ResultCount, r.TS = number(), ledger.Micros(number()), number(), number()
	return r
}

func TestInvalidReceipts(t *testing.T) {
	for name, change := range map[string]func(*Receipt){
		"no worker":       func(r *Receipt) { r.PayoutID.Worker = common.Address{} },
		"no seq":          func(r *Receipt) { r.PayoutID.Seq = 0 },
		"no amount":       func(r *Receipt) { r.AmountMicros = 0 },
		"negative":        func(r *Receipt) { r.AmountMicros = -1 },
		"too large":       func(r *Receipt) { r.AmountMicros = maxNumber + 1 },
		"no results":      func(r *Receipt) { r.ResultCount = 0 },
		"no hash":         func(r *Receipt) { r.ResultsHash = "" },
		"short hash":      func(r *Receipt) { r.ResultsHash = r.ResultsHash[2:] },
		"upper-case hash": func(r *Receipt) { r.ResultsHash = strings.ToUpper(r.ResultsHash) },
		"no transfer":     func(r *Receipt) { r.PayoutTxHash = common.Hash{} },
		"no time":         func(r *Receipt) { r.TS = 0 },
	} {
		r := sample(0)
		change(&r)
		for form, encode := range forms {
			if _, err := encode([]Receipt{r}); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %s: %v", name, form, err)
			}
		}
	}
	for form, encode := range forms {
		if _, err := encode(nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: no receipts: %v", form, err)
		}
		if _, err := encode([]Receipt{sample(1), sample(2), sample(1)}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: one payout twice: %v", form, err)
		}
		if _, err := encode(samples(2_000)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: more than a transaction holds: %v", form, err)
		}
	}
}

func TestDecodeRefusesOtherSpellings(t *testing.T) {
	one, _ := EncodeJSON(samples(1))
	two, _ := EncodeJSON(samples(2))
	if _, err := Decode([]byte("[" + string(one) + "]")); err != nil {
		t.Errorf("an array of one: %v", err)
	}
	json := func(from, to string) string { return strings.Replace(string(one), from, to, 1) }
	for name, bad := range map[string]string{
		"nothing":               "",
		"an empty array":        "[]",
		"null":                  "null",
		"a number":              "7",
		"text":                  "hello",
		"another version":       json(`"v":1`, `"v":2`),
		"another type":          json("worker_payout", "refund"),
		"another worker":        json(`"worker":"0xab`, `"worker":"0xac`),
		"checksummed worker":    json(`"worker":"0xab`, `"worker":"0xAB`),
		"payout id without seq": json(`01-1"`, `01"`),
		"payout id, seq 01":     json(`01-1"`, `01-01"`),
		"a space":               json(`,"type"`, `, "type"`),
		"something after":       string(one) + " ",
		"two objects":           string(one) + string(one),
		"unknown field":         json(`"ts":`, `"x":0,"ts":`),
		"double field":          json(`"ts":`, `"ts":1,"ts":`),
		"other case":            json(`"ts":`, `"TS":`),
		"missing field":         json(`"resultCount":100,`, ``),
		"amount as text":        json(`10000`, `"10000"`),
		"amount as a float":     json(`10000`, `10000.0`),
		"negative amount":       json(`10000`, `-10000`),
		"short hash":            json(`"0xcd00`, `"0xcd`),
		"one payout twice":      strings.Replace(string(two), "02-2", "01-1", 1),
		"the same twice":        "[" + string(one) + "," + string(one) + "]",
	} {
		if rs, err := Decode([]byte(bad)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: read as %+v, %v", name, rs, err)
		}
	}
}

func TestDecodeRefusesOtherBytes(t *testing.T) {
	good, _ := EncodeCompact(samples(3))
	for i := range good {
		if rs, err := Decode(good[:i]); !errors.Is(err, ErrInvalid) {
			t.Fatalf("cut at %d: read as %+v, %v", i, rs, err)
		}
	}
	hexed := hex.EncodeToString(good)
	single, _ := EncodeCompact(samples(1))
	head, record := hex.EncodeToString(single[:5]), hex.EncodeToString(single[11:])
	base := hex.EncodeToString(single[5:11])
	for name, bad := range map[string]string{
		"something after":  hexed + "00",
		"another version":  "b7575002" + hexed[8:],
		"another magic":    "b7575101" + hexed[8:],
		"fewer announced":  hexed[:8] + "02" + hexed[10:],
		"more announced":   hexed[:8] + "04" + hexed[10:],
		"very many":        hexed[:8] + "ffffffffffffff0f" + hexed[10:],
		"none announced":   hexed[:8] + "00" + hexed[10:22],
		"longer varint":    hexed[:8] + "8300" + hexed[10:],
		"endless varint":   hexed[:8] + strings.Repeat("ff", 20) + hexed[10:],
		"an earlier base":  head + "ffd7c1a28c34" + strings.TrimSuffix(record, "00") + "01",
		"one payout twice": "b757500102" + base + record + record,
		"no worker":        head + base + strings.Repeat("00", 20) + record[40:],
	} {
		raw, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if rs, err := Decode(raw); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: read as %+v, %v", name, rs, err)
		}
	}
	if _, err := Decode(bytes.Repeat([]byte{0xb7}, MaxCalldata+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too long: %v", err)
	}
}

func TestOf(t *testing.T) {
	want := sample(0)
	p := ledger.Payout{
		ID: want.PayoutID, Amount: want.AmountMicros, ResultCount: want.ResultCount, ResultsHash: want.ResultsHash,
		UsdcTx: want.PayoutTxHash, ConfirmedAt: time.UnixMilli(want.TS), State: ledger.Confirmed,
	}
	if got, err := Of(p); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, s := range []ledger.PayoutState{ledger.Pending, ledger.Settled, ledger.Failed} {
		q := p
		q.State = s
		if _, err := Of(q); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", s, err)
		}
	}
	p.UsdcTx = common.Hash{}
	if _, err := Of(p); !errors.Is(err, ErrInvalid) {
		t.Errorf("without a transfer: %v", err)
	}
}

// Whatever Decode takes is what one of the encoders writes.
func FuzzDecode(f *testing.F) {
	for _, n := range []int{1, 2, 5} {
		for _, encode := range forms {
			calldata, err := encode(samples(n))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(calldata)
		}
	}
	f.Add([]byte("[]"))
	f.Add([]byte{0xb7, 'W', 'P', 1, 1, 1})
	f.Fuzz(func(t *testing.T, calldata []byte) {
		rs, err := Decode(calldata)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || rs != nil {
				t.Fatalf("%v with %d receipts", err, len(rs))
			}
			return
		}
		compact, err := EncodeCompact(rs)
		if err != nil {
			t.Fatal(err)
		}
		if calldata[0] == magic[0] && !bytes.Equal(compact, calldata) {
			t.Fatalf("read %x, which is written %x", calldata, compact)
		}
		if calldata[0] != magic[0] {
			again, err := encodeJSON(rs, calldata[0] == '[')
			if err != nil || !bytes.Equal(again, calldata) {
				t.Fatalf("read %s, which is written %s: %v", calldata, again, err)
			}
		}
	})
}
