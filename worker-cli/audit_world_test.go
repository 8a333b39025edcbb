package main

import (
	"bytes"
	"crypto/ecdsa"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/bucket"
	"github.com/BlockRunAI/worker-network/shared/localcloud/devchain"
	"github.com/BlockRunAI/worker-network/shared/localcloud/paidchain"
	"github.com/BlockRunAI/worker-network/shared/receipt"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// auditWorld is a chain on which payouts are made, and the result log that
// belongs to it.
type auditWorld struct {
	testing.TB
	paidchain.Chain
	limits   nodeLimits
	key      *ecdsa.PrivateKey // of the worker
	lines    map[int64][]resultlog.Line
	receipts map[int64]receipt.Receipt
	files    *bucket.Server
}

// auditStart is when the first result was accepted.
var auditStart = time.Date(2026, 10, 20, 23, 50, 0, 0, time.UTC)

func newAuditWorld(t testing.TB, o devchain.Options) *auditWorld {
	t.Helper()
	o.Instant = true
	w := &auditWorld{TB: t, lines: map[int64][]resultlog.Line{}, receipts: map[int64]receipt.Receipt{}}
	dev, err := devchain.Start(t.Context(), o)
	w.must(err)
	t.Cleanup(func() { _ = dev.Stop() })
	w.Chain = paidchain.Chain{Chain: dev, LogAddress: common.HexToAddress("0xB10C000000000000000000000000000000000106")}
	dev.Intercept(w.limits.intercept)
	w.key, err = crypto.ToECDSA(bytes.Repeat([]byte{5}, 32))
	w.must(err)
	return w
}

func (w *auditWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *auditWorld) worker() common.Address { return crypto.PubkeyToAddress(w.key.PublicKey) }

func (w *auditWorld) id(seq int64) ledger.PayoutID {
	return ledger.PayoutID{Worker: w.worker(), Seq: seq}
}

// earn makes n results of 100 micros each, which payout seq will collect.
func (w *auditWorld) earn(seq int64, n int) {
	w.Helper()
	for i := range n {
		at := auditStart.Add(time.Duration(seq)*time.Minute + time.Duration(i)*time.Second)
		status := 200
		r := api.Result{TaskID: "task_up", WorkerAddress: w.worker().Hex(), Timestamp: at.UnixMilli(), Success: true, ResponseTimeMs: 8, StatusCode: &status}
		w.must(api.Sign(&r, w.key))
		w.lines[seq] = append(w.lines[seq], resultlog.Line{
			Result: r, ResultID: api.ResultID(r), Payout: w.id(seq), Reward: 100, MultiplierBps: 10_000, Cycle: at.Unix(), AcceptedAt: at.Add(time.Second),
		})
	}
}

// pay pays what was earned, by the books.
func (w *auditWorld) pay(seq int64) { w.payTo(seq, w.worker()) }

// payTo pays it to anybody.
func (w *auditWorld) payTo(seq int64, to common.Address) {
	w.Helper()
	var ids []string
	for _, l := range w.lines[seq] {
		ids = append(ids, l.ResultID)
	}
	amount := ledger.Micros(100 * len(ids))
	mined, err := w.PayTo(w.Context(), w.id(seq), to, amount)
	w.must(err)
	w.receipts[seq] = receipt.Receipt{
		PayoutID: w.id(seq), AmountMicros: amount, ResultCount: int64(len(ids)), ResultsHash: ledger.ResultsHash(ids),
		PayoutTxHash: mined.TxHash, TS: auditStart.Add(time.Duration(seq) * time.Hour).UnixMilli(),
	}
}

// payouts makes payouts from number first to last, with two results each, and
// their receipts in one log transaction.
func (w *auditWorld) payouts(first, last int64) {
	w.Helper()
	var all []receipt.Receipt
	for seq := first; seq <= last; seq++ {
		w.earn(seq, 2)
		w.pay(seq)
		all = append(all, w.receipts[seq])
	}
	_, err := w.Chain.Log(w.Context(), all...)
	w.must(err)
}

// receiptOf writes a payout's receipt.
func (w *auditWorld) receiptOf(seq int64) {
	w.Helper()
	_, err := w.Chain.Log(w.Context(), w.receipts[seq])
	w.must(err)
}

// parts is the result log as it stands: a part of each payout's results a day.
func (w *auditWorld) parts() (all []resultlog.Part) {
	for _, lines := range w.lines {
		var entries []resultlog.Entry
		for _, l := range lines {
			entries = append(entries, resultlog.NewEntry([]resultlog.Line{l}))
		}
		all = append(all, resultlog.Parts(entries)...)
	}
	return all
}

func (w *auditWorld) writeParts(dir string) {
	w.Helper()
	for _, p := range w.parts() {
		name := filepath.Join(dir, filepath.FromSlash(p.Name()))
		w.must(os.MkdirAll(filepath.Dir(name), 0o700))
		w.must(os.WriteFile(name, p.Content, 0o600))
	}
}

// serveParts is a bucket with the result log.
func (w *auditWorld) serveParts() string {
	w.Helper()
	server, err := bucket.Start(w.Context(), bucket.Options{Name: "result-log"})
	w.must(err)
	w.Cleanup(func() { _ = server.Close() })
	for _, p := range w.parts() {
		server.Put("result-log", p.Name(), p.Content)
	}
	server.Put("result-log", "results/notes.txt", []byte("no part"))
	w.files = server
	return "http://" + server.Addr + "/result-log"
}

// args are the flags of an audit of all.
func (w *auditWorld) args(more ...string) []string {
	return append([]string{
		"audit", "--rpc", w.URL, "--chain-id", "84532", "--treasury", w.Treasury().Hex(), "--log-address", w.LogAddress.Hex(),
		"--sender", w.Sender().Hex(), "--from", "0",
	}, more...)
}

// The commands of the audit's scripts.
//
//	payouts 1 3            pays payouts 1 to 3, and writes their receipts
//	earn 4 2; pay 4        two results, and their payout, without a receipt
//	receipt 4 [CHANGE...]  its receipt: amount+1, count+1, hash, tx, seq=9, by=stranger
//	payto 4 0xADDRESS      pays somebody else in its place
//	plain 5, poison        a plain transfer of 5 micros; one of nothing
//	rubbish [by=stranger]  calldata that is no receipt
//	parts DIR, serve       the result log as files; in a bucket at $BUCKET
//	node LIMIT...          how the node misbehaves
//	mine N, reorg N        more blocks; other ones
//	mark                   the number of the next block is $MARK
func auditCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	number := func(ts *testscript.TestScript, text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		ts.Check(err)
		return n
	}
	at := func(ts *testscript.TestScript) *auditWorld { return ts.Value("world").(*auditWorld) }
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"exitcode": wantExitCode,
		"mode":     checkMode,
		"mark": func(ts *testscript.TestScript, _ bool, _ []string) {
			ts.Setenv("MARK", strconv.FormatUint(head(at(ts))+1, 10))
		},
		"reorg": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(at(ts).Reorg(at(ts).Context(), uint64(number(ts, args[0])), true))
		},
		"payouts": func(ts *testscript.TestScript, _ bool, args []string) {
			at(ts).payouts(number(ts, args[0]), number(ts, args[1]))
		},
		"earn": func(ts *testscript.TestScript, _ bool, args []string) {
			at(ts).earn(number(ts, args[0]), int(number(ts, args[1])))
		},
		"pay": func(ts *testscript.TestScript, _ bool, args []string) { at(ts).pay(number(ts, args[0])) },
		"payto": func(ts *testscript.TestScript, _ bool, args []string) {
			at(ts).payTo(number(ts, args[0]), common.HexToAddress(args[1]))
		},
		"receipt": func(ts *testscript.TestScript, _ bool, args []string) {
			at(ts).receipt(ts, number(ts, args[0]), args[1:])
		},
		"plain": func(ts *testscript.TestScript, _ bool, args []string) {
			w := at(ts)
			_, err := w.Plain(w.Context(), common.Address{9}, ledger.Micros(number(ts, args[0])))
			ts.Check(err)
		},
		"poison": func(ts *testscript.TestScript, _ bool, _ []string) {
			w := at(ts)
			_, err := w.Poison(w.Context(), common.Address{9})
			ts.Check(err)
		},
		"rubbish": func(ts *testscript.TestScript, _ bool, args []string) {
			w := at(ts)
			by := w.LogSender
			if len(args) > 0 {
				by = w.Relayer
			}
			_, err := w.Calldata(w.Context(), by, []byte("gm\x1b[2J"))
			ts.Check(err)
		},
		"parts": func(ts *testscript.TestScript, _ bool, args []string) { at(ts).writeParts(ts.MkAbs(args[0])) },
		"serve": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Setenv("BUCKET", at(ts).serveParts()) },
		"node":  func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(at(ts).limits.set(args)) },
		"mine": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(at(ts).Mine(at(ts).Context(), int(number(ts, args[0]))))
		},
	}
}

// receipt writes a payout's receipt, with changes.
func (w *auditWorld) receipt(ts *testscript.TestScript, seq int64, changes []string) {
	r, by := w.receipts[seq], w.LogSender
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		switch name {
		case "amount+1":
			r.AmountMicros++
		case "count+1":
			r.ResultCount++
		case "hash":
			r.ResultsHash = strings.Repeat("ab", 32)
		case "tx":
			r.PayoutTxHash = common.Hash{1}
		case "seq":
			n, err := strconv.ParseInt(value, 10, 64)
			ts.Check(err)
			r.PayoutID.Seq = n
		case "by":
			by = w.Relayer
		default:
			ts.Fatalf("receipt: %s?", change)
		}
	}
	_, err := w.LogBy(w.Context(), by, r)
	ts.Check(err)
}

// environment is what the scripts' commands read.
func (w *auditWorld) environment(env *testscript.Env) {
	env.Values["world"] = w
	env.Setenv("BASE_RPC_URL", w.URL)
	env.Setenv("CHAIN_ID", "84532")
	env.Setenv("TREASURY_ADDRESS", w.Treasury().Hex())
	env.Setenv("BLOCKRUN_LOG_ADDRESS", w.LogAddress.Hex())
	env.Setenv("LOG_SENDER_ADDRESSES", w.Sender().Hex())
	env.Setenv("WORKER", w.worker().Hex())
	env.Setenv("ID", strings.ToLower(w.worker().Hex()))
}

func head(w *auditWorld) uint64 {
	w.Helper()
	h, err := w.Head(w.Context())
	w.must(err)
	return h.Number.Uint64()
}
