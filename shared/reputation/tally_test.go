package reputation

import (
	"errors"
	"fmt"
	"io"
	"slices"
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
		{"too much for one call", `{"wallet":"` + evm + `","cost":1000000.000000001}`, Spend{}, ErrTooLarge},
		{"the most for one call", `{"wallet":"` + evm + `","cost":1000000}`, Spend{Wallet: evm, Cost: MaxCost}, nil},
		{"the last of two", `{"wallet":"` + evm + `","cost":1,"cost":2}`, Spend{Wallet: evm, Cost: 2 * USD}, nil},
		{"the last of two is null", `{"wallet":"` + evm + `","cost":1,"cost":null}`, Spend{}, ErrMissingField},
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

// all is every line of r, read in one piece.
func all(a Adapter, r io.Reader) (*Tally, error) {
	t, last, err := a.NewReader(r, 0).Read(Limit{1 << 60, 1 << 30})
	if err == nil && !last {
		err = errors.New("the piece ended before the log")
	}
	return t, err
}

func TestRead(t *testing.T) {
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
			got, err := all(DefaultAdapter(), r)
			if err != nil {
				t.Fatal(err)
			}
			if totals := got.Totals(); totals[evm] != 250_000_000 || totals[solana] != 3*USD || len(totals) != 2 {
				t.Errorf("totals = %v", totals)
			}
			if want := (Count{Lines: 7, Broken: 2, Rounded: 1}); got.Count != want {
				t.Errorf("count = %+v, want %+v", got.Count, want)
			}
			want := []string{
				fmt.Sprintf("byte %d: %s", strings.Index(log, "broken"), ErrNotObject),
				fmt.Sprintf("byte %d: %s", strings.Index(log, "yyy")-len(`{"wallet":"`+evm+`","x":"`), ErrTooLong),
			}
			if !slices.Equal(got.Samples, want) {
				t.Errorf("samples = %q, want %q", got.Samples, want)
			}
		})
	}
}

func TestReadFails(t *testing.T) {
	cut := errors.New("cut off")
	r := io.MultiReader(strings.NewReader(`{"wallet":"`+evm+`","cost":1}`+"\n"), iotest.ErrReader(cut))
	if _, err := all(DefaultAdapter(), r); !errors.Is(err, cut) {
		t.Errorf("reading over a broken reader = %v, want the reader's error", err)
	}
	huge := strings.Repeat(`{"wallet":"`+evm+`","cost":1000000}`+"\n", 9224)
	if _, err := all(DefaultAdapter(), strings.NewReader(huge)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("reading over the range = %v, want ErrTooLarge", err)
	}
}

func TestFailedCalls(t *testing.T) {
	tests := []struct {
		condition, line string
		failed          bool
	}{
		{"success=false", `"success":false`, true},
		{"success=false", `"success":"false"`, true},
		{"success=false", `"success":true`, false},
		{"success=false", `"success":false,"success":true`, false},
		{"success=false", `"succ\u0065ss":false`, true},
		{"success=false", `"a":{"success":false}`, false},
		{"statusCode=5*", `"statusCode":503`, true},
		{"statusCode=5*", `"statusCode":200`, false},
		{"error=*", `"error":null`, false},
		{"error=*", `"error":{"code":1}`, true},
		{"error=*", `"error":"x"`, true},
		{"error=x", `"error":["x"]`, false},
	}
	for _, tt := range tests {
		c, err := ParseCondition(tt.condition)
		if err != nil {
			t.Fatal(err)
		}
		a := DefaultAdapter()
		a.Failed = []Condition{c}
		line := `{"wallet":"` + evm + `","cost":1,` + tt.line + "}\n"
		want := Count{Lines: 2}
		if tt.failed {
			want.Failed = 2
		}
		got, err := all(a, strings.NewReader(line+line)) // the second meets a known wallet
		if err != nil || got.Count != want {
			t.Errorf("%s, %s: %+v, %v; want %+v", tt.condition, tt.line, got.Count, err, want)
		}
		if _, err := a.Line([]byte(line)); errors.Is(err, ErrFailedCall) != tt.failed {
			t.Errorf("%s, %s: Line = %v", tt.condition, tt.line, err)
		}
	}
	for _, s := range []string{"", "success", "=false", "success="} {
		if c, err := ParseCondition(s); err == nil {
			t.Errorf("ParseCondition(%q) = %+v", s, c)
		}
	}
}

func TestSamplesHoldNothingOfTheLine(t *testing.T) {
	log := `{"wallet":"sk-secret","cost":1}
{"wallet":"` + evm + `","cost":"sk-secret"}
sk-secret
`
	got, err := all(DefaultAdapter(), strings.NewReader(log))
	if err != nil || len(got.Samples) != 3 || strings.Contains(fmt.Sprint(got.Samples), "secret") {
		t.Errorf("samples %q, %v; want three without content", got.Samples, err)
	}
}

func TestMostlyBroken(t *testing.T) {
	if (Count{}).MostlyBroken() || (Count{Lines: 2, Broken: 1}).MostlyBroken() || !(Count{Lines: 3, Broken: 2}).MostlyBroken() {
		t.Error("want more than half")
	}
}
