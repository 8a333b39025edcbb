package reputation

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	evm    = "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd"
	solana = "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV"
)

func TestCanonicalWallet(t *testing.T) {
	tests := []struct{ in, want string }{
		{evm, evm},
		{"0xABCDEFabcdefabcdefABCDEFabcdefabcdefABCD", evm},
		{"0XABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD", evm},
		{" " + evm + "\n", evm},
		{"So11111111111111111111111111111111111111112", "So11111111111111111111111111111111111111112"},
		{"11111111111111111111111111111111", "11111111111111111111111111111111"},
		{"", ""},
		{evm[:41], ""},
		{evm + "a", ""},
		{"0x" + strings.Repeat("g", 40), ""},
		{strings.Repeat("1", 33), ""}, // 33 zero bytes
		{strings.Repeat("z", 44), ""}, // more than 32 bytes
		{strings.Repeat("0", 40), ""}, // 0 is not in base58
		{strings.Repeat("z", 32), ""}, // 24 bytes
	}
	for _, tt := range tests {
		got, err := CanonicalWallet(tt.in)
		if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, ErrNoWallet) {
			t.Errorf("CanonicalWallet(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestLine(t *testing.T) {
	tests := []struct {
		name, line string
		want       Spend
		err        error
	}{
		{"number", `{"wallet":"` + evm + `","cost":0.0123,"model":"x"}`, Spend{Wallet: evm, Cost: 12_300_000}, nil},
		{"string", `{"cost":"0.0123","wallet":"` + strings.ToUpper(evm) + `"}`, Spend{Wallet: evm, Cost: 12_300_000}, nil},
		{"refund", `{"wallet":"` + evm + `","cost":-1}`, Spend{Wallet: evm, Cost: -USD}, nil},
		{"a float's tail", `{"wallet":"` + evm + `","cost":0.30000000000000004}`, Spend{Wallet: evm, Cost: 300_000_000, Rounded: true}, nil},
		{"other spelling", `{"walletAddress":"` + evm + `","costUsd":1}`, Spend{Wallet: evm, Cost: USD}, nil},
		{"null is absent", `{"wallet":null,"address":"` + evm + `","cost":1}`, Spend{Wallet: evm, Cost: USD}, nil},
		{"no wallet", `{"cost":1}`, Spend{}, ErrMissingField},
		{"no cost", `{"wallet":"` + evm + `"}`, Spend{}, ErrMissingField},
		{"wallet a number", `{"wallet":1,"cost":1}`, Spend{}, ErrNoWallet},
		{"wallet a name", `{"wallet":"bob","cost":1}`, Spend{}, ErrNoWallet},
		{"cost a word", `{"wallet":"` + evm + `","cost":"free"}`, Spend{}, ErrNotDecimal},
		{"cost an object", `{"wallet":"` + evm + `","cost":{"usd":1}}`, Spend{}, ErrNotDecimal},
		{"cost true", `{"wallet":"` + evm + `","cost":true}`, Spend{}, ErrNotDecimal},
		{"cost too large", `{"wallet":"` + evm + `","cost":1e400}`, Spend{}, ErrTooLarge},
		{"not JSON", `oops`, Spend{}, ErrNotObject},
		{"array", `[]`, Spend{}, ErrNotObject},
		{"null", `null`, Spend{}, ErrNotObject},
		{"half a line", `{"wallet":"` + evm, Spend{}, ErrNotObject},
		{"two objects", `{} {}`, Spend{}, ErrNotObject},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DefaultAdapter().Line([]byte(tt.line))
			if got != tt.want || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("Line(%s) = %+v, %v; want %+v, %v", tt.line, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestReadLog(t *testing.T) {
	log := strings.Join([]string{
		`{"wallet":"` + evm + `","cost":0.1}`,
		`{"wallet":"` + strings.ToUpper(evm) + `","cost":"0.2"}`,
		``,
		`  `,
		`broken`,
		`{"wallet":"` + solana + `","cost":3}` + "\r",
		`{"wallet":"` + evm + `","x":"` + strings.Repeat("y", 3*maxLine) + `"}`,
		`{"wallet":"` + evm + `","cost":0.0000000001}`,
		`{"wallet":"` + evm + `","cost":-0.05}`, // the last line has no end
	}, "\n")
	for name, r := range map[string]io.Reader{
		"at once":    strings.NewReader(log),
		"in pieces":  iotest.HalfReader(strings.NewReader(log)),
		"data + EOF": iotest.DataErrReader(strings.NewReader(log)),
	} {
		t.Run(name, func(t *testing.T) {
			got := NewTally()
			if err := DefaultAdapter().ReadLog(r, got); err != nil {
				t.Fatal(err)
			}
			if got.Totals[evm] != 250_000_000 || got.Totals[solana] != 3*USD || len(got.Totals) != 2 {
				t.Errorf("totals = %v", got.Totals)
			}
			if got.Lines != 7 || got.Broken != 2 || got.Rounded != 1 {
				t.Errorf("lines, broken, rounded = %d, %d, %d; want 7, 2, 1", got.Lines, got.Broken, got.Rounded)
			}
			if s := fmt.Sprint(got.Samples); !strings.Contains(s, "line 5: ") || !strings.Contains(s, "line 7: ") {
				t.Errorf("samples = %s; want lines 5 and 7", s)
			}
		})
	}
}

func TestReadLogFails(t *testing.T) {
	cut := errors.New("cut off")
	r := io.MultiReader(strings.NewReader(`{"wallet":"`+evm+`","cost":1}`+"\n"), iotest.ErrReader(cut))
	if err := DefaultAdapter().ReadLog(r, NewTally()); !errors.Is(err, cut) {
		t.Errorf("ReadLog over a broken reader = %v, want the reader's error", err)
	}
	huge := strings.Repeat(`{"wallet":"`+evm+`","cost":9000000000}`+"\n", 2)
	if err := DefaultAdapter().ReadLog(strings.NewReader(huge), NewTally()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("ReadLog over the range = %v, want ErrTooLarge", err)
	}
}

func TestMerge(t *testing.T) {
	sum := NewTally()
	for i, log := range []string{
		`{"wallet":"` + evm + `","cost":1}` + "\nx\nx\nx\n",
		`{"wallet":"` + evm + `","cost":2}` + "\n" + `{"wallet":"` + solana + `","cost":0.0000000001}` + "\nx\nx\nx\n",
	} {
		part := NewTally()
		if err := DefaultAdapter().ReadLog(strings.NewReader(log), part); err != nil {
			t.Fatal(err)
		}
		if !part.MostlyBroken() {
			t.Errorf("part %d: %d of %d lines broken, and not mostly broken", i, part.Broken, part.Lines)
		}
		if err := sum.Merge(part); err != nil {
			t.Fatal(err)
		}
	}
	if sum.Totals[evm] != 3*USD || sum.Lines != 9 || sum.Broken != 6 || sum.Rounded != 1 || len(sum.Samples) != maxSamples {
		t.Errorf("merged = %+v", sum)
	}
	if err := sum.Merge(&Tally{Totals: map[string]NanoUSD{evm: 9223372036854775807}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("merging over the range = %v, want ErrTooLarge", err)
	}
	if (&Tally{}).MostlyBroken() || (&Tally{Lines: 2, Broken: 1}).MostlyBroken() {
		t.Error("half or none broken counts as mostly broken")
	}
}
