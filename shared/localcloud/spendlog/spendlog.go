// Package spendlog makes logs of LLM calls such as RefreshReputation reads: of
// any size, and for one seed always the same.
package spendlog

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Options say what a log holds.
type Options struct {
	Seed    uint64
	Day     time.Time // of the lines' times
	Wallets int       // that pay; default 1,000. A few pay for much, most for little
	// Trouble is how many lines of a thousand are unusual: refunds, costs as
	// text or with an exponent, names that are escaped or there twice, failed
	// calls, spaces, and lines that are broken in all ways.
	Trouble int
}

// Generator writes the lines of one log.
type Generator struct {
	o       Options
	rng     *rand.Rand
	wallets []string
	line    []byte
}

// New begins a log.
func New(o Options) *Generator {
	if o.Wallets <= 0 {
		o.Wallets = 1_000
	}
	if o.Day.IsZero() {
		o.Day = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	}
	g := &Generator{o: o, rng: rand.New(rand.NewPCG(o.Seed, 0x5be4d))}
	// The wallets are those of all seeds, so that several logs share them.
	all := rand.New(rand.NewPCG(1, 2))
	for i := range o.Wallets {
		g.wallets = append(g.wallets, wallet(all, i))
	}
	return g
}

// wallet is an EVM address, and every fifth a Solana one.
func wallet(rng *rand.Rand, i int) string {
	const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	var b strings.Builder
	if i%5 == 4 {
		b.WriteByte('2' + byte(rng.IntN(7))) // 44 digits from 2 to 8 in front are 32 bytes
		for range 43 {
			b.WriteByte(base58[rng.IntN(len(base58))])
		}
		return b.String()
	}
	b.WriteString("0x")
	for range 40 {
		b.WriteByte("0123456789abcdefABCDEF"[rng.IntN(22)]) // in any case, as clients write it
	}
	return b.String()
}

// Write writes lines until there are at least size bytes, and says how many.
func (g *Generator) Write(w io.Writer, size int64) (written int64, err error) {
	for written < size {
		n, err := w.Write(g.Line())
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Line is the next line, good until the one after.
func (g *Generator) Line() []byte {
	g.line = g.line[:0]
	if g.o.Trouble > 0 && g.rng.IntN(1000) < g.o.Trouble {
		g.line = append(g.line, g.trouble()...)
	} else {
		g.usual()
	}
	g.line = append(g.line, '\n')
	return g.line
}

func (g *Generator) wallet() string {
	f := g.rng.Float64()
	return g.wallets[int(f*f*f*float64(len(g.wallets)))]
}

var models = []string{
	"anthropic/claude-sonnet-4.6", "anthropic/claude-haiku-4.5", "openai/gpt-5-mini", "google/gemini-3-flash",
	"deepseek/deepseek-v3.2", "xai/grok-4-fast", "moonshot/kimi-k2",
}

// usual is a call that went well.
func (g *Generator) usual() {
	r := g.rng
	b := g.line
	str := func(name, value string) {
		b = append(append(append(append(b, ',', '"'), name...), `":"`...), value...)
		b = append(b, '"')
	}
	num := func(name string, n int) {
		b = append(append(append(b, ',', '"'), name...), `":`...)
		b = strconv.AppendInt(b, int64(n), 10)
	}
	b = append(b, `{"timestamp":"`...)
	b = g.o.Day.Add(time.Duration(r.IntN(86_400_000))*time.Millisecond).AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","requestId":"req_`...)
	b = appendHex(b, r.Uint64(), r.Uint64())
	b = append(b, '"')
	str("wallet", g.wallet())
	str("network", "base")
	str("model", models[r.IntN(len(models))])
	num("inputTokens", r.IntN(100_000))
	num("outputTokens", r.IntN(8_000))
	b = append(b, `,"cost":`...)
	b = appendCost(b, r)
	num("latencyMs", 200+r.IntN(20_000))
	num("statusCode", 200)
	b = append(b, `,"success":true,"stream":true`...)
	b = append(b, `,"txHash":"0x`...)
	b = appendHex(b, r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())
	b = append(b, '"')
	str("client", "clawrouter/0.12.3")
	g.line = append(b, '}')
}

// appendCost is up to nine digits after the point.
func appendCost(b []byte, r *rand.Rand) []byte {
	nano := strconv.Itoa(1_000_000_000 + r.IntN(200_000_000)/[]int{1000, 1, 10}[r.IntN(3)]*[]int{1, 1, 10}[r.IntN(3)])
	b = append(b, "0."...)
	b = append(b, nano[1])
	return append(b, strings.TrimRight(nano[2:], "0")...)
}

func appendHex(b []byte, words ...uint64) []byte {
	for _, w := range words {
		for shift := 60; shift >= 0; shift -= 4 {
			b = append(b, "0123456789abcdef"[w>>shift&15])
		}
	}
	return b
}

// trouble is an unusual line.
func (g *Generator) trouble() string {
	w, cost := g.wallet(), string(appendCost(nil, g.rng))
	forms := []string{
		`{"wallet":"%w","cost":"%c"}`,
		`{"wallet":"%w","cost":-%c}`,
		`{"wallet":"%w","cost":3e-4}`,
		`{"wallet":"%w","cost":"1.25E-2"}`,
		`{"wallet":"%w","cost":0.00012345000000000002}`,
		`{"wallet":"%w","cost":%c,"cost":0.5}`,
		`{"wallet":"%w","cost":%c,"cost":null}`,
		`{"wallet":"nobody","wallet":"%w","cost":%c}`,
		`{"w\u0061llet":"%w","c\u006fst":%c}`,
		`{"wallet":"%w","cost":"\u0030.5"}`,
		`{"note":"a \"cost\":9 in \\ quotes","wallet":"%w","cost":%c}`,
		`{"usage":{"wallet":"x","cost":7,"a":[{"cost":8}]},"wallet":"%w","cost":%c}`,
		` { "wallet" : "%w" ,	"cost" : %c } ` + "\r",
		`{"walletAddress":"%w","costUsd":%c}`,
		`{"address":"%w","wallet":null,"cost":null,"cost_usd":"%c"}`,
		`{"cost":%c,"wallet":" %w "}`,
		`{"cost":%c,"wallet":"%w","success":false}`,
		`{"cost":%c,"wallet":"%w","success":false,"success":true}`,
		`{"cost":%c,"wallet":"%w","s\u0075ccess":false}`,
		`{"cost":%c,"wallet":"%w","note":"ü` + "\xff" + `"}`,
		// Broken from here on.
		`{"cost":%c,"wallet":"%w"`,
		`{"cost":%c,"wallet":"%w"}}`,
		`{"cost":%c "wallet":"%w"}`,
		`{"cost":NaN,"wallet":"%w"}`,
		`{"cost":"NaN","wallet":"%w"}`,
		`{"cost":1e400,"wallet":"%w"}`,
		`{"cost":01,"wallet":"%w"}`,
		`{"cost":1.,"wallet":"%w"}`,
		`{"cost":true,"wallet":"%w"}`,
		`{"cost":{"usd":%c},"wallet":"%w"}`,
		`{"cost":%c,"wallet":"%wx"}`,
		`{"cost":%c,"wallet":["%w"]}`,
		`{"cost":%c,"wallet":"alice"}`,
		`{"cost":%c}`, `{"wallet":"%w"}`, `{}`, `[]`, `null`, `"%w"`, `oops`,
		"{\"cost\":%c,\"wallet\":\"%w\",\"x\":\"\x01\"}",
		`{"cost":%c,"wallet":"%w","x":"\q"}`,
		`{"cost":%c,"wallet":"%w","x":"` + strings.Repeat("y", 20_000) + `"`,
		``, `   `,
	}
	return strings.NewReplacer("%w", w, "%c", cost).Replace(forms[g.rng.IntN(len(forms))])
}

// Name is the object that a day's log, or with part above 0 a part of it,
// lies in (product.md, Reputation).
func Name(day time.Time, part int, gz bool) string {
	name := "llm-calls/" + day.Format(time.DateOnly)
	if part > 0 {
		name += fmt.Sprintf("/part-%03d", part)
	}
	name += ".jsonl"
	if gz {
		name += ".gz"
	}
	return name
}
